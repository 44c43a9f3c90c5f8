//! What is to be done for a stream of an agent.

use bytes::Bytes;

use super::Endpoint;
use crate::{ConnectId, Frame, Reason, TraceParent};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentAction {
    /// Send a frame to the server.
    Send(Frame),
    /// Make a connection.
    Connect {
        /// The tunnel that it is for.
        id: ConnectId,
        /// Whereto.
        endpoint: Endpoint,
        /// What the dial belongs to.
        trace: Option<TraceParent>,
    },
    /// A tunnel is open; the connection may send so many bytes.
    Opened {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        credit: u64,
    },
    /// Bytes for the connection.
    Deliver {
        /// The tunnel.
        id: ConnectId,
        /// What.
        bytes: Bytes,
    },
    /// The connection may send more bytes.
    Grant {
        /// The tunnel.
        id: ConnectId,
        /// How many more.
        bytes: u64,
    },
    /// No more bytes come for the connection; it may still send.
    Finished {
        /// The tunnel.
        id: ConnectId,
    },
    /// The tunnel has ended: write what was delivered, then close the connection; or stop making it.
    Closed {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        reason: Reason,
    },
}
