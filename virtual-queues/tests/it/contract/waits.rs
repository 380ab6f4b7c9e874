//! How long a receive waits.

use aws_sdk_sqs::types::QueueAttributeName;
use local_sqs::Behaviour;
use local_sqs::engine::Action;

use super::face::{Ask, Subject};
use crate::support::TestResult;

super::contract!(
    a_long_poll_waits_its_time_and_no_longer,
    a_short_poll_takes_what_is_there_and_does_not_wait,
    without_a_wait_the_hosts_own_counts_and_is_asked_for_once,
    a_host_that_does_not_say_how_long_is_asked_again,
);

async fn a_long_poll_waits_its_time_and_no_longer(subject: &Subject) -> TestResult {
    let queue = subject.create("q").await;
    for wait in [1, 20] {
        let start = tokio::time::Instant::now();
        let ask = Ask {
            wait: Some(wait),
            ..Ask::default()
        };
        assert!(subject.receive(&queue, ask).await?.is_empty());
        assert_eq!(start.elapsed().as_secs(), wait as u64);
    }
    Ok(())
}

async fn a_short_poll_takes_what_is_there_and_does_not_wait(subject: &Subject) -> TestResult {
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
    assert_eq!(start.elapsed().as_secs(), 0);
    Ok(())
}

async fn without_a_wait_the_hosts_own_counts_and_is_asked_for_once(
    subject: &Subject,
) -> TestResult {
    let create = subject.world.client.create_queue().queue_name("patient");
    let wait = QueueAttributeName::ReceiveMessageWaitTimeSeconds;
    let made = create.attributes(wait, "5").send().await?;
    let host = made.queue_url.unwrap().parse()?;
    let queue = subject.create_on(&host, "q", &[], &[]).await?;
    for _ in 0..2 {
        let start = tokio::time::Instant::now();
        assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
        assert_eq!(start.elapsed().as_secs(), 5);
    }
    assert_eq!(subject.world.calls("GetQueueAttributes"), 1);
    // SQS's own default is not to wait.
    let impatient = subject.create("q").await;
    let start = tokio::time::Instant::now();
    assert!(
        subject
            .receive(&impatient, Ask::default())
            .await?
            .is_empty()
    );
    assert_eq!(start.elapsed().as_secs(), 0);
    Ok(())
}

async fn a_host_that_does_not_say_how_long_is_asked_again(subject: &Subject) -> TestResult {
    let create = subject.world.client.create_queue().queue_name("patient");
    let wait = QueueAttributeName::ReceiveMessageWaitTimeSeconds;
    let made = create.attributes(wait, "5").send().await?;
    let host = made.queue_url.unwrap().parse()?;
    let queue = subject.create_on(&host, "q", &[], &[]).await?;
    let unavailable = Behaviour::default().unavailable(1.0);
    subject
        .world
        .local
        .set_behaviour(unavailable.only([Action::GetQueueAttributes]));
    // The SDK's own repetition takes its time; the short poll after it takes none.
    assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
    subject.world.local.set_behaviour(Behaviour::default());
    let start = tokio::time::Instant::now();
    assert!(subject.receive(&queue, Ask::default()).await?.is_empty());
    assert_eq!(start.elapsed().as_secs(), 5);
    Ok(())
}
