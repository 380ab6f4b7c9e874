//! The HTTP server with peers that are slow, broken or hostile.

use crate::support::{http_client, now, over_http};
use local_sqs::{AccessKey, Behaviour, LocalSqs, Server};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(7);

async fn server() -> Server {
    let address = "127.0.0.1:0".parse().expect("an address");
    let bound = Server::builder(LocalSqs::start())
        .request_time(LIMIT)
        .bind(address)
        .await;
    bound.expect("a free port")
}

/// Sends bytes, and returns all bytes until the server closes the connection.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    // A server that refuses early may close the connection before all bytes are written.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(method: &str, rest: &str) -> String {
    format!("{method} / HTTP/1.1\r\nhost: localhost\r\n{rest}\r\n")
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_head_closes_the_connection_in_time() {
    let server = server().await;
    let started = now();
    let answer = exchange(server.local_addr(), b"POST / HTTP/1.1\r\nhost: l").await;
    assert_eq!(answer, "");
    assert!((LIMIT..LIMIT + LIMIT).contains(&started.elapsed()));
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_body_is_answered_in_time() {
    let server = server().await;
    let started = now();
    let request = head("POST", "connection: close\r\ncontent-length: 50\r\n") + "Action=List";
    let answer = exchange(server.local_addr(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    assert!(started.elapsed() < LIMIT + LIMIT);
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_open_beyond_the_request_time() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.local_addr())
        .await
        .expect("connected");
    let request = head("GET", "content-length: 17\r\n") + "Action=ListQueues";
    for _ in 0..3 {
        tokio::time::sleep(10 * LIMIT).await;
        stream.write_all(request.as_bytes()).await.expect("open");
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 200");
        // Reads the rest of this answer, whatever its length.
        while !answer.ends_with(b"</ListQueuesResponse>") {
            answer.push(stream.read_u8().await.expect("the rest"));
        }
    }
    drop(stream);
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_an_incomplete_request() {
    let server = server().await;
    let mut stream = TcpStream::connect(server.local_addr())
        .await
        .expect("connected");
    let request = head("POST", "content-length: 50\r\n") + "Action=List";
    stream.write_all(request.as_bytes()).await.expect("open");
    // The server has received the head by now, because it answers another connection.
    let request = head("GET", "connection: close\r\n");
    let other = exchange(server.local_addr(), request.as_bytes()).await;
    assert!(other.contains("MissingAction"));
    let started = now();
    server.shutdown().await;
    assert!(started.elapsed() <= Duration::from_secs(5) + Duration::from_millis(10));
}

#[tokio::test]
async fn a_request_too_long_is_refused_in_its_protocol() {
    let (_sqs, server, _) = over_http().await;
    let length = "connection: close\r\ncontent-length: 16777217\r\n";
    let form = head("POST", length);
    let json = head(
        "POST",
        &format!("{length}x-amz-target: AmazonSQS.SendMessage\r\n"),
    );
    for (request, code) in [
        (form, "<Code>RequestEntityTooLarge</Code>"),
        (json, "\"com.amazonaws.sqs#RequestEntityTooLarge\""),
    ] {
        let answer = exchange(server.local_addr(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains(code), "{answer}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn malformed_requests_are_refused_without_harm() {
    let (_sqs, server, client) = over_http().await;
    let chunked = "transfer-encoding: chunked\r\nconnection: close\r\n";
    let many = "x: y\r\n".repeat(1_000);
    for (request, status) in [
        (head("POST", chunked) + "zz\r\n", "400"),
        (head("POST", chunked) + "5\r\nab", ""),
        (head("PUT", "connection: close\r\n"), "405"),
        (
            head(
                "GET",
                "connection: close\r\nx-amz-target: AmazonSQS.ListQueues\r\n",
            ),
            "405",
        ),
        (
            head(
                "POST",
                "connection: close\r\nx-amz-target: AmazonSQS.Nonsense\r\n",
            ),
            "404",
        ),
        (head("GET", &many), "431"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (
            head("GET", "connection: close\r\n").replace(" / ", " /?Action=ListQueues&Version=1 "),
            "400",
        ),
    ] {
        let mut stream = TcpStream::connect(server.local_addr())
            .await
            .expect("connected");
        let _ = stream.write_all(request.as_bytes()).await;
        if status.is_empty() {
            drop(stream);
        } else {
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{request}: {answer}"
            );
        }
    }
    client.list_queues().send().await.expect("still there");
    server.shutdown().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (_sqs, server, _) = over_http().await;
    let first = head("GET", "").replace(" / ", " /?Action=ListQueues ");
    let last = head("GET", "connection: close\r\n").replace(" / ", " /?Action=Nonsense ");
    let answers = exchange(
        server.local_addr(),
        (first.clone() + &first + &last).as_bytes(),
    )
    .await;
    let found: Vec<_> = answers.matches("<ListQueuesResponse").collect();
    assert_eq!(found.len(), 2, "{answers}");
    assert!(answers.ends_with("</ErrorResponse>"), "{answers}");
    server.shutdown().await;
}

#[tokio::test]
async fn ids_are_not_repeated_in_the_next_run() {
    let ids = |sqs: LocalSqs| async move {
        let url = sqs.create_queue("jobs").await.expect("made");
        let client = sqs.client();
        let send = client.send_message().queue_url(&url).message_body("x");
        let sent = send.send().await.expect("sent");
        let received = client.receive_message().queue_url(&url).send().await;
        let message = received.expect("received").messages()[0].clone();
        (sent.message_id, message.receipt_handle)
    };
    let first = ids(LocalSqs::start()).await;
    let second = ids(LocalSqs::start()).await;
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
    let seeded = || ids(LocalSqs::builder().seed(7).build());
    assert_eq!(seeded().await, seeded().await);
}

#[tokio::test]
async fn health_is_answered_without_a_key_and_despite_faults() {
    let sqs = LocalSqs::builder()
        .access_key(AccessKey::new("AKID", "secret"))
        .behaviour(Behaviour::default().unavailable(1.0))
        .build();
    let any = "127.0.0.1:0".parse().expect("an address");
    let server = Server::bind(sqs.clone(), any).await.expect("a free port");
    for (method, body) in [("GET", "ok\n"), ("HEAD", "")] {
        let request = head(method, "connection: close\r\n").replace(" / ", " /health ");
        let answer = exchange(server.local_addr(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
    }
    assert_eq!(sqs.calls().total(), 0);
    let post = head("POST", "connection: close\r\n").replace(" / ", " /health ");
    let answer = exchange(server.local_addr(), post.as_bytes()).await;
    assert!(answer.contains("MissingAction"), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_use_the_server() {
    let server = Server::builder(LocalSqs::start())
        .allow_origin("http://localhost:3000".parse().expect("an origin"))
        .bind("127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a free port");
    let ask = async |method: &str, origin: &str, rest: &str| {
        let request = head(
            method,
            &format!("connection: close\r\norigin: {origin}\r\n{rest}"),
        );
        exchange(server.local_addr(), request.as_bytes()).await
    };
    let wants = "access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-amz-target\r\n";
    let allowed = "access-control-allow-origin: http://localhost:3000\r\n";

    let preflight = ask("OPTIONS", "http://localhost:3000", wants).await;
    assert!(preflight.starts_with("HTTP/1.1 204"), "{preflight}");
    assert!(preflight.contains(allowed), "{preflight}");
    assert!(
        preflight.contains("access-control-allow-headers: authorization,x-amz-target\r\n"),
        "{preflight}"
    );
    assert!(
        preflight.contains("access-control-allow-methods: GET, POST\r\n"),
        "{preflight}"
    );
    // Errors need the header, too, because otherwise a page could not read them.
    let answer = ask("POST", "http://localhost:3000", "").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains(allowed), "{answer}");
    assert!(
        answer.contains("access-control-expose-headers: "),
        "{answer}"
    );

    let preflight = ask("OPTIONS", "http://evil.example", wants).await;
    assert!(preflight.starts_with("HTTP/1.1 403"), "{preflight}");
    for answer in [preflight, ask("POST", "http://evil.example", "").await] {
        assert!(!answer.contains("allow-origin"), "{answer}");
        assert!(answer.contains("vary: origin\r\n"), "{answer}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn without_allowed_origins_a_preflight_is_refused() {
    let (_sqs, server, _) = over_http().await;
    let request = head(
        "OPTIONS",
        "connection: close\r\norigin: http://a\r\naccess-control-request-method: POST\r\n",
    );
    let answer = exchange(server.local_addr(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_on_all_addresses_is_reached_by_loopback() {
    for (address, expected) in [
        ("0.0.0.0:0", "http://127.0.0.1:"),
        ("127.0.0.1:0", "http://127.0.0.1:"),
        ("[::1]:0", "http://[::1]:"),
        ("[::]:0", "http://[::1]:"),
    ] {
        let sqs = LocalSqs::start();
        sqs.create_queue("jobs").await.expect("made");
        let address = address.parse().expect("an address");
        let server = Server::bind(sqs.clone(), address)
            .await
            .expect("a free port");
        let url = server.endpoint_url();
        assert!(url.starts_with(expected), "{url}");
        let client = http_client(&sqs, &server);
        let found = client.get_queue_url().queue_name("jobs").send().await;
        let found = found.expect("found").queue_url.expect("a URL");
        assert_eq!(found, server.queue_url("jobs"));
        let send = client.send_message().queue_url(found).message_body("x");
        send.send().await.expect("sent");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn every_request_is_traced_even_if_malformed() {
    let (lines, seen) = mpsc::channel();
    let sqs = LocalSqs::builder()
        .trace(move |request| drop(lines.send(request.to_string())))
        .build();
    let server = Server::bind(sqs.clone(), "127.0.0.1:0".parse().expect("an address"))
        .await
        .expect("a free port");
    let request = head("GET", "connection: close\r\n");
    for path in [
        "/health",
        "/?Action=Nonsense",
        "/?Action=DeleteQueue&QueueUrl=http%3A%2F%2Fh%2F1%2Fa%1Bb",
        "/?Action=ListQueues",
    ] {
        let request = request.replace(" / ", &format!(" {path} "));
        exchange(server.local_addr(), request.as_bytes()).await;
    }
    sqs.set_behaviour(Behaviour::default().lost_answers(1.0));
    let lost = request.replace(" / ", " /?Action=ListQueues ");
    assert_eq!(exchange(server.local_addr(), lost.as_bytes()).await, "");
    server.shutdown().await;

    let lines: Vec<_> = seen.try_iter().collect();
    let expected = [
        "- * 400 InvalidAction",
        "DeleteQueue a\\u{1b}b 400 AWS.SimpleQueueService.NonExistentQueue",
        "ListQueues * 200 ok 0",
        "ListQueues * 200 ok 0 answer lost",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("{expected} ")), "{lines:#?}");
    }
}
