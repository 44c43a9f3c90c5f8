//! The limits of a cluster's tunnels.

use std::time::Duration;

use crate::Extension;

/// The limits of a cluster's tunnels.
#[derive(Debug, Clone)]
pub struct CoreSettings {
    /// Tunnels and dials of one cluster at once.
    pub tunnels: usize,
    /// How long a dial may take, over all agents that it is given to. Upstream's agents give up after 5 s.
    pub dial: Duration,
    /// How long an agent whose dial failed comes after the others.
    pub failing: Duration,
    /// What is said to agents that know windows.
    pub extension: Extension,
    /// Bytes that a client may leave unread when the agent knows no windows; then its tunnel is closed.
    pub unread: u64,
    /// Bytes of a tunnel that wait for the stream to an agent that knows no windows.
    pub queued: u64,
    /// The most payload of one frame to such an agent, in bytes.
    pub frame: usize,
}

impl Default for CoreSettings {
    fn default() -> Self {
        Self {
            tunnels: 10_000,
            dial: Duration::from_secs(10),
            failing: Duration::from_secs(30),
            extension: Extension::default(),
            // A reader that is only slow has time: at upstream's 140 MiB/s this is a quarter of a second.
            unread: 32 << 20,
            queued: 256 << 10,
            frame: 32 << 10,
        }
    }
}
