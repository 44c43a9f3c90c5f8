//! Reads: each shows exactly what the log says of its revision, so two of one revision show the same; or it is refused,
//! when that revision has been compacted.

use revision_store::Revision;

use super::{Fault, log::Log};
use crate::record::{Answer, Asked, Call, History};

pub(super) fn verify(history: &History, log: &Log<'_>, faults: &mut Vec<Fault>) {
    for (call, noted) in history.calls.iter().enumerate() {
        if let Answer::Compacted(oldest) = &noted.answer
            && !is_compacted(history, noted, *oldest)
        {
            faults.push(Fault::NotCompacted { call });
        }
        let Answer::Read { found, revision } = &noted.answer else { continue };
        let (shown, is_right) = match &noted.asked {
            Asked::Write(_) | Asked::Compact { .. } => continue,
            Asked::Get { key, at } => {
                let shown = at.unwrap_or(*revision);
                (shown, found.iter().eq(log.at(key, shown).iter()))
            }
            Asked::List { prefix, at } => {
                let shown = at.unwrap_or(*revision);
                (shown, *found == log.list(prefix, shown))
            }
        };
        if !is_right {
            faults.push(Fault::WronglyRead { call, revision: shown });
        }
    }
}

/// Whether somebody had asked for the compaction that an answer tells of, and the answer has to do with it.
fn is_compacted(history: &History, told: &Call, oldest: Revision) -> bool {
    let is_asked =
        |call: &Call| matches!(call.asked, Asked::Compact { to } if to >= oldest) && call.began < told.ended;
    let concerns = match &told.asked {
        Asked::Get { at, .. } | Asked::List { at, .. } => at.is_some_and(|at| at < oldest),
        Asked::Compact { .. } => true,
        Asked::Write(_) => false,
    };
    concerns && history.calls.iter().any(is_asked)
}
