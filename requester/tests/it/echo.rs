/// Answers each request on a queue with the request's own body, by plain SDK calls. Runs until a receive fails.
pub(crate) async fn echo(sqs: aws_sdk_sqs::Client, queue_url: String) {
    let text = |value: &str| {
        let value = aws_sdk_sqs::types::MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value);
        value.build().expect("complete")
    };
    loop {
        let poll = sqs
            .receive_message()
            .queue_url(&queue_url)
            .wait_time_seconds(20)
            .max_number_of_messages(10);
        let Ok(received) = poll.message_attribute_names("All").send().await else {
            return;
        };
        for message in received.messages() {
            let attributes = message
                .message_attributes()
                .expect("a request has attributes");
            let address = attributes["ResponseQueueUrl"]
                .string_value()
                .expect("a text");
            let (host, name) = address.split_once('#').expect("a virtual queue");
            let reply = sqs
                .send_message()
                .queue_url(host)
                .message_body(message.body().expect("a body"));
            let reply =
                reply.message_attributes("__AmazonSQSVirtualQueuesClient.QueueName", text(name));
            // If the host is deleted, nobody waits for the reply.
            let _ = reply.send().await;
            let handle = message.receipt_handle().expect("a handle");
            let _ = sqs
                .delete_message()
                .queue_url(&queue_url)
                .receipt_handle(handle)
                .send()
                .await;
        }
    }
}
