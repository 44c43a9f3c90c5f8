//! One stream of an agent.

use std::time::Instant;

use super::slots::Slots;
use crate::Extension;

/// One stream of an agent.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) extension: Option<Extension>,
    /// The agent said that it takes no new dials.
    pub(super) draining: bool,
    /// The numbers that the agent gave.
    pub(super) slots: Slots,
    /// Dials that it has not answered.
    pub(super) dials: usize,
    /// How many tunnels the agent says it has over all servers.
    pub(super) reported: u64,
    /// A dial failed; until then others come first.
    pub(super) failing_until: Option<Instant>,
    /// When it was last given a dial, in turns.
    pub(super) turn: u64,
}

impl Link {
    pub(super) fn new(extension: Option<Extension>) -> Self {
        Self {
            extension,
            draining: false,
            slots: Slots::default(),
            dials: 0,
            reported: 0,
            failing_until: None,
            turn: 0,
        }
    }

    pub(super) fn is_failing(&self, now: Instant) -> bool {
        self.failing_until.is_some_and(|until| now < until)
    }

    /// How much the agent has to do, as far as is known here.
    pub(super) fn load(&self) -> u64 {
        self.reported.max((self.slots.len() + self.dials) as u64)
    }
}
