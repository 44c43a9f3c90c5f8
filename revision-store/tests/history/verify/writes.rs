//! Writes: each acknowledged one is in the log once, as what it was, and nothing else is but the ends of keys with a
//! lease.

use std::collections::HashMap;

use revision_store::{Event, EventKind, Revision, Write};

use super::{Fault, log::Log, time::Times};
use crate::record::{Answer, Asked, History};

/// The calls that made the writes in the log.
pub(super) type Causes = HashMap<Revision, usize>;

/// Finds the call of every write in the log, and what has none.
pub(super) fn verify(history: &History, log: &Log<'_>, faults: &mut Vec<Fault>) -> Causes {
    let mut causes = Causes::new();
    let mut by_key: HashMap<&str, Vec<usize>> = HashMap::new();
    for (call, write, answer) in writes(history) {
        by_key.entry(write.key()).or_default().push(call);
        let Answer::Done(revision) = *answer else { continue };
        if !log.event(revision).is_some_and(|event| is_done_by(event, write)) {
            faults.push(Fault::Lost { call, revision });
        }
        if let Some(other) = causes.insert(revision, call) {
            faults.push(Fault::UsedTwice { revision, calls: [other, call] });
        }
    }
    let mut taken: HashMap<usize, Revision> = HashMap::new();
    for event in &history.log {
        let revision = event.revision();
        if causes.contains_key(&revision) {
            continue;
        }
        let possible = by_key.get(event.entry.key.as_str()).into_iter().flatten().copied();
        let (mut open, mut closed) = (None, None);
        for call in possible {
            let Asked::Write(write) = &history.calls[call].asked else { continue };
            if is_done_by(event, write) {
                let place = match history.calls[call].answer {
                    Answer::Unknown if !taken.contains_key(&call) => &mut open,
                    _ => &mut closed,
                };
                *place = place.or(Some(call));
            }
        }
        if open.is_none()
            && let Some(call) = leased_by(history, &causes, event)
        {
            causes.insert(revision, call);
            continue;
        }
        match (open, closed) {
            (Some(call), _) => {
                taken.insert(call, revision);
                causes.insert(revision, call);
            }
            (None, Some(call)) => faults.push(match history.calls[call].answer {
                Answer::Done(_) | Answer::Unknown => Fault::DoneTwice { call, revision },
                _ => Fault::DoneAllTheSame { call, revision },
            }),
            (None, None) => faults.push(Fault::Invented { revision }),
        }
    }
    causes
}

/// The call that set the lease by which a key has ended, if this is such an end.
fn leased_by(history: &History, causes: &Causes, event: &Event) -> Option<usize> {
    let before = event.previous.as_ref().filter(|_| event.kind == EventKind::Delete)?;
    let call = *causes.get(&before.mod_revision)?;
    match &history.calls[call].asked {
        Asked::Write(Write::Create { lease, .. } | Write::Update { lease, .. }) => {
            (*lease > 0).then_some(call)
        }
        _ => None,
    }
}

/// A refusal tells what the key was at some time while the write was asked for, and that was not what it expected.
pub(super) fn verify_refusals(history: &History, log: &Log<'_>, times: &Times, faults: &mut Vec<Fault>) {
    for (call, write, answer) in writes(history) {
        let Answer::Refused(current) = *answer else { continue };
        let expected = match write {
            Write::Create { .. } => None,
            Write::Update { expected, .. } | Write::Delete { expected, .. } => Some(*expected),
        };
        let (from, to) = times.possible(&history.calls[call]);
        if current == expected || !log.states(write.key(), from, to).contains(&current) {
            faults.push(Fault::WronglyRefused { call });
        }
    }
}

fn writes(history: &History) -> impl Iterator<Item = (usize, &Write, &Answer)> {
    history.calls.iter().enumerate().filter_map(|(place, call)| match &call.asked {
        Asked::Write(write) => Some((place, write, &call.answer)),
        _ => None,
    })
}

fn is_done_by(event: &Event, write: &Write) -> bool {
    let before = event.previous.as_ref().map(|previous| previous.mod_revision);
    let (kind, expected, value) = match write {
        Write::Create { value, .. } => (EventKind::Put, None, Some(value)),
        Write::Update { value, expected, .. } => (EventKind::Put, Some(*expected), Some(value)),
        Write::Delete { expected, .. } => (EventKind::Delete, Some(*expected), None),
    };
    event.entry.key == write.key()
        && event.kind == kind
        && before == expected
        && value.is_none_or(|value| *value == event.entry.value)
}
