//! What is to be done for a cluster.

use bytes::Bytes;

use super::{LinkId, TunnelId};
use crate::{Frame, Reason};

/// What is to be done. Actions of one tunnel, and of one link, stay in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterAction {
    /// Send a frame to an agent.
    Send {
        /// The stream.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// A dial succeeded; the client may send so many bytes.
    Opened {
        /// The tunnel.
        tunnel: TunnelId,
        /// How many.
        credit: u64,
    },
    /// Bytes for a client.
    Deliver {
        /// The tunnel.
        tunnel: TunnelId,
        /// What.
        bytes: Bytes,
    },
    /// A client may send more bytes.
    Grant {
        /// The tunnel.
        tunnel: TunnelId,
        /// How many more.
        bytes: u64,
    },
    /// No more bytes come for a client; it may still send.
    Finished {
        /// The tunnel.
        tunnel: TunnelId,
    },
    /// A dial failed or a tunnel ended; nothing of it comes after this.
    Closed {
        /// The tunnel.
        tunnel: TunnelId,
        /// Why.
        reason: Reason,
    },
}
