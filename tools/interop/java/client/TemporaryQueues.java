import java.net.URI;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import com.amazonaws.services.sqs.AmazonSQSRequester;
import com.amazonaws.services.sqs.AmazonSQSRequesterClientBuilder;
import com.amazonaws.services.sqs.AmazonSQSResponder;
import com.amazonaws.services.sqs.AmazonSQSResponderClientBuilder;
import com.amazonaws.services.sqs.MessageContent;
import com.amazonaws.services.sqs.util.SQSMessageConsumer;
import com.amazonaws.services.sqs.util.SQSMessageConsumerBuilder;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.SendMessageRequest;

/**
 * The responder or the requester of the Java Temporary Queue Client.
 *
 * <p>{@code serve ENDPOINT QUEUE_URL} replies to each request with its body in upper case and its attribute {@code tenant}. It
 * prints {@code ready} and ends when its input is closed. {@code request ENDPOINT QUEUE_URL COUNT} makes COUNT requests, one
 * after the other, and fails unless each gets this reply.
 */
public final class TemporaryQueues {
    private static final String TENANT = "tenant";

    private TemporaryQueues() {
    }

    public static void main(String[] arguments) throws Exception {
        SqsClient sqs = SqsClient.builder().endpointOverride(URI.create(arguments[1])).build();
        switch (arguments[0]) {
            case "serve" -> serve(sqs, arguments[2]);
            case "request" -> request(sqs, arguments[2], Integer.parseInt(arguments[3]));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        // Threads of the client may outlive its shutdown.
        System.exit(0);
    }

    private static void serve(SqsClient sqs, String queueUrl) throws Exception {
        AmazonSQSResponder responder = AmazonSQSResponderClientBuilder.standard().withAmazonSQS(sqs).build();
        SQSMessageConsumer consumer = SQSMessageConsumerBuilder.standard().withAmazonSQS(responder.getAmazonSQS())
                .withQueueUrl(queueUrl).withConsumer(message -> {
                    MessageContent request = MessageContent.fromMessage(message);
                    MessageContent reply = new MessageContent(request.getMessageBody().toUpperCase(Locale.ROOT));
                    reply.setMessageAttributesEntry(TENANT, request.getMessageAttributes().get(TENANT));
                    responder.sendResponseMessage(request, reply);
                }).build();
        consumer.start();
        System.out.println("ready");
        while (System.in.read() >= 0) {
            // Wait until the starting program closes the input.
        }
        consumer.terminate();
        responder.shutdown();
    }

    private static void request(SqsClient sqs, String queueUrl, int count) throws Exception {
        AmazonSQSRequester requester = AmazonSQSRequesterClientBuilder.standard().withAmazonSQS(sqs).build();
        for (int number = 0; number < count; number++) {
            SendMessageRequest request = SendMessageRequest.builder().queueUrl(queueUrl).messageBody("hello " + number)
                    .messageAttributes(Map.of(TENANT,
                            MessageAttributeValue.builder().dataType("String").stringValue("t" + number).build()))
                    .build();
            Message reply = requester.sendMessageAndGetResponse(request, 20, TimeUnit.SECONDS);
            MessageAttributeValue tenant = reply.messageAttributes().get(TENANT);
            if (!reply.body().equals("HELLO " + number) || tenant == null
                    || !tenant.stringValue().equals("t" + number)) {
                throw new AssertionError(reply);
            }
        }
        requester.shutdown();
    }
}
