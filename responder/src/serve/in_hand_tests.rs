use super::*;

const VISIBILITY: Duration = Duration::from_secs(32);

type Table = InHand<&'static str>;

fn at(secs: u64) -> Moment {
    Moment::from_start(Duration::from_secs(secs))
}

fn arrival(id: &str, receipt: &str) -> Arrival<&'static str> {
    Arrival {
        key: MessageKey {
            id: id.into(),
            sent: Some(SqsTime::from_millis(1_000)),
        },
        receipt: receipt.into(),
        group: None,
        payload: "payload",
    }
}

fn grouped(id: &str, group: &str) -> Arrival<&'static str> {
    Arrival {
        group: Some(group.into()),
        ..arrival(id, id)
    }
}

fn table() -> Table {
    InHand::new(VISIBILITY)
}

fn admitted(admission: Admission) -> Ticket {
    match admission {
        Admission::Handle(ticket) => ticket,
        other => panic!("expected `Handle`, found {other:?}"),
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
fn another_message_with_a_used_id_is_handled() {
    let mut table = table();
    let old = handle(&mut table, arrival("m", "old"));
    let mut later = arrival("m", "new");
    later.key.sent = Some(SqsTime::from_millis(2_000));
    let new = handle(&mut table, later);
    assert_eq!(table.receipt(old).as_deref(), Some("old"));
    assert_eq!(table.receipt(new).as_deref(), Some("new"));
}

#[test]
fn a_redelivered_message_is_deleted_by_its_newest_receipt() {
    let mut table = table();
    let ticket = handle(&mut table, arrival("m", "old"));
    assert_eq!(table.admit(arrival("m", "new"), at(1)), Admission::Again);
    assert_eq!(table.len(), 1);
    let (out, _) = table.delete(ticket).unwrap();
    assert_eq!(out.receipt, "new");
    assert!(table.is_empty() && table.delete(ticket).is_none());
}

#[test]
fn a_fifo_group_is_handled_in_order_one_by_one() {
    let mut table = table();
    let a1 = handle(&mut table, grouped("a1", "a"));
    assert_eq!(table.admit(grouped("a2", "a"), at(0)), Admission::Queue);
    assert_eq!(table.admit(grouped("a3", "a"), at(0)), Admission::Queue);
    handle(&mut table, grouped("b1", "b"));
    let mut order = Vec::new();
    let mut next = Some(a1);
    while let Some(ticket) = next {
        let (out, behind) = table.delete(ticket).unwrap();
        order.push(out.receipt);
        next = behind;
    }
    assert_eq!(order, ["a1", "a2", "a3"]);
    handle(&mut table, grouped("a4", "a"));
}

#[test]
fn a_fifo_message_that_stays_is_not_overtaken() {
    let mut table = table();
    let a1 = handle(&mut table, grouped("a1", "a"));
    table.admit(grouped("a2", "a"), at(0));
    table.admit(grouped("a3", "a"), at(0));
    let b1 = handle(&mut table, grouped("b1", "b"));
    let (out, behind) = table.leave(a1).unwrap();
    let behind: Vec<_> = behind.into_iter().map(|out| out.receipt).collect();
    assert_eq!(
        (out.receipt.as_str(), behind),
        ("a1", vec!["a2".to_owned(), "a3".to_owned()])
    );
    assert_eq!(table.len(), 1);
    assert!(table.payload(b1).is_some());
    handle(&mut table, grouped("a1", "a"));
}

#[test]
fn visibility_is_extended_after_half_of_the_timeout() {
    let mut table = table();
    let ticket = handle(&mut table, arrival("m", "r"));
    assert_eq!(table.next_extension(), Some(at(16)));
    assert!(due(&mut table, at(15)).is_empty());
    let extensions = table.extensions(at(16));
    assert_eq!((extensions.len(), extensions[0].timeout), (1, VISIBILITY));
    assert_eq!(table.next_extension(), None, "the extension is in flight");
    table.extended(&extensions[0], Extended::Done, at(16), at(18));
    assert_eq!(table.next_extension(), Some(at(32)));
    table.delete(ticket).unwrap();
    assert_eq!(table.next_extension(), None);
}

#[test]
fn extensions_that_are_due_soon_share_a_call() {
    let mut table = table();
    for (i, secs) in [0, 2, 4, 5].into_iter().enumerate() {
        admitted(table.admit(arrival(&i.to_string(), &i.to_string()), at(secs)));
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
fn a_failed_extension_is_retried_unless_it_was_refused() {
    let mut table = table();
    handle(&mut table, arrival("m", "r"));
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
    handle(&mut table, arrival("m", "old"));
    let extensions = table.extensions(at(16));
    assert_eq!(table.admit(arrival("m", "new"), at(20)), Admission::Again);
    table.extended(&extensions[0], Extended::Refused, at(16), at(21));
    assert_eq!(table.next_extension(), Some(at(36)));
    assert_eq!(due(&mut table, at(36)), [("new".to_owned(), 32)]);
}

#[test]
fn no_message_is_hidden_for_more_than_12_hours() {
    let mut table = InHand::new(Duration::from_secs(5 * 3600));
    table.admit(arrival("m", "r"), at(0));
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
fn a_message_that_is_received_again_has_another_12_hours() {
    let hour = |hours: u64| at(hours * 3600);
    let mut table = InHand::new(Duration::from_secs(5 * 3600));
    let ticket = handle(&mut table, arrival("m", "first"));
    let extensions = table.extensions(at(9_000));
    let until = table.extended(&extensions[0], Extended::Done, at(9_000), at(9_001));
    assert_eq!(until, Some(at(27_000)));
    // Suppose that later extensions failed, and SQS redelivered the message.
    let again = table.admit(arrival("m", "second"), hour(11));
    assert_eq!(again, Admission::Again);
    let mut hidden_until = Vec::new();
    while let Some(now) = table.next_extension() {
        for extension in table.extensions(now) {
            assert_eq!(extension.receipt, "second");
            let until = table.extended(&extension, Extended::Done, now, now);
            hidden_until.push(until.unwrap().since(hour(11)).as_secs());
        }
    }
    assert_eq!(
        hidden_until,
        [27_000, 36_000, 43_140],
        "counted from the second receive"
    );
    let (out, _) = table.delete(ticket).unwrap();
    assert!(out.is_extended);
}

#[test]
fn all_messages_are_given_back_in_order_of_arrival() {
    let mut table = table();
    handle(&mut table, grouped("a1", "a"));
    table.admit(grouped("a2", "a"), at(0));
    table.admit(arrival("b", "b"), at(0));
    let receipts: Vec<_> = table
        .give_back()
        .into_iter()
        .map(|out| out.receipt)
        .collect();
    assert_eq!(receipts, ["a1", "a2", "b"]);
    assert!(table.is_empty() && table.next_extension().is_none());
    handle(&mut table, grouped("a2", "a"));
}
