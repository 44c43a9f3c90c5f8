//! The bytes of open tunnels.

use bytes::Bytes;

use super::{AgentAction, AgentCore, tunnel::Tunnel};
use crate::{ConnectId, Frame, Reason, flow::Returns};

impl AgentCore {
    pub(super) fn data(&mut self, id: ConnectId, bytes: Bytes) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else {
            if id.0 != 0 {
                self.send(Frame::CloseResponse { id, error: "unrecognized connectID".to_owned() });
            }
            return;
        };
        if bytes.is_empty() || open.server_finished {
            return;
        }
        if open.receive.receive(bytes.len() as u64) {
            self.actions.push(AgentAction::Deliver { id, bytes });
            return;
        }
        let limit = open.receive.limit();
        let windowed = self.peer.is_some();
        self.end(id, if windowed { Reason::WindowExceeded(limit) } else { Reason::NotReading(limit) });
    }

    pub(super) fn returned(&mut self, id: ConnectId, who: Returns, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        match open.send.returned(who, bytes) {
            Some(0) => {}
            Some(bytes) => self.actions.push(AgentAction::Grant { id, bytes }),
            None => self.end(id, Reason::WindowUnfounded),
        }
    }

    pub(super) fn write(&mut self, id: ConnectId, mut bytes: Bytes) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        if open.finished {
            return;
        }
        if !open.send.send(bytes.len() as u64) {
            let limit = open.send.limit();
            return self.end(id, Reason::WindowExceeded(limit));
        }
        let most = self.peer.map_or(self.settings.frame, |peer| peer.frame as usize);
        while !bytes.is_empty() {
            let part = bytes.split_to(most.min(bytes.len()));
            self.send(Frame::Data { id, bytes: part });
        }
    }

    pub(super) fn read(&mut self, id: ConnectId, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        if let Some(bytes) = open.receive.read(bytes) {
            self.send(Frame::Window { id, bytes });
        }
    }

    pub(super) fn finish(&mut self, id: ConnectId) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        if self.peer.is_none() {
            // The protocol has no half-closed tunnels: the end of one direction is the end.
            self.tunnels.remove(&id);
            self.send(Frame::CloseResponse { id, error: String::new() });
            self.actions.push(AgentAction::Closed { id, reason: Reason::Closed(String::new()) });
        } else if !std::mem::replace(&mut open.finished, true) {
            self.send(Frame::HalfClose { id });
        }
    }
}
