//! Which of a cluster's agents gets a dial.

use std::time::Instant;

use super::{ClusterCore, LinkId};

impl ClusterCore {
    /// The link for the next dial: one that drains only if nothing else is left, then one whose dials do not fail,
    /// then the one with the least to do, then the one whose turn is longest ago.
    pub(super) fn choose(&mut self, now: Instant) -> Option<LinkId> {
        let best = self
            .links
            .iter_mut()
            .min_by_key(|(_, link)| (link.draining, link.is_failing(now), link.load(), link.turn));
        let (id, link) = best?;
        self.turn += 1;
        link.turn = self.turn;
        Some(*id)
    }
}
