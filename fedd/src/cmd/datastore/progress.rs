//! How far a long command is, on stderr.

use std::time::{Duration, Instant};

use crate::output::note;

/// How often it is told: seldom enough for a log.
const EVERY: Duration = Duration::from_secs(2);

/// Tells now and then how far a command is.
pub(super) struct Progress {
    what: &'static str,
    done: u64,
    told: Instant,
}

impl Progress {
    /// `what` stands behind the number: `rows read`.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, done: 0, told: Instant::now() }
    }

    /// So many more are done.
    pub(super) fn add(&mut self, more: usize) {
        self.done += more as u64;
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            note(&format!("{} {}", self.done, self.what));
        }
    }

    /// How many are done in all.
    pub(super) fn done(&self) -> u64 {
        self.done
    }
}
