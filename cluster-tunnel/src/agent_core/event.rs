//! What happens to a stream of an agent.

use bytes::Bytes;

use crate::{ConnectId, Frame};

/// What happens to a stream of an agent.
#[derive(Debug, Clone)]
pub enum AgentEvent {
    /// A frame came from the server.
    Received(Frame),
    /// The transport took bytes of a tunnel.
    Sent {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// A connection that was asked for is there.
    Connected {
        /// The tunnel.
        id: ConnectId,
    },
    /// A connection that was asked for could not be made.
    ConnectFailed {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        error: String,
    },
    /// The connection has sent bytes, not more than was granted.
    Write {
        /// The tunnel.
        id: ConnectId,
        /// What.
        bytes: Bytes,
    },
    /// The connection took bytes that were delivered.
    Read {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// The connection sends no more.
    Finish {
        /// The tunnel.
        id: ConnectId,
    },
    /// The connection is closed. Empty text is an end in good order.
    Close {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        error: String,
    },
    /// No new dials shall come.
    Drain,
    /// How many tunnels the agent has, over all servers.
    Load {
        /// How many.
        tunnels: u64,
    },
    /// Time has passed.
    Time,
}
