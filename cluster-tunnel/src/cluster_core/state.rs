//! How a cluster stands.

use std::time::Instant;

use super::{ClusterCore, link::Link};

/// How a cluster stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// Streams of agents.
    pub links: usize,
    /// Of these, those that take no new dials.
    pub draining: usize,
    /// Of these, those whose last dial failed a short while ago.
    pub failing: usize,
    /// Dials without an answer.
    pub dialling: usize,
    /// Open tunnels.
    pub open: usize,
    /// Numbers of tunnels that are closed here and not yet by the agent.
    pub closing: usize,
}

impl ClusterCore {
    /// How the cluster stands now.
    pub fn state(&self, now: Instant) -> ClusterState {
        let count =
            |wanted: fn(&Link, Instant) -> bool| self.links.values().filter(|link| wanted(link, now)).count();
        let dialling = self.links.values().map(|link| link.dials).sum();
        ClusterState {
            links: self.links.len(),
            draining: count(|link, _| link.draining),
            failing: count(Link::is_failing),
            dialling,
            open: self.tunnels.len() - dialling,
            closing: self.links.values().map(|link| link.slots.closing()).sum(),
        }
    }
}
