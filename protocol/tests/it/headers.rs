//! `headers.txt`, and the meaning of the fields of its longest header.

use crate::vectors;
use sqs_rpc_protocol::{
    ContentType, ErrorCode, Header, HeaderError, MAX_HEADER_BYTES, ReplyHeader, RequestHeader,
};
use std::time::Duration;

const FILE: &str = include_str!("../vectors/headers.txt");

/// The word for an error in the file.
fn reason(error: &HeaderError) -> String {
    match error {
        HeaderError::TooLong { .. } => "too-long",
        HeaderError::Version { .. } => "version",
        HeaderError::UnsupportedVersion { .. } => "unsupported",
        HeaderError::Kind { .. } => "kind",
        HeaderError::Syntax { .. } => "syntax",
        HeaderError::TooManyFields => "too-many",
        HeaderError::Duplicate { .. } => "duplicate",
        HeaderError::Missing { .. } => "missing",
        HeaderError::Field { name, .. } => return format!("field:{name}"),
        other => panic!("no word for {other}"),
    }
    .to_owned()
}

#[test]
fn vectors_are_read_and_refused_as_the_file_says() {
    let mut seen = 0;
    for (line, vector) in vectors(FILE) {
        let (verdict, rest) = vector.split_once(' ').unwrap();
        match verdict {
            "same" => assert_eq!(Header::parse(rest).unwrap().encode(), rest, "line {line}"),
            "read" => {
                let (header, written) = rest.split_once(" => ").unwrap();
                let written_again = Header::parse(header).map(|header| header.encode());
                assert_eq!(written_again.as_deref(), Ok(written), "line {line}");
            }
            "refused" => {
                let (expected, header) = rest.split_once(' ').unwrap();
                let found = Header::parse(header)
                    .as_ref()
                    .map_err(reason)
                    .map(Header::encode);
                assert_eq!(found, Err(expected.to_owned()), "line {line}");
            }
            other => panic!("line {line}: {other}?"),
        }
        seen += 1;
    }
    assert!(seen > 70, "{seen} vectors");
}

#[test]
fn the_fields_of_a_request_mean_what_the_specification_says() {
    let (_, full) = vectors(FILE)
        .find(|(_, line)| line.contains("ts="))
        .unwrap();
    let header = RequestHeader::parse(full.strip_prefix("same ").unwrap()).unwrap();
    assert_eq!(
        header.request_id.bits(),
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
    );
    assert_eq!(header.deadline.at_send(), Some(Duration::from_secs(20)));
    assert_eq!(
        header.deadline.expiry().unwrap().as_millis(),
        1_763_900_020_000
    );
    assert_eq!(header.idempotency_key.unwrap().as_str(), "order 4711; é");
    assert_eq!(header.operation.unwrap().as_str(), "login");
    assert_eq!(header.content_type, Some(ContentType::json()));
    let trace = header.trace_context.unwrap();
    assert_eq!(trace.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_eq!(trace.parent_id(), 0x00f0_67aa_0ba9_02b7);
    assert!(trace.is_sampled());
    assert_eq!(
        trace.tracestate().unwrap().as_str(),
        "vendor=a,other@tenant=b c"
    );
}

#[test]
fn the_fields_of_a_reply_mean_what_the_specification_says() {
    let text = "1;rep;id=0000000000000000000000000000000a;code=internal;ct=text/plain";
    let header = ReplyHeader::from_attribute(Some(text)).unwrap();
    assert_eq!(header.request_id.unwrap().bits(), 10);
    assert_eq!(header.error_code(), Some(&ErrorCode::INTERNAL));
    assert_eq!(header.content_type, Some(ContentType::text()));
}

#[test]
fn a_header_that_is_too_long_is_refused() {
    let of = |length: usize| {
        let start = "1;rep;later=";
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    assert!(Header::parse(&of(MAX_HEADER_BYTES)).is_ok());
    let error = Header::parse(&of(MAX_HEADER_BYTES + 1)).unwrap_err();
    assert_eq!(reason(&error), "too-long");
}

#[test]
fn errors_say_what_was_found_and_what_is_allowed() {
    let message = |text| Header::parse(text).unwrap_err().to_string();
    assert_eq!(message("2;rep"), "expected header version 1, found \"2\"");
    assert_eq!(
        message("1;call"),
        "expected header kind req or rep, found \"call\""
    );
    let error = Header::parse("1;rep;code=Internal").unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), "the header's field `code` is malformed");
    assert!(
        source.starts_with("\"Internal\" is not an error code: expected 1 to 64"),
        "{source}"
    );
}
