//! Dials, until an agent has answered.

use std::time::Instant;

use super::{
    ClusterAction, ClusterCore, CoreSettings, LinkId, TunnelId,
    tunnel::{Dial, Open, Tunnel},
};
use crate::{
    ConnectId, Extension, Frame, Reason,
    flow::{ReceiveFlow, Returns, SendFlow},
};

impl ClusterCore {
    pub(super) fn dial(&mut self, tunnel: TunnelId, dial: Dial, now: Instant) {
        if self.tunnels.len() >= self.settings.tunnels {
            self.closed(tunnel, Reason::TooMany(self.settings.tunnels));
            return;
        }
        let deadline = now + self.settings.dial;
        self.dial_on_a_link(tunnel, dial, deadline, now);
    }

    /// Gives the dial to the best link. Nothing has been sent on the tunnel, so this may be done again.
    pub(super) fn dial_on_a_link(&mut self, tunnel: TunnelId, dial: Dial, deadline: Instant, now: Instant) {
        let Some(link) = self.choose(now) else {
            self.closed(tunnel, Reason::NoAgent);
            return;
        };
        let random = random_of(tunnel);
        let Dial { address, trace } = dial.clone();
        self.send(link, Frame::DialRequest { random, address, trace });
        if let Some(link) = self.links.get_mut(&link) {
            link.dials += 1;
        }
        self.tunnels.insert(tunnel, Tunnel::Dialling { link, dial, deadline });
        self.due_at(deadline);
    }

    pub(super) fn answered(
        &mut self,
        link: LinkId,
        random: i64,
        outcome: Result<ConnectId, String>,
        now: Instant,
    ) {
        let tunnel = tunnel_of(random);
        let asked =
            matches!(self.tunnels.get(&tunnel), Some(Tunnel::Dialling { link: on, .. }) if *on == link);
        let Some(known) = self.links.get_mut(&link) else { return };
        match outcome {
            Ok(id) if asked && known.slots.get(id).is_none() => {
                known.failing_until = None;
                known.dials -= 1;
                known.slots.open(id, tunnel);
                let (credit, open) = opened(link, id, known.extension, &self.settings);
                self.tunnels.insert(tunnel, Tunnel::Open(open));
                self.actions.push(ClusterAction::Opened { tunnel, credit });
            }
            // Given up in the meantime; or a number that is in use, whose first owner keeps it.
            Ok(id) if asked => {
                let error = format!("the agent gave the number {} to two tunnels", id.0);
                self.refused(tunnel, error, now);
            }
            Ok(id) if known.slots.get(id).is_none() => self.close_on_link(link, id, now),
            Err(error) if asked => self.refused(tunnel, error, now),
            Ok(_) | Err(_) => {}
        }
    }

    /// The agent's answer to a dial is no.
    pub(super) fn refused(&mut self, tunnel: TunnelId, error: String, now: Instant) {
        let Some(Tunnel::Dialling { link, .. }) = self.tunnels.remove(&tunnel) else { return };
        if let Some(link) = self.links.get_mut(&link) {
            link.dials -= 1;
            link.failing_until = Some(now + self.settings.failing);
        }
        self.closed(tunnel, Reason::Refused(error));
    }
}

/// A tunnel that has just been opened, and what its client may send.
fn opened(link: LinkId, id: ConnectId, extension: Option<Extension>, settings: &CoreSettings) -> (u64, Open) {
    let (send, receive, frame) = match extension {
        Some(peer) => (
            SendFlow::new(peer.window.into(), Returns::Peer),
            ReceiveFlow::new(settings.extension.window.into(), true),
            peer.frame as usize,
        ),
        None => (
            SendFlow::new(settings.queued, Returns::Transport),
            ReceiveFlow::new(settings.unread, false),
            settings.frame,
        ),
    };
    let windowed = extension.is_some();
    let credit = send.limit();
    (credit, Open { link, id, send, receive, frame, windowed, client_finished: false, agent_finished: false })
}

/// The number of a tunnel names its dial, too.
pub(super) fn random_of(tunnel: TunnelId) -> i64 {
    tunnel.0.cast_signed()
}

pub(super) fn tunnel_of(random: i64) -> TunnelId {
    TunnelId(random.cast_unsigned())
}
