import java.lang.management.ManagementFactory;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import com.amazonaws.services.sqs.AmazonSQSRequester;
import com.amazonaws.services.sqs.AmazonSQSRequesterClientBuilder;
import com.amazonaws.services.sqs.AmazonSQSResponder;
import com.amazonaws.services.sqs.AmazonSQSResponderClientBuilder;
import com.amazonaws.services.sqs.MessageContent;
import com.amazonaws.services.sqs.util.SQSMessageConsumer;
import com.amazonaws.services.sqs.util.SQSMessageConsumerBuilder;
import com.sun.management.OperatingSystemMXBean;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.SendMessageRequest;

/**
 * Measures the cost of a request with the Java Temporary Queue Client: both ends in this process, each with its own SDK client.
 *
 * <p>{@code load ENDPOINT QUEUE_URL CALLERS REQUESTS WARM_UP PAYLOAD POLLS} runs CALLERS callers, each of which sends its next
 * request as soon as it has a reply, against a responder that echoes the body. {@code idle ENDPOINT QUEUE_URL SECONDS} makes
 * one request and then none. Both print one line of JSON with the keys of {@code sqs-rpc bench --json}.
 */
public final class Load {
    private static final int TIMEOUT_SECONDS = 120;
    private static final double MICROS = 1e3;

    private Load() {
    }

    public static void main(String[] arguments) throws Exception {
        Ends ends = new Ends(arguments[1], arguments[2], arguments[0].equals("load") ? number(arguments[7]) : 1);
        switch (arguments[0]) {
            case "load" -> load(ends, number(arguments[3]), number(arguments[4]), number(arguments[5]),
                    "x".repeat(number(arguments[6])));
            case "idle" -> idle(ends, number(arguments[3]));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        // Threads of the client may outlive its shutdown.
        System.exit(0);
    }

    private static int number(String argument) {
        return Integer.parseInt(argument);
    }

    private static void load(Ends ends, int callers, int requests, int warmUp, String body) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        run(ends, threads, callers, warmUp, body);
        ManagementFactory.getThreadMXBean().resetPeakThreadCount();
        Map<String, Long> before = ends.calls();
        long cpu = cpuNanos();
        long start = System.nanoTime();
        long[] latencies = run(ends, threads, callers, requests, body);
        double seconds = (System.nanoTime() - start) / 1e9;
        double cpuMicros = (cpuNanos() - cpu) / MICROS;
        Map<String, Long> calls = since(before, ends.calls());
        // Every thread of Java 17 is an operating system thread.
        int osThreads = ManagementFactory.getThreadMXBean().getPeakThreadCount();
        threads.shutdown();
        ends.stop();
        Arrays.sort(latencies);
        System.out.println(String.format(Locale.ROOT,
                "{\"requests\":%d,\"rpc_per_second\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,"
                        + "\"calls_per_rpc\":%.5f,\"cpu_us_per_rpc\":%.3f,\"os_threads\":%d,\"calls\":%s}",
                requests, requests / seconds, millis(latencies, 0.5), millis(latencies, 0.99), millis(latencies, 0.999),
                sum(calls) / (double) requests, cpuMicros / requests, osThreads, json(calls)));
    }

    private static void idle(Ends ends, int seconds) throws Exception {
        ends.request("once");
        Map<String, Long> asking = ends.asking.snapshot();
        Map<String, Long> answering = ends.answering.snapshot();
        Thread.sleep(Duration.ofSeconds(seconds).toMillis());
        asking = since(asking, ends.asking.snapshot());
        answering = since(answering, ends.answering.snapshot());
        ends.stop();
        System.out.println(String.format(Locale.ROOT, "{\"seconds\":%d,\"requester\":%s,\"responder\":%s}", seconds,
                json(asking), json(answering)));
    }

    /** Runs the requests and returns their latencies in nanoseconds. */
    private static long[] run(Ends ends, ExecutorService threads, int callers, int requests, String body)
            throws Exception {
        long[] latencies = new long[requests];
        AtomicInteger begun = new AtomicInteger();
        List<Callable<Void>> loops = new ArrayList<>();
        for (int caller = 0; caller < callers; caller++) {
            loops.add(() -> {
                for (int mine = begun.getAndIncrement(); mine < requests; mine = begun.getAndIncrement()) {
                    long start = System.nanoTime();
                    ends.request(body);
                    latencies[mine] = System.nanoTime() - start;
                }
                return null;
            });
        }
        for (Future<Void> loop : threads.invokeAll(loops)) {
            // A failed request ends the run, because missing requests would make the result look better.
            loop.get();
        }
        return latencies;
    }

