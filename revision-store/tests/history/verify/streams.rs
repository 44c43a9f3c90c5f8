//! Watches: each tells of every write under its prefix, in order, once.

use revision_store::{Event, WatchItem};

use super::Fault;
use crate::record::{History, Stream};

pub(super) fn verify(history: &History, faults: &mut Vec<Fault>) {
    for (place, stream) in history.streams.iter().enumerate() {
        verify_one(&history.log, place, stream, faults);
    }
}

fn verify_one(log: &[Event], place: usize, stream: &Stream, faults: &mut Vec<Fault>) {
    let is_due =
        |event: &&Event| event.revision() > stream.after && event.entry.key.starts_with(&stream.prefix);
    let mut due = log.iter().filter(is_due).peekable();
    let mut reached = stream.after;
    for item in &stream.told {
        let (told, upto) = match item {
            WatchItem::Event(event) => (Some(event), event.revision() - 1),
            WatchItem::Progress(revision) => (None, *revision),
        };
        if told.is_some() && upto < reached {
            faults.push(Fault::OutOfOrder { stream: place, revision: upto + 1 });
            continue;
        }
        while let Some(missed) = due.next_if(|event| event.revision() <= upto) {
            faults.push(Fault::Missed { stream: place, revision: missed.revision() });
        }
        reached = reached.max(upto);
        if let Some(told) = told {
            reached = told.revision();
            if !due.next_if(|event| event.revision() == reached).is_some_and(|event| is_same(event, told)) {
                faults.push(Fault::WronglyTold { stream: place, revision: reached });
            }
        }
    }
    faults.extend(due.map(|missed| Fault::Missed { stream: place, revision: missed.revision() }));
}

/// Compares what the table keeps of an event: how long the key was to live is not told again of its end.
fn is_same(event: &Event, told: &Event) -> bool {
    let kept = |event: &Event| {
        let entry = &event.entry;
        (event.kind, entry.key.clone(), entry.value.clone(), entry.create_revision, event.previous.clone())
    };
    kept(event) == kept(told)
}
