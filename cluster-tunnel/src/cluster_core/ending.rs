//! How dials and tunnels end: by their client, by their link, by time.

use std::time::{Duration, Instant};

use super::{ClusterCore, LinkId, TunnelId, dialling::random_of, tunnel::Tunnel};
use crate::{ConnectId, Frame, Reason};

/// How long an agent has to answer a close before its tunnel's number is forgotten.
const CLOSING: Duration = Duration::from_secs(10);

impl ClusterCore {
    pub(super) fn close(&mut self, tunnel: TunnelId, now: Instant) {
        if self.tunnels.contains_key(&tunnel) {
            self.end(tunnel, Reason::ByUser, now);
        }
    }

    /// Ends a dial or a tunnel from this side.
    pub(super) fn end(&mut self, tunnel: TunnelId, reason: Reason, now: Instant) {
        match self.tunnels.remove(&tunnel) {
            Some(Tunnel::Open(open)) => self.close_on_link(open.link, open.id, now),
            Some(Tunnel::Dialling { link, .. }) => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.dials -= 1;
                }
                self.send(link, Frame::DialCancel { random: random_of(tunnel) });
            }
            None => return,
        }
        self.closed(tunnel, reason);
    }

    /// Asks the agent to close a number, and remembers it until it has.
    pub(super) fn close_on_link(&mut self, link: LinkId, id: ConnectId, now: Instant) {
        let until = now + CLOSING;
        if let Some(known) = self.links.get_mut(&link) {
            known.slots.close(id, until);
            self.send(link, Frame::CloseRequest { id });
            self.due_at(until);
        }
    }

    pub(super) fn link_closed(&mut self, link: LinkId, now: Instant) {
        if self.links.remove(&link).is_none() {
            return;
        }
        let on_it = self.tunnels.iter().filter(|(_, tunnel)| tunnel.link() == link);
        let ids: Vec<TunnelId> = on_it.map(|(id, _)| *id).collect();
        for tunnel in ids {
            match self.tunnels.remove(&tunnel) {
                Some(Tunnel::Dialling { dial, deadline, .. }) => {
                    self.dial_on_a_link(tunnel, dial, deadline, now);
                }
                _ => self.closed(tunnel, Reason::LinkLost),
            }
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        let late = self.tunnels.iter().filter_map(|(id, tunnel)| match tunnel {
            Tunnel::Dialling { link, deadline, .. } if *deadline <= now => Some((*id, *link)),
            _ => None,
        });
        for (tunnel, link) in late.collect::<Vec<_>>() {
            if let Some(known) = self.links.get_mut(&link) {
                known.failing_until = Some(now + self.settings.failing);
            }
            self.end(tunnel, Reason::TimedOut, now);
        }
        for link in self.links.values_mut() {
            link.slots.expire(now);
        }
        let dials = self.tunnels.values().filter_map(Tunnel::deadline);
        self.due = dials.chain(self.links.values().filter_map(|link| link.slots.next_expiry())).min();
    }
}
