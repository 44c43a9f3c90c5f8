//! One tunnel, from its dial.

use std::time::Instant;

use crate::flow::{ReceiveFlow, SendFlow};

#[derive(Debug)]
pub(super) enum Tunnel {
    Connecting { random: i64, deadline: Instant },
    Open(Open),
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) send: SendFlow,
    pub(super) receive: ReceiveFlow,
    pub(super) server_finished: bool,
    pub(super) finished: bool,
}

impl Tunnel {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting { deadline, .. } => Some(*deadline),
            Self::Open(_) => None,
        }
    }
}
