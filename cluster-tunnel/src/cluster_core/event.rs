//! What happens to a cluster.

use bytes::Bytes;

use super::{LinkId, TunnelId};
use crate::{ConnectId, Extension, Frame, TraceParent};

/// What happens to a cluster.
#[derive(Debug, Clone)]
pub enum ClusterEvent {
    /// An agent's stream is there, with what both ends agreed on.
    LinkOpened {
        /// Its number; a new one for each stream.
        link: LinkId,
        /// What the agent can take beyond the protocol.
        extension: Option<Extension>,
    },
    /// An agent's stream has ended.
    LinkClosed {
        /// The stream.
        link: LinkId,
    },
    /// A frame came from an agent.
    Received {
        /// The stream.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// The transport took bytes of a tunnel.
    Sent {
        /// The stream.
        link: LinkId,
        /// The tunnel on it.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// A client wants a tunnel.
    Dial {
        /// Its number; a new one for each tunnel.
        tunnel: TunnelId,
        /// What the agent shall connect to.
        address: String,
        /// What the dial belongs to.
        trace: Option<TraceParent>,
    },
    /// A client sends bytes, not more than was granted.
    Write {
        /// The tunnel.
        tunnel: TunnelId,
        /// What.
        bytes: Bytes,
    },
    /// A client has read bytes that were delivered.
    Read {
        /// The tunnel.
        tunnel: TunnelId,
        /// How many.
        bytes: u64,
    },
    /// A client sends no more.
    Finish {
        /// The tunnel.
        tunnel: TunnelId,
    },
    /// A client is done with a tunnel or gives up its dial.
    Close {
        /// The tunnel.
        tunnel: TunnelId,
    },
    /// Time has passed.
    Time,
}
