//! Which calls are made while SQS does not answer, and when it answers again.

use local_sqs::{Behaviour, LocalSqs};
use sqs_rpc_protocol::HostQueueUrl;
use sqs_rpc_transport::{FaultKind, Sqs};

async fn look(sqs: &Sqs, url: &HostQueueUrl) -> Option<FaultKind> {
    use aws_sdk_sqs::operation::get_queue_attributes::builders::GetQueueAttributesInputBuilder;
    let input = GetQueueAttributesInputBuilder::default().queue_url(url.as_str());
    let result = sqs.get_queue_attributes(input).await;
    result.err().map(|fault| fault.kind())
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_calls_are_not_retried_until_an_answer()
-> Result<(), Box<dyn std::error::Error>> {
    let local = LocalSqs::start();
    let url = local.create_queue("host").await?.parse()?;
    let sqs = Sqs::from(local.client());
    let calls = || local.calls().of("GetQueueAttributes");
    let serves = |serves| {
        let fails = if serves { 0.0 } else { 1.0 };
        local.set_behaviour(Behaviour::default().unavailable(fails));
    };
    serves(false);
    for expected in [3, 4, 5] {
        assert_eq!(look(&sqs, &url).await, Some(FaultKind::Unavailable));
        assert_eq!(calls(), expected);
    }
    serves(true);
    assert_eq!((look(&sqs, &url).await, calls()), (None, 6));
    serves(false);
    look(&sqs, &url).await;
    assert_eq!(calls(), 9, "the SDK retries after a short failure");
    Ok(())
}
