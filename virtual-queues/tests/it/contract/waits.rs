//! How long a receive waits.

use aws_sdk_sqs::types::QueueAttributeName;
use sqs_rpc_protocol::HostQueueUrl;

use super::CheckResult;
use super::face::{Ask, Subject};

super::contract!(
    a_long_poll_waits_exactly_its_time,
    a_short_poll_returns_available_messages_without_a_wait,
    without_a_wait_the_hosts_own_is_read_once,
    a_failed_read_of_the_hosts_wait_is_repeated,
);

/// A real queue on which a receive without a wait waits 5 s.
async fn patient_host(subject: &Subject) -> HostQueueUrl {
    let wait = QueueAttributeName::ReceiveMessageWaitTimeSeconds;
    subject.site.host_with("patient", &[(wait, "5")]).await
}

async fn a_long_poll_waits_exactly_its_time(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    for wait in [1, 20] {
        let start = tokio::time::Instant::now();
        let ask = Ask {
            wait: Some(wait),
            ..Ask::default()
        };
        assert!(subject.receive(&queue, ask).await?.is_empty());
        subject.site.took(start, wait as u64);
    }
    Ok(())
}

async fn a_short_poll_returns_available_messages_without_a_wait(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let ask = Ask {
        wait: Some(0),
        max: Some(10),
        ..Ask::default()
    };
    let start = tokio::time::Instant::now();
    assert!(subject.receive(&queue, ask.clone()).await?.is_empty());
    subject.send(&queue, "b").await?;
    assert_eq!(subject.receive(&queue, ask).await?.len(), 1);
    subject.site.took(start, 0);
    Ok(())
}

async fn without_a_wait_the_hosts_own_is_read_once(subject: &Subject) -> CheckResult {
    let host = patient_host(subject).await;
    let queue = subject.create_on(&host, "q", &[], &[]).await?;
    for _ in 0..2 {
        let start = tokio::time::Instant::now();
        assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
        subject.site.took(start, 5);
    }
    assert_eq!(subject.site.calls_of("GetQueueAttributes"), 1);
    // SQS's own default is no wait.
    let impatient = subject.create("q").await;
    let start = tokio::time::Instant::now();
    assert!(
        subject
            .receive(&impatient, Ask::default())
            .await?
            .is_empty()
    );
    subject.site.took(start, 0);
    Ok(())
}

async fn a_failed_read_of_the_hosts_wait_is_repeated(subject: &Subject) -> CheckResult {
    let host = patient_host(subject).await;
    let queue = subject.create_on(&host, "q", &[], &[]).await?;
    subject.site.close_to(Some("GetQueueAttributes"));
    // The SDK's own retries take some time; the short poll after them takes none.
    assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
    subject.site.close_to(None);
    let start = tokio::time::Instant::now();
    assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
    subject.site.took(start, 5);
    Ok(())
}
