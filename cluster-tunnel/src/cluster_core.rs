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

mod choice;
mod link;
mod settings;
mod slots;
#[cfg(test)]
mod tests;
mod tunnel;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

pub use self::settings::CoreSettings;
use self::{
    link::Link,
    slots::Slot,
    tunnel::{Open, Tunnel},
};
use crate::{
    ConnectId, Extension, Frame, Reason,
    flow::{ReceiveFlow, Returns, SendFlow},
};

/// A stream of an agent, as the server numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A tunnel of a client, as the server numbers it. Below 2^63, since it also names the dial to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelId(pub u64);

/// How long an agent has to answer a close before its tunnel's number is forgotten.
const CLOSING: Duration = Duration::from_secs(10);

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

/// How a cluster stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// Streams of agents.
    pub links: usize,
    /// Of these, those that take no new dials.
    pub draining: usize,
    /// Of these, those whose last dial failed a short while ago.
    pub failing: usize,
    /// Dials without an answer.
    pub dialling: usize,
    /// Open tunnels.
    pub open: usize,
    /// Numbers of tunnels that are closed here and not yet by the agent.
    pub closing: usize,
}

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
            ClusterEvent::Dial { tunnel, address } => self.dial(tunnel, address, now),
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

    /// How the cluster stands now.
    pub fn state(&self, now: Instant) -> ClusterState {
        let count =
            |wanted: fn(&Link, Instant) -> bool| self.links.values().filter(|link| wanted(link, now)).count();
        let dialling = self.links.values().map(|link| link.dials).sum();
        ClusterState {
            links: self.links.len(),
            draining: count(|link, _| link.draining),
            failing: count(Link::is_failing),
            dialling,
            open: self.tunnels.len() - dialling,
            closing: self.links.values().map(|link| link.slots.closing()).sum(),
        }
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

    fn dial(&mut self, tunnel: TunnelId, address: String, now: Instant) {
        if self.tunnels.len() >= self.settings.tunnels {
            self.closed(tunnel, Reason::TooMany(self.settings.tunnels));
            return;
        }
        let deadline = now + self.settings.dial;
        self.dial_on_a_link(tunnel, address, deadline, now);
    }

    /// Gives the dial to the best link. Nothing has been sent on the tunnel, so this may be done again.
    fn dial_on_a_link(&mut self, tunnel: TunnelId, address: String, deadline: Instant, now: Instant) {
        let Some(link) = self.choose(now) else {
            self.closed(tunnel, Reason::NoAgent);
            return;
        };
        let random = random_of(tunnel);
        self.send(link, Frame::DialRequest { random, address: address.clone() });
        if let Some(link) = self.links.get_mut(&link) {
            link.dials += 1;
        }
        self.tunnels.insert(tunnel, Tunnel::Dialling { link, address, deadline });
        self.due_at(deadline);
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
            | Frame::Window { .. }
            | Frame::HalfClose { .. } => {}
        }
    }

    fn answered(&mut self, link: LinkId, random: i64, outcome: Result<ConnectId, String>, now: Instant) {
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
    fn refused(&mut self, tunnel: TunnelId, error: String, now: Instant) {
        let Some(Tunnel::Dialling { link, .. }) = self.tunnels.remove(&tunnel) else { return };
        if let Some(link) = self.links.get_mut(&link) {
            link.dials -= 1;
            link.failing_until = Some(now + self.settings.failing);
        }
        self.closed(tunnel, Reason::Refused(error));
    }

    fn data(&mut self, link: LinkId, id: ConnectId, bytes: Bytes, now: Instant) {
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

    fn sent(&mut self, link: LinkId, id: ConnectId, bytes: u64) {
        let Some((tunnel, open)) = self.open_on(link, id) else { return };
        if let Some(bytes @ 1..) = open.send.returned(Returns::Transport, bytes) {
            self.actions.push(ClusterAction::Grant { tunnel, bytes });
        }
    }

    fn returned(&mut self, link: LinkId, id: ConnectId, who: Returns, bytes: u64, now: Instant) {
        let Some((tunnel, open)) = self.open_on(link, id) else { return };
        match open.send.returned(who, bytes) {
            Some(0) => {}
            Some(bytes) => self.actions.push(ClusterAction::Grant { tunnel, bytes }),
            None => self.end(tunnel, Reason::WindowUnfounded, now),
        }
    }

    fn write(&mut self, tunnel: TunnelId, mut bytes: Bytes, now: Instant) {
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

    fn read(&mut self, tunnel: TunnelId, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&tunnel) else { return };
        if let Some(bytes) = open.receive.read(bytes) {
            let (link, id) = (open.link, open.id);
            self.send(link, Frame::Window { id, bytes });
        }
    }

    fn finish(&mut self, tunnel: TunnelId, now: Instant) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&tunnel) else { return };
        if !open.windowed {
            // The protocol has no half-closed tunnels: the end of one direction is the end.
            self.end(tunnel, Reason::ByUser, now);
        } else if !std::mem::replace(&mut open.client_finished, true) {
            let (link, id) = (open.link, open.id);
            self.send(link, Frame::HalfClose { id });
        }
    }

    fn close(&mut self, tunnel: TunnelId, now: Instant) {
        if self.tunnels.contains_key(&tunnel) {
            self.end(tunnel, Reason::ByUser, now);
        }
    }

    /// Ends a dial or a tunnel from this side.
    fn end(&mut self, tunnel: TunnelId, reason: Reason, now: Instant) {
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
    fn close_on_link(&mut self, link: LinkId, id: ConnectId, now: Instant) {
        let until = now + CLOSING;
        if let Some(known) = self.links.get_mut(&link) {
            known.slots.close(id, until);
            self.send(link, Frame::CloseRequest { id });
            self.due_at(until);
        }
    }

    fn link_closed(&mut self, link: LinkId, now: Instant) {
        if self.links.remove(&link).is_none() {
            return;
        }
        let on_it = self.tunnels.iter().filter(|(_, tunnel)| tunnel.link() == link);
        let ids: Vec<TunnelId> = on_it.map(|(id, _)| *id).collect();
        for tunnel in ids {
            match self.tunnels.remove(&tunnel) {
                Some(Tunnel::Dialling { address, deadline, .. }) => {
                    self.dial_on_a_link(tunnel, address, deadline, now);
                }
                _ => self.closed(tunnel, Reason::LinkLost),
            }
        }
    }

    fn expire(&mut self, now: Instant) {
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

    fn open_on(&mut self, link: LinkId, id: ConnectId) -> Option<(TunnelId, &mut Open)> {
        let Slot::Open(tunnel) = self.links.get(&link)?.slots.get(id)? else { return None };
        match self.tunnels.get_mut(&tunnel)? {
            Tunnel::Open(open) => Some((tunnel, open)),
            Tunnel::Dialling { .. } => None,
        }
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
fn random_of(tunnel: TunnelId) -> i64 {
    tunnel.0.cast_signed()
}

fn tunnel_of(random: i64) -> TunnelId {
    TunnelId(random.cast_unsigned())
}
