//! `queue-urls.txt`.

use crate::vectors;
use sqs_rpc_protocol::{
    HostQueueUrl, QueueUrl, QueueUrlErrorKind, VirtualQueueName, VirtualQueueUrl,
};

const FILE: &str = include_str!("../vectors/queue-urls.txt");

/// The word for an error in the file.
fn reason(kind: &QueueUrlErrorKind) -> &'static str {
    match kind {
        QueueUrlErrorKind::Scheme => "scheme",
        QueueUrlErrorKind::UserInfo => "user-info",
        QueueUrlErrorKind::Query => "query",
        QueueUrlErrorKind::Authority => "authority",
        QueueUrlErrorKind::Partition => "partition",
        QueueUrlErrorKind::Port => "port",
        QueueUrlErrorKind::Path => "path",
        QueueUrlErrorKind::QueueName => "name",
        QueueUrlErrorKind::VirtualName(_) => "virtual-name",
        other => panic!("no word for {other}"),
    }
}

fn host(text: &str) -> HostQueueUrl {
    HostQueueUrl::parse(text).expect("the file has the URL of a host queue here")
}

#[test]
fn vectors_are_read_and_refused_as_the_file_says() {
    let mut seen = 0;
    for (line, vector) in vectors(FILE) {
        if let Some(refused) = vector.strip_prefix("refused ") {
            let (expected, url) = refused.split_once(' ').unwrap();
            let error = QueueUrl::parse(url).expect_err(vector);
            assert_eq!(reason(error.kind()), expected, "line {line}");
        } else {
            match vector.split(' ').collect::<Vec<_>>()[..] {
                ["host", url, region, account, name] => {
                    let url = host(url);
                    assert_eq!(url.region().unwrap_or("-"), region, "line {line}");
                    assert_eq!(
                        (url.account_id(), url.queue_name()),
                        (account, name),
                        "line {line}"
                    );
                }
                ["virtual", on, name] => {
                    let url = VirtualQueueUrl::parse(&format!("{on}#{name}")).unwrap();
                    assert_eq!(url.host(), &host(on), "line {line}");
                    assert_eq!(
                        url.name(),
                        &VirtualQueueName::parse(name).unwrap(),
                        "line {line}"
                    );
                    assert_eq!(
                        url,
                        VirtualQueueUrl::new(url.host(), url.name()),
                        "line {line}"
                    );
                }
                [verdict @ ("same" | "other"), a, b] => {
                    assert_eq!(host(a) == host(b), verdict == "same", "line {line}");
                    assert_eq!(host(b) == host(a), verdict == "same", "line {line}");
                }
                _ => panic!("line {line}: {vector}?"),
            }
        }
        seen += 1;
    }
    assert!(seen > 45, "{seen} vectors");
}

#[test]
fn errors_say_what_was_found_and_what_is_allowed() {
    let message = |text| QueueUrl::parse(text).unwrap_err().to_string();
    assert_eq!(
        message("login"),
        "\"login\" is not the URL of a host queue: it must begin with https:// or http://"
    );
    assert_eq!(
        message("http://h/123456789012/q#a b"),
        "\"http://h/123456789012/q#a b\" is not the URL of a virtual queue: \"a b\" is not the name of a virtual \
         queue: expected 1 to 80 characters of A-Z, a-z, 0-9, `_` and `-`"
    );
}

#[test]
fn errors_never_show_a_password() {
    let error = QueueUrl::parse("https://user:hunter2@h/123456789012/q?token=hunter2").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
