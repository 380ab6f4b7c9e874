use super::*;
use sqs_rpc_protocol::{HostQueueUrl, RequestId};

const VISIBILITY: Duration = Duration::from_secs(32);

type Table = InHand<&'static str, &'static str>;

fn at(secs: u64) -> Moment {
    Moment::from_start(Duration::from_secs(secs))
}

fn key(n: u128) -> ReplyKey {
    let queue = HostQueueUrl::parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q").unwrap();
    ReplyKey::of_request(&queue, RequestId::from_bits(n))
}

fn arrival(id: &str, receipt: &str, request: u128) -> Arrival<&'static str> {
    Arrival {
        message_id: id.into(),
        receipt: receipt.into(),
        key: key(request),
        group: None,
        payload: "payload",
    }
}

fn grouped(id: &str, group: &str, request: u128) -> Arrival<&'static str> {
    Arrival {
        group: Some(group.into()),
        ..arrival(id, id, request)
    }
}

fn table() -> Table {
    InHand::new(VISIBILITY)
}

fn admitted(admission: Admission<&'static str>) -> Ticket {
    match admission {
        Admission::Handle(ticket) => ticket,
        other => panic!("expected to handle it: {other:?}"),
    }
}

fn handle(table: &mut Table, arrival: Arrival<&'static str>) -> Ticket {
    admitted(table.admit(arrival, at(0)))
}

fn due(table: &mut Table, now: Moment) -> Vec<(String, u64)> {
    let extensions = table.extensions(now);
    extensions
        .into_iter()
        .map(|extension| (extension.receipt, extension.timeout.as_secs()))
        .collect()
}

#[test]
fn the_same_message_again_is_not_handled_and_its_newest_receipt_is_deleted() {
    let mut table = table();
    let ticket = handle(&mut table, arrival("m", "old", 1));
    assert_eq!(table.admit(arrival("m", "new", 1), at(1)), Admission::Again);
    assert_eq!(table.len(), 1);
    assert_eq!(table.handled(ticket, Some("reply")), [ticket]);
    let (out, _) = table.delete(ticket).unwrap();
    assert_eq!(out.receipt, "new");
    assert!(table.is_empty() && table.delete(ticket).is_none());
}

#[test]
fn another_message_with_the_same_request_waits_for_its_handler() {
    let mut table = table();
    let first = handle(&mut table, arrival("m1", "r1", 1));
    assert_eq!(
        table.admit(arrival("m2", "r2", 1), at(0)),
        Admission::Follow
    );
    let tickets = table.handled(first, Some("reply"));
    assert_eq!(tickets.len(), 2);
    // As long as one of them is being answered, the reply is known here.
    table.delete(tickets[0]).unwrap();
    let Admission::Answer(third, "reply") = table.admit(arrival("m3", "r3", 1), at(0)) else {
        panic!()
    };
    table.delete(tickets[1]).unwrap();
    table.delete(third).unwrap();
    handle(&mut table, arrival("m4", "r4", 1));
}

#[test]
fn without_a_lasting_reply_the_next_delivery_is_handled_again() {
    let mut table = table();
    let first = handle(&mut table, arrival("m1", "r1", 1));
    assert_eq!(
        table.admit(arrival("m2", "r2", 1), at(0)),
        Admission::Follow
    );
    let tickets = table.handled(first, None);
    assert_eq!(tickets.len(), 2);
    for ticket in tickets {
        table.leave(ticket).unwrap();
    }
    handle(&mut table, arrival("m1", "r3", 1));
}

#[test]
fn a_fifo_group_is_handled_one_by_one_in_order_and_others_beside_it() {
    let mut table = table();
    let a1 = handle(&mut table, grouped("a1", "a", 1));
    assert_eq!(table.admit(grouped("a2", "a", 2), at(0)), Admission::Queue);
    assert_eq!(table.admit(grouped("a3", "a", 3), at(0)), Admission::Queue);
    handle(&mut table, grouped("b1", "b", 4));
    let mut order = Vec::new();
    let mut next = Some(a1);
    while let Some(ticket) = next {
        table.handled(ticket, Some("reply"));
        let (out, behind) = table.delete(ticket).unwrap();
        order.push(out.receipt);
        next = behind.map(|ticket| admitted(table.start(ticket)));
    }
    assert_eq!(order, ["a1", "a2", "a3"]);
    handle(&mut table, grouped("a4", "a", 5));
}

