use aws_credential_types::provider::error::CredentialsError;

use super::*;

#[tokio::test]
async fn a_client_that_cannot_call_names_the_missing_part() {
    use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
    let base = || {
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url("http://127.0.0.1:1")
    };
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let region = || Region::new("us-east-1");
    for (config, why) in [
        (
            base().region(region()),
            "the client has no credentials provider",
        ),
        (
            Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .credentials_provider(credentials.clone()),
            "the client has no region",
        ),
        (
            base()
                .region(Region::new("bad region"))
                .credentials_provider(credentials),
            "invalid value for field: `region` - must be a valid host label",
        ),
    ] {
        let client = aws_sdk_sqs::Client::from_conf(config.build());
        let error = client.list_queues().send().await.unwrap_err();
        let fault = Fault::from_sdk(Action::ListQueues, error);
        assert_eq!(
            (fault.kind(), fault.delivery()),
            (FaultKind::NotMade, Delivery::NotSent)
        );
        assert_eq!(
            fault.to_string(),
            format!("ListQueues could not be made: {why}")
        );
    }
}

#[test]
fn old_and_new_error_codes_mean_the_same() {
    for code in [
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "com.amazonaws.sqs#QueueDoesNotExist",
    ] {
        assert_eq!(
            kind_of_code(Some(code), 400),
            FaultKind::QueueNotFound,
            "{code}"
        );
    }
}

#[test]
fn a_refusal_of_queue_key_or_caller_blames_no_entry() {
    for (model, query, kind) in [
        ("KmsDisabled", "KMS.DisabledException", FaultKind::Refused),
        (
            "KmsInvalidState",
            "KMS.InvalidStateException",
            FaultKind::Refused,
        ),
        ("KmsNotFound", "KMS.NotFoundException", FaultKind::Refused),
        (
            "KmsInvalidKeyUsage",
            "KMS.InvalidKeyUsageException",
            FaultKind::Refused,
        ),
        (
            "KmsOptInRequired",
            "KMS.OptInRequired",
            FaultKind::AccessDenied,
        ),
        (
            "KmsAccessDenied",
            "KMS.AccessDeniedException",
            FaultKind::AccessDenied,
        ),
        (
            "KmsThrottled",
            "KMS.ThrottlingException",
            FaultKind::Throttled,
        ),
        (
            "KmsNewlyInvented",
            "KMS.NewlyInventedException",
            FaultKind::Refused,
        ),
        (
            "UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation",
            FaultKind::Refused,
        ),
        ("InvalidAddress", "InvalidAddress", FaultKind::Refused),
        (
            "InvalidSecurity",
            "InvalidSecurity",
            FaultKind::AccessDenied,
        ),
        (
            "QueueDeletedRecently",
            "AWS.SimpleQueueService.QueueDeletedRecently",
            FaultKind::Refused,
        ),
        (
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            FaultKind::QueueNotFound,
        ),
    ] {
        let spelled = [
            model.to_owned(),
            format!("com.amazonaws.sqs#{model}"),
            query.to_owned(),
        ];
        for code in spelled {
            let fault = answered(400, None, Some(&code), "");
            assert_eq!(
                (fault.kind(), fault.blames_content()),
                (kind, false),
                "{code}"
            );
        }
    }
    for code in [
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "InvalidMessageContents",
    ] {
        assert!(
            answered(400, None, Some(code), "").blames_content(),
            "{code}"
        );
    }
    assert_eq!(
        answered(500, None, Some("KMS.InternalException"), "").kind(),
        FaultKind::Unavailable
    );
}

#[test]
fn a_denial_names_the_missing_permission() {
    let named = |text: &str| other_right(Action::CreateQueue, text);
    let denied = |right| {
        format!(
            "User: arn:aws:iam::1:user/u is not authorized to perform: {right} on resource: arn:aws:sqs:.."
        )
    };
    assert_eq!(
        named(&denied("sqs:tagqueue")).as_deref(),
        Some("sqs:TagQueue")
    );
    let key = "kms:GenerateDataKey";
    assert_eq!(named(&denied(key)).as_deref(), Some(key));
    let long = format!("sqs:{}", "a".repeat(65));
    for other in [
        "sqs:createqueue",
        "sqs:",
        "nothing",
        "sqs:tag\u{1b}queue",
        &long,
    ] {
        assert_eq!(named(&denied(other)), None, "{other}");
    }
    assert_eq!(named("Access to the resource is denied."), None);
}

#[test]
fn an_unknown_code_is_classified_by_its_status() {
    let kinds = [
        (429, FaultKind::Throttled),
        (403, FaultKind::AccessDenied),
        (400, FaultKind::Refused),
        (503, FaultKind::Unavailable),
        (200, FaultKind::Unreadable),
    ];
    for (status, kind) in kinds {
        assert_eq!(kind_of_code(Some("SomethingNew"), status), kind, "{status}");
        assert_eq!(kind_of_code(None, status), kind, "{status}");
    }
}

fn answered(status: u16, header: Option<&'static str>, code: Option<&str>, text: &str) -> Fault {
    use aws_sdk_sqs::error::ErrorMetadata;
    use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    let mut meta = ErrorMetadata::builder().message(text);
    if let Some(code) = code {
        meta = meta.code(code);
    }
    let error = SendMessageBatchError::generic(meta.build());
    let mut raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
    if let Some(name) = header {
        raw.headers_mut().insert(name, "5f0c");
    }
    Fault::from_sdk(
        Action::SendMessageBatch,
        SdkError::service_error(error, raw),
    )
}

