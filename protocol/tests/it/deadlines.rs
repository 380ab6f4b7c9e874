//! `deadlines.txt`.

use crate::vectors;
use sqs_rpc_protocol::{Deadline, SqsTime};
use std::time::Duration;

const FILE: &str = include_str!("../vectors/deadlines.txt");

#[test]
fn the_remaining_times_are_as_the_file_says() {
    let mut seen = 0;
    for (line, vector) in vectors(FILE) {
        let columns = vector.split(' ').map(|column| match column {
            "-" => None,
            millis => Some(millis.parse::<u64>().unwrap()),
        });
        let [ttl, exp, sent, now, remaining] = columns.collect::<Vec<_>>()[..] else {
            panic!("line {line}: {vector}?")
        };
        let deadline = ttl.map_or(Deadline::NONE, |ttl| {
            Deadline::after(Duration::from_millis(ttl))
        });
        let deadline = exp.map_or(deadline, |exp| {
            deadline.with_expiry(SqsTime::from_millis(exp))
        });
        let (now, sent) = (
            now.map(SqsTime::from_millis),
            sent.map(SqsTime::from_millis),
        );
        assert_eq!(
            deadline.remaining(now, sent),
            remaining.map(Duration::from_millis),
            "line {line}"
        );
        assert_eq!(
            deadline.expired(now, sent),
            remaining == Some(0),
            "line {line}"
        );
        seen += 1;
    }
    assert!(seen > 14, "{seen} vectors");
}
