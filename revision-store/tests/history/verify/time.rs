//! Real time: the order of revisions is one in which everything can have happened.

use revision_store::Revision;

use super::{Fault, writes::Causes};
use crate::record::{Answer, Asked, Call, History, Moment};

/// When which revisions can have come to be. Both lists rise in both numbers.
pub(super) struct Times {
    /// Of each revision that a call made, the latest beginning of a write up to it.
    begun: Vec<(Revision, Moment)>,
    /// Of each end of a call, the newest revision that somebody knew then.
    known: Vec<(Moment, Revision)>,
    first: Revision,
}

impl Times {
    pub(super) fn of(history: &History, causes: &Causes) -> Self {
        let begun = causes.iter().map(|(revision, call)| (*revision, history.calls[*call].began));
        let known = history.calls.iter().filter_map(|call| Some((call.ended, seen(call)?)));
        Self { begun: rising(begun), known: rising(known), first: history.after }
    }

    /// The newest revision that was known before a moment.
    fn known_before(&self, moment: Moment) -> Revision {
        let upto = self.known.partition_point(|(ended, _)| *ended < moment);
        self.known[..upto].last().map_or(self.first, |(_, revision)| *revision)
    }

    /// The latest beginning of a write up to a revision.
    fn begun(&self, revision: Revision) -> Moment {
        let upto = self.begun.partition_point(|(made, _)| *made <= revision);
        self.begun[..upto].last().map_or(0, |(_, began)| *began)
    }

    /// The oldest and the newest revision of the store at which a call can have been answered.
    pub(super) fn possible(&self, call: &Call) -> (Revision, Revision) {
        let upto = self.begun.partition_point(|(_, began)| *began < call.ended);
        let newest = self.begun[..upto].last().map_or(self.first, |(revision, _)| *revision);
        (self.known_before(call.began), newest)
    }
}

/// In the order of the first number, with the greatest second number up to there.
fn rising(pairs: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let mut greatest = 0;
    for (_, second) in &mut pairs {
        greatest = greatest.max(*second);
        *second = greatest;
    }
    pairs
}

/// The revision of the store that an answer shows.
fn seen(call: &Call) -> Option<Revision> {
    match (&call.asked, &call.answer) {
        (Asked::Write(_), Answer::Done(revision)) => Some(*revision),
        (Asked::Get { at: None, .. } | Asked::List { at: None, .. }, Answer::Read { revision, .. }) => {
            Some(*revision)
        }
        _ => None,
    }
}

pub(super) fn verify(history: &History, times: &Times, faults: &mut Vec<Fault>) {
    for (place, call) in history.calls.iter().enumerate() {
        let Some(revision) = seen(call) else { continue };
        let known = times.known_before(call.began);
        // A read may show again what is known; a write is newer than all that is.
        let is_write = matches!(call.asked, Asked::Write(_));
        if revision < known || is_write && revision == known {
            faults.push(Fault::Stale { call: place, revision, known });
        }
        if times.begun(revision) > call.ended {
            faults.push(Fault::Early { call: place, revision });
        }
    }
}
