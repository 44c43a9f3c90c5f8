//! The limits of an agent's tunnels.

use std::time::Duration;

use crate::Extension;

/// The limits of an agent's tunnels on one stream.
#[derive(Debug, Clone)]
pub struct AgentCoreSettings {
    /// Tunnels and dials at once.
    pub tunnels: usize,
    /// How long a connection may take to be made.
    pub dial: Duration,
    /// What is said to servers that know windows.
    pub extension: Extension,
    /// Bytes that a connection may leave unread when the server knows no windows; then its tunnel is closed.
    pub unread: u64,
    /// Bytes of a tunnel that wait for the stream to a server that knows no windows.
    pub queued: u64,
    /// The most payload of one frame to such a server, in bytes.
    pub frame: usize,
}

impl Default for AgentCoreSettings {
    fn default() -> Self {
        Self {
            tunnels: 10_000,
            dial: Duration::from_secs(5),
            extension: Extension::default(),
            unread: 32 << 20,
            queued: 256 << 10,
            frame: 32 << 10,
        }
    }
}
