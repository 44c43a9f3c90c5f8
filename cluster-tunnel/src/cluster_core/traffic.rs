//! The bytes of open tunnels.

use std::time::Instant;

use bytes::Bytes;

use super::{ClusterAction, ClusterCore, LinkId, TunnelId, tunnel::Tunnel};
use crate::{ConnectId, Frame, Reason, flow::Returns};

impl ClusterCore {
    pub(super) fn data(&mut self, link: LinkId, id: ConnectId, bytes: Bytes, now: Instant) {
        let Some((tunnel, open)) = self.open_on(link, id) else {
            // 0 is no tunnel's number.
            let closing = self.links.get(&link).is_some_and(|link| link.slots.get(id).is_some());
            if id.0 != 0 && !closing {
                self.close_on_link(link, id, now);
            }
            return;
        };
        if bytes.is_empty() || open.agent_finished {
            return;
        }
        if open.receive.receive(bytes.len() as u64) {
            self.actions.push(ClusterAction::Deliver { tunnel, bytes });
            return;
        }
        let limit = open.receive.limit();
        let reason = if open.windowed { Reason::WindowExceeded(limit) } else { Reason::NotReading(limit) };
        self.end(tunnel, reason, now);
    }

    pub(super) fn sent(&mut self, link: LinkId, id: ConnectId, bytes: u64) {
        let Some((tunnel, open)) = self.open_on(link, id) else { return };
        if let Some(bytes @ 1..) = open.send.returned(Returns::Transport, bytes) {
            self.actions.push(ClusterAction::Grant { tunnel, bytes });
        }
    }

    pub(super) fn returned(&mut self, link: LinkId, id: ConnectId, who: Returns, bytes: u64, now: Instant) {
        let Some((tunnel, open)) = self.open_on(link, id) else { return };
        match open.send.returned(who, bytes) {
            Some(0) => {}
            Some(bytes) => self.actions.push(ClusterAction::Grant { tunnel, bytes }),
            None => self.end(tunnel, Reason::WindowUnfounded, now),
        }
    }

    pub(super) fn write(&mut self, tunnel: TunnelId, mut bytes: Bytes, now: Instant) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&tunnel) else { return };
        if open.client_finished {
            return;
        }
        if !open.send.send(bytes.len() as u64) {
            // Not every byte can be sent, so none that follow may be.
            let limit = open.send.limit();
            return self.end(tunnel, Reason::WindowExceeded(limit), now);
        }
        let (link, id, most) = (open.link, open.id, open.frame);
        while !bytes.is_empty() {
            let part = bytes.split_to(most.min(bytes.len()));
            self.send(link, Frame::Data { id, bytes: part });
        }
    }

    pub(super) fn read(&mut self, tunnel: TunnelId, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&tunnel) else { return };
        if let Some(bytes) = open.receive.read(bytes) {
            let (link, id) = (open.link, open.id);
            self.send(link, Frame::Window { id, bytes });
        }
    }

    pub(super) fn finish(&mut self, tunnel: TunnelId, now: Instant) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&tunnel) else { return };
        if !open.windowed {
            // The protocol has no half-closed tunnels: the end of one direction is the end.
            self.end(tunnel, Reason::ByUser, now);
        } else if !std::mem::replace(&mut open.client_finished, true) {
            let (link, id) = (open.link, open.id);
            self.send(link, Frame::HalfClose { id });
        }
    }
}