#[test]
fn a_proxy_page_is_not_an_answer_of_sqs() {
    for (status, temporary, delivery) in [
        (302, false, Delivery::Unknown),
        (400, false, Delivery::NotSent),
        (403, false, Delivery::NotSent),
        (404, false, Delivery::NotSent),
        (407, false, Delivery::NotSent),
        (408, true, Delivery::Unknown),
        (429, true, Delivery::NotSent),
        (451, false, Delivery::NotSent),
        (499, false, Delivery::Unknown),
        (502, true, Delivery::Unknown),
    ] {
        let page = answered(status, None, None, "");
        assert_eq!(
            (page.kind(), page.status(), page.is_temporary()),
            (FaultKind::NotSqs, Some(status), temporary)
        );
        assert_eq!(page.delivery(), delivery, "{status}");
        assert_eq!(page.shows_an_answer(), Some(false));
        assert_eq!(
            page.to_string(),
            format!("SendMessageBatch: HTTP {status}, not an answer of SQS")
        );
    }
    let without_code = answered(503, Some("x-amzn-requestid"), None, "");
    assert_eq!(without_code.kind(), FaultKind::Unavailable);
    assert_eq!(
        without_code.to_string(),
        "SendMessageBatch failed within SQS (HTTP 503)"
    );
    assert_eq!(
        answered(503, None, Some("ServiceUnavailable"), "").kind(),
        FaultKind::Unavailable
    );
}

#[test]
fn too_large_is_an_sqs_text_or_http_413() {
    let invalid = "InvalidParameterValue";
    let shorter =
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
    for (status, code, text, too_large) in [
        (400, Some("com.amazonaws.sqs#BatchRequestTooLong"), "", true),
        (
            400,
            Some("AWS.SimpleQueueService.BatchRequestTooLong"),
            "",
            true,
        ),
        (400, Some(invalid), shorter, true),
        (400, Some("InvalidParameterValueException"), shorter, true),
        (
            400,
            Some(invalid),
            "Value for parameter DelaySeconds is invalid.",
            false,
        ),
        (413, None, "", true),
        (413, Some("RequestEntityTooLarge"), "", true),
        (400, None, shorter, false),
        (407, None, "", false),
        (503, Some("ServiceUnavailable"), "", false),
    ] {
        let fault = answered(status, None, code, text);
        assert_eq!(fault.is_too_large(), too_large, "{status} {code:?} {text}");
    }
    let entry = Fault::of_entry(Action::SendMessageBatch, invalid, true);
    assert!(!entry.is_too_large());
    assert!(entry.saying(Some(shorter)).is_too_large());
}

#[test]
fn refused_credentials_are_not_a_policy_denial() {
    for (code, why) in [
        ("ExpiredToken", "the credentials have expired"),
        (
            "com.amazon.coral.service#ExpiredTokenException",
            "the credentials have expired",
        ),
        (
            "com.amazon.coral.service#UnrecognizedClientException",
            "the credentials were refused",
        ),
        ("InvalidClientTokenId", "the credentials were refused"),
        ("InvalidSignatureException", "the signature was refused"),
        ("SignatureDoesNotMatch", "the signature was refused"),
        ("IncompleteSignatureException", "the signature was refused"),
        ("MissingAuthenticationToken", "the signature was refused"),
        ("RequestExpired", "the time of the signature was refused"),
    ] {
        let fault = answered(403, None, Some(code), "");
        assert_eq!(
            (fault.kind(), fault.delivery(), fault.is_temporary()),
            (FaultKind::Credentials, Delivery::NotSent, true),
            "{code}"
        );
        assert_eq!(fault.right(), None);
        assert_eq!(
            fault.to_string(),
            format!("SendMessageBatch: {why} ({code})")
        );
    }
    for code in [
        "AccessDenied",
        "com.amazon.coral.service#AccessDeniedException",
    ] {
        assert_eq!(
            answered(403, None, Some(code), "").kind(),
            FaultKind::AccessDenied
        );
    }
}

#[test]
fn missing_credentials_are_reported_as_such() {
    use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;

    let why = CredentialsError::provider_error("no metadata service");
    let error = SdkError::<SendMessageBatchError>::construction_failure(why);
    let fault = Fault::from_sdk(Action::SendMessageBatch, error);
    assert_eq!(
        (fault.kind(), fault.delivery(), fault.shows_an_answer()),
        (FaultKind::Credentials, Delivery::NotSent, None)
    );
    assert_eq!(
        fault.to_string(),
        "SendMessageBatch: no credentials could be loaded"
    );
}

#[test]
fn a_failed_entry_is_temporary_unless_the_sender_caused_it() {
    assert!(Fault::of_entry(Action::SendMessageBatch, "InternalError", false).is_temporary());
    let refused = Fault::of_entry(Action::SendMessageBatch, "InvalidMessageContents", true);
    assert_eq!(
        (refused.kind(), refused.delivery()),
        (FaultKind::Refused, Delivery::NotSent)
    );
    assert!(Fault::of_entry(Action::SendMessageBatch, "RequestThrottled", true).is_temporary());
}
