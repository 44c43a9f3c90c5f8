//! One tunnel, from its dial.

use std::time::Instant;

use super::LinkId;
use crate::{
    ConnectId, TraceParent,
    flow::{ReceiveFlow, SendFlow},
};

/// What an agent is asked.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    pub(super) address: String,
    pub(super) trace: Option<TraceParent>,
}

#[derive(Debug)]
pub(super) enum Tunnel {
    /// An agent was asked and has not answered.
    Dialling {
        link: LinkId,
        dial: Dial,
        deadline: Instant,
    },
    Open(Open),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) link: LinkId,
    pub(super) id: ConnectId,
    pub(super) send: SendFlow,
    pub(super) receive: ReceiveFlow,
    /// The most payload of one frame.
    pub(super) frame: usize,
    /// Both ends know windows and half-closed tunnels.
    pub(super) windowed: bool,
    pub(super) client_finished: bool,
    pub(super) agent_finished: bool,
}

impl Tunnel {
    pub(super) fn link(&self) -> LinkId {
        match self {
            Self::Dialling { link, .. } => *link,
            Self::Open(open) => open.link,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Dialling { deadline, .. } => Some(*deadline),
            Self::Open(_) => None,
        }
    }
}