#[test]
fn what_stays_in_a_fifo_queue_is_not_overtaken() {
    let mut table = table();
    let a1 = handle(&mut table, grouped("a1", "a", 1));
    table.admit(grouped("a2", "a", 2), at(0));
    table.admit(grouped("a3", "a", 3), at(0));
    let b1 = handle(&mut table, grouped("b1", "b", 4));
    table.handled(a1, None);
    let (out, behind) = table.leave(a1).unwrap();
    let behind: Vec<_> = behind.into_iter().map(|out| out.receipt).collect();
    assert_eq!(
        (out.receipt.as_str(), behind),
        ("a1", vec!["a2".to_owned(), "a3".to_owned()])
    );
    assert_eq!(table.len(), 1);
    assert!(table.payload(b1).is_some());
    handle(&mut table, grouped("a1", "a", 1));
}

#[test]
fn a_duplicate_in_a_group_follows_when_its_turn_comes() {
    let mut table = table();
    let b1 = handle(&mut table, grouped("b1", "b", 1));
    let a1 = handle(&mut table, grouped("a1", "a", 2));
    assert_eq!(table.admit(grouped("a2", "a", 1), at(0)), Admission::Queue);
    table.handled(a1, Some("x"));
    let (_, next) = table.delete(a1).unwrap();
    assert_eq!(table.start(next.unwrap()), Admission::Follow);
    assert_eq!(table.handled(b1, Some("y")).len(), 2);
}

#[test]
fn visibility_is_extended_at_half_of_it_and_again_from_when_it_was_asked_for() {
    let mut table = table();
    let ticket = handle(&mut table, arrival("m", "r", 1));
    assert_eq!(table.next_extension(), Some(at(16)));
    assert!(due(&mut table, at(15)).is_empty());
    let extensions = table.extensions(at(16));
    assert_eq!((extensions.len(), extensions[0].timeout), (1, VISIBILITY));
    assert_eq!(table.next_extension(), None, "it is out");
    table.extended(&extensions[0], Extended::Done, at(16), at(18));
    assert_eq!(table.next_extension(), Some(at(32)));
    table.handled(ticket, Some("x"));
    table.delete(ticket).unwrap();
    assert_eq!(table.next_extension(), None);
}

#[test]
fn extensions_that_are_due_soon_share_a_call() {
    let mut table = table();
    for (i, secs) in [0, 2, 4, 5].into_iter().enumerate() {
        admitted(table.admit(arrival(&i.to_string(), &i.to_string(), i as u128), at(secs)));
    }
    let receipts: Vec<_> = due(&mut table, at(16))
        .into_iter()
        .map(|(receipt, _)| receipt)
        .collect();
    assert_eq!(
        receipts,
        ["0", "1", "2"],
        "due within an eighth of the timeout, 4 s"
    );
}

#[test]
fn a_failed_extension_is_tried_again_before_the_timeout_ends_and_a_refused_one_is_not() {
    let mut table = table();
    handle(&mut table, arrival("m", "r", 1));
    let mut now = at(16);
    let mut tries = 0;
    while now < at(32) {
        let extensions = table.extensions(now);
        assert_eq!(extensions.len(), 1);
        tries += 1;
        table.extended(&extensions[0], Extended::TryAgain, now, now);
        now = table.next_extension().unwrap();
    }
    assert_eq!(tries, 4);
    let extensions = table.extensions(now);
    table.extended(&extensions[0], Extended::Refused, now, now);
    assert_eq!(table.next_extension(), None);
}

#[test]
fn an_answer_for_an_older_receipt_changes_nothing() {
    let mut table = table();
    handle(&mut table, arrival("m", "old", 1));
    let extensions = table.extensions(at(16));
    assert_eq!(
        table.admit(arrival("m", "new", 1), at(20)),
        Admission::Again
    );
    table.extended(&extensions[0], Extended::Refused, at(16), at(21));
    assert_eq!(table.next_extension(), Some(at(36)));
    assert_eq!(due(&mut table, at(36)), [("new".to_owned(), 32)]);
}

#[test]
fn no_message_is_hidden_for_more_than_12_hours() {
    let mut table = InHand::<_, &str>::new(Duration::from_secs(5 * 3600));
    table.admit(arrival("m", "r", 1), at(0));
    let mut hidden_until = Vec::new();
    while let Some(now) = table.next_extension() {
        for extension in table.extensions(now) {
            hidden_until.push((now + extension.timeout).since(at(0)).as_secs());
            table.extended(&extension, Extended::Done, now, now);
        }
    }
    assert_eq!(hidden_until, [27_000, 36_000, 43_140]);
}

#[test]
fn all_is_given_back_in_order_of_arrival() {
    let mut table = table();
    handle(&mut table, grouped("a1", "a", 1));
    table.admit(grouped("a2", "a", 2), at(0));
    table.admit(arrival("b", "b", 1), at(0));
    let receipts: Vec<_> = table
        .give_back()
        .into_iter()
        .map(|out| out.receipt)
        .collect();
    assert_eq!(receipts, ["a1", "a2", "b"]);
    assert!(table.is_empty() && table.next_extension().is_none());
    handle(&mut table, grouped("a2", "a", 2));
}
