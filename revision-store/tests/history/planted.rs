//! The checker finds each kind of fault, in histories that are right but for it.

use bytes::Bytes;
use proptest::prelude::*;
use revision_store::{Entry, Event, EventKind, Revision, WatchItem, Write};

use crate::{
    record::{Answer, Asked, Call, History, Moment, Stream, Version},
    verify::{Fault, verify},
};

fn value(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn event(
    key: &str,
    revision: Revision,
    created: Revision,
    set: Option<&'static str>,
    before: Option<(Revision, &'static str)>,
) -> Event {
    let entry = |mod_revision, text| Entry {
        key: key.to_owned(),
        value: value(text),
        create_revision: created,
        mod_revision,
        lease: 0,
    };
    Event {
        kind: if set.is_some() { EventKind::Put } else { EventKind::Delete },
        entry: entry(revision, set.or(before.map(|(_, text)| text)).unwrap_or_default()),
        previous: before.map(|(revision, text)| entry(revision, text)),
    }
}

fn call(began: Moment, ended: Moment, asked: Asked, answer: Answer) -> Call {
    Call { began, ended, asked, answer }
}

fn create(key: &str, text: &'static str) -> Asked {
    Asked::Write(Write::Create { key: key.to_owned(), value: value(text), lease: 0 })
}

fn update(key: &str, expected: Revision, text: &'static str) -> Asked {
    Asked::Write(Write::Update { key: key.to_owned(), value: value(text), expected, lease: 0 })
}

fn delete(key: &str, expected: Revision) -> Asked {
    Asked::Write(Write::Delete { key: key.to_owned(), expected })
}

fn get(key: &str, at: Option<Revision>) -> Asked {
    Asked::Get { key: key.to_owned(), at }
}

fn read(revision: Revision, found: &[(&str, Revision, &'static str)]) -> Answer {
    let version = |(key, revision, text): &(&str, Revision, &'static str)| Version {
        key: (*key).to_owned(),
        revision: *revision,
        value: value(text),
    };
    Answer::Read { found: found.iter().map(version).collect(), revision }
}

/// A history with everything in it that may be, and nothing that may not.
fn right() -> History {
    let log = vec![
        event("/a", 11, 11, Some("1"), None),
        event("/a", 12, 11, Some("2"), Some((11, "1"))),
        event("/b", 13, 13, Some("4"), None),
        event("/a", 14, 11, None, Some((12, "2"))),
    ];
    let calls = vec![
        call(0, 1, create("/a", "1"), Answer::Done(11)),
        // These two at once: the second is told of the first before the first is answered.
        call(2, 5, update("/a", 11, "2"), Answer::Done(12)),
        call(3, 4, update("/a", 11, "3"), Answer::Refused(Some(12))),
        call(6, 7, get("/a", None), read(12, &[("/a", 12, "2")])),
        // Of these two one is done; a list sees it before it is answered.
        call(8, 13, create("/b", "4"), Answer::Unknown),
        call(9, 12, create("/c", "5"), Answer::Unknown),
        call(
            10,
            11,
            Asked::List { prefix: "/".to_owned(), at: None },
            read(13, &[("/a", 12, "2"), ("/b", 13, "4")]),
        ),
        call(14, 15, delete("/a", 12), Answer::Done(14)),
        call(16, 17, get("/a", Some(12)), read(14, &[("/a", 12, "2")])),
        call(18, 19, update("/a", 12, "6"), Answer::Refused(None)),
        call(20, 21, create("/b", "7"), Answer::Failed),
    ];
    let all = log.iter().cloned().map(WatchItem::Event).collect();
    let one = vec![WatchItem::Progress(12), WatchItem::Event(log[2].clone()), WatchItem::Progress(14)];
    let streams = vec![
        Stream { prefix: "/".to_owned(), after: 10, told: all },
        Stream { prefix: "/b".to_owned(), after: 11, told: one },
    ];
    History { after: 10, log, calls, streams }
}

/// What is found in the right history after a change.
fn found(change: impl FnOnce(&mut History)) -> Vec<Fault> {
    let mut history = right();
    change(&mut history);
    verify(&history)
}

#[test]
fn what_is_right_has_no_fault() {
    assert_eq!(verify(&right()), []);
}

#[test]
fn an_unknown_outcome_may_be_either() {
    let nothing_done = found(|history| {
        history.log.truncate(2);
        history.calls.truncate(6);
        history.streams.clear();
    });
    assert_eq!(nothing_done, []);
}

#[test]
fn a_write_that_was_acknowledged_may_not_be_lost() {
    let faults = found(|history| history.log.truncate(3));
    assert!(faults.contains(&Fault::Lost { call: 7, revision: 14 }), "{faults:?}");
    let other_value = found(|history| history.log[1].entry.value = value("x"));
    assert!(other_value.contains(&Fault::Lost { call: 1, revision: 12 }), "{other_value:?}");
}

#[test]
fn a_revision_is_used_once_and_none_is_left_out() {
    let twice = found(|history| history.calls[7].answer = Answer::Done(12));
    assert!(twice.contains(&Fault::UsedTwice { revision: 12, calls: [1, 7] }), "{twice:?}");
    let gap = found(|history| drop(history.log.remove(2)));
    assert!(gap.contains(&Fault::NotContiguous { after: 12, next: 14 }), "{gap:?}");
}

#[test]
fn a_write_tells_what_was_before_it() {
    let before = found(|history| history.log[3].previous.as_mut().unwrap().mod_revision = 11);
    assert!(before.contains(&Fault::FalseBefore { revision: 14 }), "{before:?}");
    let created = found(|history| history.log[1].entry.create_revision = 12);
    assert!(created.contains(&Fault::FalseBefore { revision: 12 }), "{created:?}");
}

#[test]
fn what_is_in_the_log_was_asked_for_once_and_not_refused() {
    let again = |text| {
        found(move |history| {
            history.log.push(event("/c", 15, 15, Some(text), None));
            history.log.push(event("/c", 16, 15, None, Some((15, text))));
            history.log.push(event("/c", 17, 17, Some(text), None));
        })
    };
    // One of the two may be the one whose outcome is unknown.
    assert!(again("5").contains(&Fault::DoneTwice { call: 5, revision: 17 }), "{:?}", again("5"));
    assert!(again("9").contains(&Fault::Invented { revision: 17 }), "{:?}", again("9"));
    let failed = found(|history| history.calls[4].answer = Answer::Failed);
    assert!(failed.contains(&Fault::DoneAllTheSame { call: 4, revision: 13 }), "{failed:?}");
}

#[test]
fn only_a_key_with_a_lease_ends_by_itself() {
    let ended = |lease_of_b: u32| {
        found(move |history| {
            history.log.push(event("/b", 15, 13, None, Some((13, "4"))));
            history.calls[4].asked =
                Asked::Write(Write::Create { key: "/b".to_owned(), value: value("4"), lease: lease_of_b });
            history.streams.clear();
        })
    };
    assert_eq!(ended(1), []);
    assert_eq!(ended(0), [Fault::Invented { revision: 15 }]);
}

#[test]
fn a_read_is_refused_only_for_what_has_been_compacted() {
    let refused = |at, oldest| {
        found(move |history| {
            history.calls.push(call(22, 23, Asked::Compact { to: 13 }, Answer::Compacted(13)));
            history.calls.push(call(24, 25, get("/a", at), Answer::Compacted(oldest)));
        })
    };
    assert_eq!(refused(Some(12), 13), []);
    for (at, oldest) in [(Some(13), 13), (Some(12), 14), (None, 13)] {
        assert_eq!(refused(at, oldest), [Fault::NotCompacted { call: 12 }], "{at:?} {oldest}");
    }
    let before_it_was_asked_for = found(|history| {
        history.calls.push(call(24, 25, Asked::Compact { to: 13 }, Answer::Unknown));
        history.calls.push(call(22, 23, get("/a", Some(12)), Answer::Compacted(13)));
    });
    assert_eq!(before_it_was_asked_for, [Fault::NotCompacted { call: 12 }]);
}

#[test]
fn a_refusal_is_right_when_it_is_made() {
    // It was at 11 before the call, and is absent after it.
    for wrong in [Some(11), None] {
        let faults = found(|history| history.calls[2].answer = Answer::Refused(wrong));
        assert!(faults.contains(&Fault::WronglyRefused { call: 2 }), "{wrong:?}: {faults:?}");
    }
    let late = found(|history| history.calls[9].answer = Answer::Refused(Some(12)));
    assert_eq!(late, [Fault::WronglyRefused { call: 9 }]);
}

#[test]
fn answers_keep_to_real_time() {
    let stale = found(|history| history.calls[3].answer = read(11, &[("/a", 11, "1")]));
    assert_eq!(stale, [Fault::Stale { call: 3, revision: 11, known: 12 }]);
    let early = found(|history| {
        history.calls[3].answer = read(14, &[]);
    });
    assert!(early.contains(&Fault::Early { call: 3, revision: 14 }), "{early:?}");
    let before_the_other = found(|history| {
        // The deletion is answered before the update begins that it is said to follow.
        (history.calls[7].began, history.calls[7].ended) = (0, 1);
        (history.calls[1].began, history.calls[1].ended) = (2, 5);
    });
    assert!(before_the_other.contains(&Fault::Early { call: 7, revision: 14 }), "{before_the_other:?}");
}

#[test]
fn reads_at_a_revision_are_what_was_then() {
    let other = found(|history| history.calls[8].answer = read(14, &[("/a", 11, "1")]));
    assert_eq!(other, [Fault::WronglyRead { call: 8, revision: 12 }]);
    let half = found(|history| history.calls[6].answer = read(13, &[("/b", 13, "4")]));
    assert_eq!(half, [Fault::WronglyRead { call: 6, revision: 13 }]);
}

#[test]
fn a_watch_tells_all_in_order_and_nothing_else() {
    let end = found(|history| drop(history.streams[0].told.pop()));
    assert_eq!(end, [Fault::Missed { stream: 0, revision: 14 }]);
    let early = found(|history| history.streams[1].told[0] = WatchItem::Progress(13));
    assert!(early.contains(&Fault::Missed { stream: 1, revision: 13 }), "{early:?}");
    let swapped = found(|history| history.streams[0].told.swap(1, 2));
    assert!(swapped.contains(&Fault::OutOfOrder { stream: 0, revision: 12 }), "{swapped:?}");
    let foreign = found(|history| history.streams[1].told[0] = history.streams[0].told[1].clone());
    assert_eq!(foreign, [Fault::WronglyTold { stream: 1, revision: 12 }]);
}

proptest! {
    #[test]
    fn whatever_a_watch_leaves_out_repeats_or_swaps_is_found(place in 0usize..4, other in 0usize..4) {
        let left_out = found(|history| drop(history.streams[0].told.remove(place)));
        prop_assert_eq!(left_out, [Fault::Missed { stream: 0, revision: 11 + place as u64 }]);
        let repeated = found(|history| {
            let again = history.streams[0].told[place].clone();
            history.streams[0].told.insert(place.max(other) + 1, again);
        });
        prop_assert_eq!(repeated, [Fault::OutOfOrder { stream: 0, revision: 11 + place as u64 }]);
        let swapped = found(|history| history.streams[0].told.swap(place, other));
        prop_assert_eq!(swapped.is_empty(), place == other);
    }
}
