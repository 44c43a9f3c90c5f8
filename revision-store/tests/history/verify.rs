//! Whether a store that keeps its word can have given these answers.
//!
//! A write's revision is its place in the one order of all writes, so nothing has to be searched for: the log is
//! replayed, and every answer is compared with what it says. What is left is time: an answer shows no write that had
//! not begun, and none is missing that had ended before the request.

mod log;
mod reads;
mod streams;
mod time;
mod writes;

use revision_store::Revision;

use crate::record::History;
use log::Log;
use time::Times;

/// Something that cannot be. Calls and streams are named by their place in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The log goes on with a revision that does not follow the one before.
    NotContiguous { after: Revision, next: Revision },
    /// A write in the log says something of the key before it that the log does not.
    FalseBefore { revision: Revision },
    /// A write was acknowledged, and is not in the log as what it was.
    Lost { call: usize, revision: Revision },
    /// Two writes were acknowledged with one revision.
    UsedTwice { revision: Revision, calls: [usize; 2] },
    /// One request is in the log twice.
    DoneTwice { call: usize, revision: Revision },
    /// A write was answered as not done, and is in the log.
    DoneAllTheSame { call: usize, revision: Revision },
    /// A write is in the log that nobody asked for.
    Invented { revision: Revision },
    /// A write was refused because of something that was not so at any time while it was asked for.
    WronglyRefused { call: usize },
    /// An answer is older than one that was given before it was asked for.
    Stale { call: usize, revision: Revision, known: Revision },
    /// An answer counts a write in that began after it.
    Early { call: usize, revision: Revision },
    /// A read showed something else than the log says of that revision.
    WronglyRead { call: usize, revision: Revision },
    /// A read was refused for what had not been compacted.
    NotCompacted { call: usize },
    /// A watch left a write out.
    Missed { stream: usize, revision: Revision },
    /// A watch told of a write again, or after a later one.
    OutOfOrder { stream: usize, revision: Revision },
    /// A watch told of a write that is not in the log as it was told, or not under its prefix.
    WronglyTold { stream: usize, revision: Revision },
}

impl Fault {
    fn call(&self) -> Option<usize> {
        match self {
            Self::Lost { call, .. }
            | Self::DoneTwice { call, .. }
            | Self::DoneAllTheSame { call, .. }
            | Self::WronglyRefused { call }
            | Self::NotCompacted { call }
            | Self::Stale { call, .. }
            | Self::Early { call, .. }
            | Self::WronglyRead { call, .. } => Some(*call),
            _ => None,
        }
    }
}

/// Fails if there is something that cannot be, and shows what is to be known of it.
pub(crate) fn assert_right(history: &History) {
    let faults = verify(history);
    if let Some(fault) = faults.first() {
        let call = fault.call().map(|call| &history.calls[call]);
        panic!("{} faults, the first: {fault:?}: {call:#?}", faults.len());
    }
}

/// Everything that cannot be.
pub(crate) fn verify(history: &History) -> Vec<Fault> {
    let mut faults = Vec::new();
    let log = Log::replay(history, &mut faults);
    let causes = writes::verify(history, &log, &mut faults);
    let times = Times::of(history, &causes);
    time::verify(history, &times, &mut faults);
    writes::verify_refusals(history, &log, &times, &mut faults);
    reads::verify(history, &log, &mut faults);
    streams::verify(history, &mut faults);
    faults
}
