import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.MessageSystemAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;

/** Uses queues with the AWS SDK for Java; the SDK itself checks the digests of received messages. */
public final class SdkCheck {
    private SdkCheck() {
    }

    public static void main(String[] arguments) {
        try (SqsClient sqs = SqsClient.builder().endpointOverride(URI.create(arguments[0])).build()) {
            String url = sqs.createQueue(create -> create.queueName("invoices")
                    .attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "45"))
                    .tags(Map.of("team", "a"))).queueUrl();
            messages(sqs, url);
            batches(sqs, url);
            queues(sqs, url);
        }
    }

    private static void messages(SqsClient sqs, String url) {
        Map<String, MessageAttributeValue> attributes = Map.of(
                "text", MessageAttributeValue.builder().dataType("String").stringValue("grün & <b>").build(),
                "number", MessageAttributeValue.builder().dataType("Number.int").stringValue("7").build(),
                "bytes", MessageAttributeValue.builder().dataType("Binary")
                        .binaryValue(SdkBytes.fromByteArray(new byte[] {0, -1})).build());
        String body = "a\r\nb <c> \uD83D\uDE00";
        String id = sqs.sendMessage(send -> send.queueUrl(url).messageBody(body).messageAttributes(attributes))
                .messageId();
        Message message = one(sqs, url);
        equal(id, message.messageId());
        equal(body, message.body());
        equal(attributes, message.messageAttributes());
        equal("1", message.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT));

        sqs.changeMessageVisibility(change -> change.queueUrl(url).receiptHandle(message.receiptHandle())
                .visibilityTimeout(0));
        Message again = one(sqs, url);
        equal(id, again.messageId());
        sqs.deleteMessage(delete -> delete.queueUrl(url).receiptHandle(again.receiptHandle()));
        equal(List.of(), sqs.receiveMessage(receive -> receive.queueUrl(url)).messages());
    }

    private static void batches(SqsClient sqs, String url) {
        var sent = sqs.sendMessageBatch(batch -> batch.queueUrl(url).entries(
                SendMessageBatchRequestEntry.builder().id("good").messageBody("x").build(),
                SendMessageBatchRequestEntry.builder().id("late").messageBody("y").delaySeconds(901).build()));
        equal(List.of("good"), sent.successful().stream().map(entry -> entry.id()).toList());
        equal(List.of("late"), sent.failed().stream().map(entry -> entry.id()).toList());
        equal(true, sent.failed().get(0).senderFault());
        Message message = one(sqs, url);
        var deleted = sqs.deleteMessageBatch(batch -> batch.queueUrl(url).entries(
                DeleteMessageBatchRequestEntry.builder().id("good").receiptHandle(message.receiptHandle()).build(),
                DeleteMessageBatchRequestEntry.builder().id("bad").receiptHandle("nonsense").build()));
        equal(List.of("good"), deleted.successful().stream().map(entry -> entry.id()).toList());
        equal(List.of("bad"), deleted.failed().stream().map(entry -> entry.id()).toList());
    }

    private static void queues(SqsClient sqs, String url) {
        equal("45", sqs.getQueueAttributes(get -> get.queueUrl(url).attributeNames(QueueAttributeName.ALL))
                .attributes().get(QueueAttributeName.VISIBILITY_TIMEOUT));
        sqs.tagQueue(tag -> tag.queueUrl(url).tags(Map.of("stage", "test")));
        equal(Map.of("team", "a", "stage", "test"), sqs.listQueueTags(tags -> tags.queueUrl(url)).tags());
        sqs.untagQueue(untag -> untag.queueUrl(url).tagKeys("team"));
        equal(Map.of("stage", "test"), sqs.listQueueTags(tags -> tags.queueUrl(url)).tags());

        sqs.createQueue(create -> create.queueName("invoices-2"));
        var pages = sqs.listQueuesPaginator(list -> list.queueNamePrefix("invoices").maxResults(1));
        equal(2L, pages.queueUrls().stream().count());

        sqs.deleteQueue(delete -> delete.queueUrl(url));
        try {
            sqs.getQueueUrl(get -> get.queueName("invoices"));
            throw new AssertionError("a deleted queue was found");
        } catch (QueueDoesNotExistException expected) {
            equal("AWS.SimpleQueueService.NonExistentQueue", expected.awsErrorDetails().errorCode());
        }
    }

    private static Message one(SqsClient sqs, String url) {
        List<Message> messages = sqs.receiveMessage(receive -> receive.queueUrl(url).waitTimeSeconds(5)
                .maxNumberOfMessages(10).messageAttributeNames("All").attributeNames(QueueAttributeName.ALL))
                .messages();
        equal(1, messages.size());
        return messages.get(0);
    }

    private static void equal(Object expected, Object seen) {
        if (!Objects.equals(expected, seen)) {
            throw new AssertionError(seen + ", not " + expected);
        }
    }
}
