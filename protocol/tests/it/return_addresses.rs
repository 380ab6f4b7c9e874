//! `return-addresses.txt`.

use crate::vectors;
use sqs_rpc_protocol::{HostQueueUrl, QueueUrl, Refusal, ReturnAddressPolicy};

const FILE: &str = include_str!("../vectors/return-addresses.txt");

#[test]
fn vectors_are_allowed_and_refused_as_the_file_says() {
    let mut seen = 0;
    for (line, vector) in vectors(FILE) {
        let [verdict, requests, address] = vector.split(' ').collect::<Vec<_>>()[..] else {
            panic!("line {line}: {vector}?")
        };
        let requests = HostQueueUrl::parse(requests).unwrap();
        let address = QueueUrl::parse(address).unwrap();
        let found = match ReturnAddressPolicy::default().check(&requests, &address) {
            Ok(()) => "allowed",
            Err(Refusal::OtherAccount { .. }) => "account",
            Err(Refusal::OtherRegion { .. }) => "region",
            Err(Refusal::NotTemporary { .. }) => "name",
            Err(other) => panic!("no word for {other}"),
        };
        assert_eq!(found, verdict, "line {line}");
        // The policy `any` allows all addresses.
        assert_eq!(
            ReturnAddressPolicy::any().check(&requests, &address),
            Ok(()),
            "line {line}"
        );
        seen += 1;
    }
    assert!(seen > 12, "{seen} vectors");
}