    private static double millis(long[] sorted, double quantile) {
        int rank = (int) Math.ceil(quantile * sorted.length);
        return sorted[Math.max(rank, 1) - 1] / 1e6;
    }

    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static Map<String, Long> since(Map<String, Long> before, Map<String, Long> now) {
        Map<String, Long> calls = new TreeMap<>();
        now.forEach((action, count) -> {
            long more = count - before.getOrDefault(action, 0L);
            if (more > 0) {
                calls.put(action, more);
            }
        });
        return calls;
    }

    private static long sum(Map<String, Long> calls) {
        return calls.values().stream().mapToLong(Long::longValue).sum();
    }

    private static String json(Map<String, Long> calls) {
        StringBuilder text = new StringBuilder("{");
        calls.forEach((action, count) -> text.append(text.length() > 1 ? "," : "").append('"').append(action)
                .append("\":").append(count));
        return text.append('}').toString();
    }

    /** Counts attempts, because SQS charges each attempt. */
    private static final class Counter implements ExecutionInterceptor {
        private final Map<String, AtomicLong> calls = new java.util.concurrent.ConcurrentHashMap<>();

        @Override
        public void beforeTransmission(Context.BeforeTransmission context, ExecutionAttributes attributes) {
            String action = context.request().getClass().getSimpleName().replaceAll("Request$", "");
            calls.computeIfAbsent(action, it -> new AtomicLong()).incrementAndGet();
        }

        Map<String, Long> snapshot() {
            Map<String, Long> snapshot = new TreeMap<>();
            calls.forEach((action, count) -> snapshot.put(action, count.get()));
            return snapshot;
        }
    }

    /** A requester and a responder. */
    private static final class Ends {
        private final Counter asking = new Counter();
        private final Counter answering = new Counter();
        private final AmazonSQSRequester requester;
        private final AmazonSQSResponder responder;
        private final SQSMessageConsumer consumer;
        private final String queueUrl;

        Ends(String endpoint, String queueUrl, int polls) {
            this.queueUrl = queueUrl;
            requester = AmazonSQSRequesterClientBuilder.standard().withAmazonSQS(client(endpoint, asking)).build();
            responder = AmazonSQSResponderClientBuilder.standard().withAmazonSQS(client(endpoint, answering)).build();
            consumer = SQSMessageConsumerBuilder.standard().withAmazonSQS(responder.getAmazonSQS())
                    .withQueueUrl(queueUrl).withPollingThreadCount(polls).withConsumer(message -> {
                        MessageContent request = MessageContent.fromMessage(message);
                        responder.sendResponseMessage(request, new MessageContent(request.getMessageBody()));
                    }).build();
            consumer.start();
        }

        /** With the default of 50 connections, 256 callers would wait for connections. */
        private static SqsClient client(String endpoint, Counter counter) {
            return SqsClient.builder().endpointOverride(URI.create(endpoint))
                    .httpClientBuilder(ApacheHttpClient.builder().maxConnections(1_000))
                    .overrideConfiguration(it -> it.addExecutionInterceptor(counter)).build();
        }

        void request(String body) throws Exception {
            SendMessageRequest request = SendMessageRequest.builder().queueUrl(queueUrl).messageBody(body).build();
            String reply = requester.sendMessageAndGetResponse(request, TIMEOUT_SECONDS, TimeUnit.SECONDS).body();
            if (!reply.equals(body)) {
                throw new AssertionError(reply);
            }
        }

        /** The calls of both ends. */
        Map<String, Long> calls() {
            Map<String, Long> calls = new TreeMap<>(asking.snapshot());
            answering.snapshot().forEach((action, count) -> calls.merge(action, count, Long::sum));
            return calls;
        }

        void stop() {
            consumer.terminate();
            responder.shutdown();
            requester.shutdown();
        }
    }
}
