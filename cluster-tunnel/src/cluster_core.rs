//! The server's side of one cluster, without I/O: its agents' streams, its tunnels, and who gets which dial.
//!
//! Events go in with the time that it is; actions come out, to be carried out in their order. There is no clock, no
//! chance and no socket in here, so a test can replay everything. Clusters know nothing of each other.
//!
//! ```text
//! dial ─▶ Dialling on a link ─▶ Open (link, ConnectId) ─▶ gone
//!              │  ▲                    │
//!              └──┘ link lost          └─▶ the id stays closing until the agent has answered, so that bytes under
//!                   before an answer       way are known to be nobody's
//! ```

mod action;
mod choice;
mod dialling;
mod ending;
mod event;
mod link;
mod settings;
mod slots;
mod state;
#[cfg(test)]
mod tests;
mod traffic;
mod tunnel;

use std::{collections::BTreeMap, time::Instant};

pub use self::{action::ClusterAction, event::ClusterEvent, settings::CoreSettings, state::ClusterState};
use self::{
    link::Link,
    slots::Slot,
    tunnel::{Dial, Open, Tunnel},
};
use crate::{ConnectId, Frame, Reason, flow::Returns};

/// A stream of an agent, as the server numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A tunnel of a client, as the server numbers it. Below 2^63, since it also names the dial to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelId(pub u64);

/// One cluster's agents and tunnels.
#[derive(Debug)]
pub struct ClusterCore {
    settings: CoreSettings,
    links: BTreeMap<LinkId, Link>,
    tunnels: BTreeMap<TunnelId, Tunnel>,
    /// Counts choices, so that equals take turns.
    turn: u64,
    /// Nothing is due before.
    due: Option<Instant>,
    actions: Vec<ClusterAction>,
}

impl ClusterCore {
    /// A cluster without agents and tunnels.
    pub fn new(settings: CoreSettings) -> Self {
        Self {
            settings,
            links: BTreeMap::new(),
            tunnels: BTreeMap::new(),
            turn: 0,
            due: None,
            actions: Vec::new(),
        }
    }

    /// Takes one event and says what is to be done. `now` never goes back.
    pub fn handle(&mut self, event: ClusterEvent, now: Instant) -> Vec<ClusterAction> {
        match event {
            ClusterEvent::LinkOpened { link, extension } => {
                self.links.insert(link, Link::new(extension));
            }
            ClusterEvent::LinkClosed { link } => self.link_closed(link, now),
            ClusterEvent::Received { link, frame } => self.received(link, frame, now),
            ClusterEvent::Sent { link, id, bytes } => self.sent(link, id, bytes),
            ClusterEvent::Dial { tunnel, address, trace } => {
                self.dial(tunnel, Dial { address, trace }, now);
            }
            ClusterEvent::Write { tunnel, bytes } => self.write(tunnel, bytes, now),
            ClusterEvent::Read { tunnel, bytes } => self.read(tunnel, bytes),
            ClusterEvent::Finish { tunnel } => self.finish(tunnel, now),
            ClusterEvent::Close { tunnel } => self.close(tunnel, now),
            ClusterEvent::Time => {}
        }
        if self.due.is_some_and(|due| due <= now) {
            self.expire(now);
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`ClusterEvent::Time`] is due. Any other event does as well.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the agent on a link understands what is added to the protocol.
    pub fn is_extended(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.extension.is_some())
    }

    /// Whether there is neither an agent nor a tunnel.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.tunnels.is_empty()
    }

    fn send(&mut self, link: LinkId, frame: Frame) {
        self.actions.push(ClusterAction::Send { link, frame });
    }

    fn closed(&mut self, tunnel: TunnelId, reason: Reason) {
        self.actions.push(ClusterAction::Closed { tunnel, reason });
    }

    fn due_at(&mut self, moment: Instant) {
        self.due = Some(self.due.map_or(moment, |due| due.min(moment)));
    }

    fn received(&mut self, link: LinkId, frame: Frame, now: Instant) {
        let Some(known) = self.links.get_mut(&link) else { return };
        let extended = known.extension.is_some();
        match frame {
            Frame::Data { id, bytes } => self.data(link, id, bytes, now),
            Frame::DialResponse { random, outcome } => self.answered(link, random, outcome, now),
            Frame::CloseResponse { id, error } => {
                if let Some(Slot::Open(tunnel)) = known.slots.forget(id) {
                    self.tunnels.remove(&tunnel);
                    self.closed(tunnel, Reason::Closed(error));
                }
            }
            Frame::Drain => known.draining = true,
            Frame::Load { tunnels } if extended => known.reported = tunnels,
            Frame::Window { id, bytes } if extended => self.returned(link, id, Returns::Peer, bytes, now),
            Frame::HalfClose { id } if extended => {
                let Some((tunnel, open)) = self.open_on(link, id) else { return };
                if !std::mem::replace(&mut open.agent_finished, true) {
                    self.actions.push(ClusterAction::Finished { tunnel });
                }
            }
            // An agent asks for nothing, and what was not agreed on is not understood.
            Frame::DialRequest { .. }
            | Frame::DialCancel { .. }
            | Frame::CloseRequest { .. }
            | Frame::Load { .. }
            | Frame::Servers { .. }
            | Frame::Window { .. }
            | Frame::HalfClose { .. } => {}
        }
    }

    fn open_on(&mut self, link: LinkId, id: ConnectId) -> Option<(TunnelId, &mut Open)> {
        let Slot::Open(tunnel) = self.links.get(&link)?.slots.get(id)? else { return None };
        match self.tunnels.get_mut(&tunnel)? {
            Tunnel::Open(open) => Some((tunnel, open)),
            Tunnel::Dialling { .. } => None,
        }
    }
}
