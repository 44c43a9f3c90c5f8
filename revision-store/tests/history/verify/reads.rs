//! Reads: each shows exactly what the log says of its revision, so two of one revision show the same.

use super::{Fault, log::Log};
use crate::record::{Answer, Asked, History};

pub(super) fn verify(history: &History, log: &Log<'_>, faults: &mut Vec<Fault>) {
    for (call, noted) in history.calls.iter().enumerate() {
        let Answer::Read { found, revision } = &noted.answer else { continue };
        let (shown, is_right) = match &noted.asked {
            Asked::Write(_) => continue,
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
