//! What a server has counted. Plain numbers; whoever embeds it makes metrics of them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{ClusterName, Reason, cluster_core::ClusterState};

/// What a server is and has counted since its start.
#[derive(Debug, Clone, Default)]
pub struct ServerSnapshot {
    /// The clusters that have agents or tunnels now.
    pub clusters: BTreeMap<ClusterName, ClusterSnapshot>,
    /// Agents' streams that were let in.
    pub agents_accepted: u64,
    /// Agents' streams that were refused, by the category of the refusal.
    pub agents_refused: BTreeMap<&'static str, u64>,
    /// Certificates that were issued to agents.
    pub certificates_issued: u64,
    /// Certificates that agents asked for in vain, by the category of the refusal.
    pub certificates_refused: BTreeMap<&'static str, u64>,
    /// Dials that the policy did not allow.
    pub dials_denied: u64,
    /// Packets that were none of the protocol.
    pub malformed: u64,
}

/// What one cluster is and has counted since its first agent came.
#[derive(Debug, Clone, Default)]
pub struct ClusterSnapshot {
    /// How it stands now. Without links the tunnel is down; with `failing` links the API server behind them is.
    pub state: ClusterState,
    /// Dials that led to a tunnel.
    pub dials: u64,
    /// Dials that did not, by the category of the reason.
    pub dials_failed: BTreeMap<&'static str, u64>,
    /// The time that all dials took together.
    pub dialling: Duration,
    /// Bytes to the cluster.
    pub sent: u64,
    /// Bytes from the cluster.
    pub received: u64,
}

#[derive(Debug, Default)]
pub(crate) struct ClusterCounters {
    sent: AtomicU64,
    received: AtomicU64,
    dials: Mutex<Dials>,
}

#[derive(Debug, Default)]
struct Dials {
    opened: u64,
    failed: BTreeMap<&'static str, u64>,
    took: Duration,
}

impl ClusterCounters {
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn dialled(&self, failure: Option<&Reason>, took: Duration) {
        let mut dials = self.dials.lock();
        dials.took += took;
        match failure {
            None => dials.opened += 1,
            Some(reason) => *dials.failed.entry(reason.category()).or_default() += 1,
        }
    }

    pub(crate) fn snapshot(&self, state: ClusterState) -> ClusterSnapshot {
        let dials = self.dials.lock();
        ClusterSnapshot {
            state,
            dials: dials.opened,
            dials_failed: dials.failed.clone(),
            dialling: dials.took,
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct ServerCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) refused: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) issued: AtomicU64,
    pub(crate) not_issued: Mutex<BTreeMap<&'static str, u64>>,
}
