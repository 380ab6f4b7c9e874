//! Every error of bad input shows the found and the allowed values, before any call.

use super::CheckResult;
use super::face::{Ask, Letter, Subject};

super::contract!(
    messages_sqs_would_refuse_are_refused_before_any_call,
    a_number_out_of_range_is_refused_before_any_call,
    an_invalid_queue_name_is_refused,
);

async fn messages_sqs_would_refuse_are_refused_before_any_call(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let before = subject.site.calls();
    let body = || Letter::from("b");
    let with = |n: usize| (0..n).fold(body(), |it, n| it.attribute(&n.to_string(), "v"));
    for (letter, code, expected) in [
        (
            body().attribute("__AmazonSQSVirtualQueuesClient.QueueName", "x"),
            "InvalidParameterValue",
            "QueueName\" is reserved: `ResponseQueueUrl` and names",
        ),
        (
            with(10),
            "InvalidParameterValue",
            "10 attributes are given; allowed are 9",
        ),
        (
            Letter::from("a\u{1}"),
            "InvalidMessageContents",
            "character U+0001 at byte 1 is not allowed",
        ),
        (
            body().attribute("a b", "x"),
            "InvalidParameterValue",
            "has a forbidden character",
        ),
        (
            body().attribute("a", ""),
            "InvalidParameterValue",
            "the value of attribute a cannot be sent",
        ),
        (
            Letter::from("b".repeat(1_048_577).as_str()),
            "InvalidParameterValue",
            "allowed are 1048576",
        ),
        (
            Letter {
                group: Some("g g".into()),
                ..body()
            },
            "InvalidParameterValue",
            "allowed are 1 to 128 of",
        ),
        (
            Letter {
                deduplication: Some("d".repeat(129)),
                ..body()
            },
            "InvalidParameterValue",
            "the de-duplication id has 129 characters",
        ),
    ] {
        let error = subject.send(&queue, letter).await.unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.text.contains(expected), "{error}");
    }
    subject.send(&queue, with(9)).await?;
    assert_eq!(subject.site.calls() - before, 1);
    Ok(())
}

async fn a_number_out_of_range_is_refused_before_any_call(subject: &Subject) -> CheckResult {
    let queue = subject.create("q").await;
    let before = subject.site.calls();
    let ask = Ask::default;
    for (ask, value, from, to) in [
        (
            Ask {
                max: Some(11),
                ..ask()
            },
            "11",
            "1",
            "10",
        ),
        (
            Ask {
                max: Some(0),
                ..ask()
            },
            "0",
            "1",
            "10",
        ),
        (
            Ask {
                wait: Some(21),
                ..ask()
            },
            "21",
            "0",
            "20",
        ),
        (
            Ask {
                wait: Some(0),
                visibility: Some(43_201),
                ..ask()
            },
            "43201",
            "0",
            "",
        ),
    ] {
        let error = subject.receive(&queue, ask).await.unwrap_err();
        assert_eq!(error.code, "InvalidParameterValue");
        for part in [value, from, to] {
            assert!(error.text.contains(part), "{part}: {error}");
        }
    }
    let delayed = Letter {
        delay: Some(901),
        ..Letter::from("b")
    };
    let error = subject.send(&queue, delayed).await.unwrap_err();
    assert!(
        error.text.contains("901") && error.text.contains("900"),
        "{error}"
    );
    let message = aws_sdk_sqs::types::Message::builder()
        .receipt_handle("h")
        .build();
    let changed = subject.change_visibility(&queue, &message, 43_201).await;
    assert_eq!(changed.unwrap_err().code, "InvalidParameterValue");
    let error = subject.set_retention(&queue, 0).await.unwrap_err();
    assert!(
        error.text.contains("1") && error.text.contains("and more"),
        "{error}"
    );
    assert_eq!(subject.site.calls() - before, 0);
    Ok(())
}

async fn an_invalid_queue_name_is_refused(subject: &Subject) -> CheckResult {
    for name in ["a b", "", &"x".repeat(81)] {
        let error = subject
            .create_on(&subject.host, name, &[], &[])
            .await
            .unwrap_err();
        assert_eq!(error.code, "InvalidParameterValue", "{name}");
        assert!(error.text.contains("80"), "{error}");
    }
    Ok(())
}
