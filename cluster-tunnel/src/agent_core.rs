//! The agent's side of one stream to a server, without I/O.
//!
//! As in the server's core, events go in and actions come out. What may be dialled is decided here.

mod targets;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

pub use self::targets::{Endpoint, InvalidTarget, Targets};
use crate::{
    ConnectId, Extension, Frame, Reason,
    flow::{ReceiveFlow, Returns, SendFlow},
};

/// What happens to a stream of an agent.
#[derive(Debug, Clone)]
pub enum AgentEvent {
    /// A frame came from the server.
    Received(Frame),
    /// The transport took bytes of a tunnel.
    Sent {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// A connection that was asked for is there.
    Connected {
        /// The tunnel.
        id: ConnectId,
    },
    /// A connection that was asked for could not be made.
    ConnectFailed {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        error: String,
    },
    /// The connection has sent bytes, not more than was granted.
    Write {
        /// The tunnel.
        id: ConnectId,
        /// What.
        bytes: Bytes,
    },
    /// The connection took bytes that were delivered.
    Read {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// The connection sends no more.
    Finish {
        /// The tunnel.
        id: ConnectId,
    },
    /// The connection is closed. Empty text is an end in good order.
    Close {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        error: String,
    },
    /// No new dials shall come.
    Drain,
    /// How many tunnels the agent has, over all servers.
    Load {
        /// How many.
        tunnels: u64,
    },
    /// Time has passed.
    Time,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentAction {
    /// Send a frame to the server.
    Send(Frame),
    /// Make a connection.
    Connect {
        /// The tunnel that it is for.
        id: ConnectId,
        /// Whereto.
        endpoint: Endpoint,
    },
    /// A tunnel is open; the connection may send so many bytes.
    Opened {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        credit: u64,
    },
    /// Bytes for the connection.
    Deliver {
        /// The tunnel.
        id: ConnectId,
        /// What.
        bytes: Bytes,
    },
    /// The connection may send more bytes.
    Grant {
        /// The tunnel.
        id: ConnectId,
        /// How many more.
        bytes: u64,
    },
    /// No more bytes come for the connection; it may still send.
    Finished {
        /// The tunnel.
        id: ConnectId,
    },
    /// The tunnel has ended: write what was delivered, then close the connection; or stop making it.
    Closed {
        /// The tunnel.
        id: ConnectId,
        /// Why.
        reason: Reason,
    },
}

/// The limits of an agent's tunnels on one stream.
#[derive(Debug, Clone)]
pub struct AgentCoreSettings {
    /// Tunnels and dials at once.
    pub tunnels: usize,
    /// How long a connection may take to be made.
    pub dial: Duration,
    /// What is said to servers that know windows.
    pub extension: Extension,
    /// Bytes that a connection may leave unread when the server knows no windows; then its tunnel is closed.
    pub unread: u64,
    /// Bytes of a tunnel that wait for the stream to a server that knows no windows.
    pub queued: u64,
    /// The most payload of one frame to such a server, in bytes.
    pub frame: usize,
}

impl Default for AgentCoreSettings {
    fn default() -> Self {
        Self {
            tunnels: 10_000,
            dial: Duration::from_secs(5),
            extension: Extension::default(),
            unread: 32 << 20,
            queued: 256 << 10,
            frame: 32 << 10,
        }
    }
}

#[derive(Debug)]
enum Tunnel {
    Connecting { random: i64, deadline: Instant },
    Open(Open),
}

#[derive(Debug)]
struct Open {
    send: SendFlow,
    receive: ReceiveFlow,
    server_finished: bool,
    finished: bool,
}

/// The agent's side of one stream to a server.
#[derive(Debug)]
pub struct AgentCore {
    settings: AgentCoreSettings,
    targets: Targets,
    peer: Option<Extension>,
    tunnels: BTreeMap<ConnectId, Tunnel>,
    /// The number that was given last.
    last: i64,
    draining: bool,
    due: Option<Instant>,
    actions: Vec<AgentAction>,
}

impl AgentCore {
    /// A new stream. `peer` is what the server can take beyond the protocol.
    pub fn new(settings: AgentCoreSettings, targets: Targets, peer: Option<Extension>) -> Self {
        Self {
            settings,
            targets,
            peer,
            tunnels: BTreeMap::new(),
            last: 0,
            draining: false,
            due: None,
            actions: Vec::new(),
        }
    }

    /// Takes one event and says what is to be done. `now` never goes back.
    pub fn handle(&mut self, event: AgentEvent, now: Instant) -> Vec<AgentAction> {
        match event {
            AgentEvent::Received(frame) => self.received(frame, now),
            AgentEvent::Sent { id, bytes } => self.returned(id, Returns::Transport, bytes),
            AgentEvent::Connected { id } => self.connected(id),
            AgentEvent::ConnectFailed { id, error } => self.refuse(id, error),
            AgentEvent::Write { id, bytes } => self.write(id, bytes),
            AgentEvent::Read { id, bytes } => self.read(id, bytes),
            AgentEvent::Finish { id } => self.finish(id),
            AgentEvent::Close { id, error } => {
                if self.tunnels.remove(&id).is_some() {
                    self.send(Frame::CloseResponse { id, error });
                }
            }
            AgentEvent::Drain => {
                if !std::mem::replace(&mut self.draining, true) {
                    self.send(Frame::Drain);
                }
            }
            AgentEvent::Load { tunnels } => {
                if self.peer.is_some() {
                    self.send(Frame::Load { tunnels });
                }
            }
            AgentEvent::Time => {}
        }
        if self.due.is_some_and(|due| due <= now) {
            self.expire(now);
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`AgentEvent::Time`] is due. Any other event does as well.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// Tunnels, and connections that are being made.
    pub fn tunnels(&self) -> usize {
        self.tunnels.len()
    }

    fn send(&mut self, frame: Frame) {
        self.actions.push(AgentAction::Send(frame));
    }

    fn received(&mut self, frame: Frame, now: Instant) {
        match frame {
            Frame::DialRequest { random, address } => self.dial(random, &address, now),
            Frame::DialCancel { random } => {
                let asked = |tunnel: &Tunnel| matches!(tunnel, Tunnel::Connecting { random: of, .. } if *of == random);
                let found = self.tunnels.iter().find(|(_, tunnel)| asked(tunnel)).map(|(id, _)| *id);
                if let Some(id) = found {
                    self.tunnels.remove(&id);
                    self.actions.push(AgentAction::Closed { id, reason: Reason::ByUser });
                }
            }
            Frame::CloseRequest { id } => {
                if self.tunnels.remove(&id).is_some() {
                    self.actions.push(AgentAction::Closed { id, reason: Reason::Closed(String::new()) });
                }
                // Also for a number that is not known: the server is to forget it.
                self.send(Frame::CloseResponse { id, error: String::new() });
            }
            Frame::Data { id, bytes } => self.data(id, bytes),
            Frame::Window { id, bytes } => self.returned(id, Returns::Peer, bytes),
            Frame::HalfClose { id } if self.peer.is_some() => {
                if let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id)
                    && !std::mem::replace(&mut open.server_finished, true)
                {
                    self.actions.push(AgentAction::Finished { id });
                }
            }
            // What only agents say, or what was not agreed on.
            Frame::DialResponse { .. }
            | Frame::CloseResponse { .. }
            | Frame::HalfClose { .. }
            | Frame::Drain
            | Frame::Load { .. } => {}
        }
    }

    fn dial(&mut self, random: i64, address: &str, now: Instant) {
        let refusal = match self.targets.resolve(address) {
            Some(_) if self.tunnels.len() >= self.settings.tunnels => {
                format!("the agent has its {} tunnels", self.settings.tunnels)
            }
            Some(endpoint) => {
                self.last += 1;
                let (id, deadline) = (ConnectId(self.last), now + self.settings.dial);
                self.tunnels.insert(id, Tunnel::Connecting { random, deadline });
                self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
                self.actions.push(AgentAction::Connect { id, endpoint });
                return;
            }
            None => format!("the agent may not dial {address}: add it to what the agent allows"),
        };
        self.send(Frame::DialResponse { random, outcome: Err(refusal) });
    }

    fn connected(&mut self, id: ConnectId) {
        let Some(Tunnel::Connecting { random, .. }) = self.tunnels.get(&id) else { return };
        let random = *random;
        let (send, receive) = match self.peer {
            Some(peer) => (
                SendFlow::new(peer.window.into(), Returns::Peer),
                ReceiveFlow::new(self.settings.extension.window.into(), true),
            ),
            None => (
                SendFlow::new(self.settings.queued, Returns::Transport),
                ReceiveFlow::new(self.settings.unread, false),
            ),
        };
        let credit = send.limit();
        let open = Open { send, receive, server_finished: false, finished: false };
        self.tunnels.insert(id, Tunnel::Open(open));
        self.send(Frame::DialResponse { random, outcome: Ok(id) });
        self.actions.push(AgentAction::Opened { id, credit });
    }

    fn refuse(&mut self, id: ConnectId, error: String) {
        if let Some(Tunnel::Connecting { random, .. }) = self.tunnels.get(&id) {
            let random = *random;
            self.tunnels.remove(&id);
            // An empty text would be read as a success.
            let error = if error.is_empty() { "the connection failed".to_owned() } else { error };
            self.send(Frame::DialResponse { random, outcome: Err(error) });
        }
    }

    fn data(&mut self, id: ConnectId, bytes: Bytes) {
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

    fn returned(&mut self, id: ConnectId, who: Returns, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        match open.send.returned(who, bytes) {
            Some(0) => {}
            Some(bytes) => self.actions.push(AgentAction::Grant { id, bytes }),
            None => self.end(id, Reason::WindowUnfounded),
        }
    }

    fn write(&mut self, id: ConnectId, mut bytes: Bytes) {
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

    fn read(&mut self, id: ConnectId, bytes: u64) {
        let Some(Tunnel::Open(open)) = self.tunnels.get_mut(&id) else { return };
        if let Some(bytes) = open.receive.read(bytes) {
            self.send(Frame::Window { id, bytes });
        }
    }

    fn finish(&mut self, id: ConnectId) {
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

    /// Ends a tunnel from this side.
    fn end(&mut self, id: ConnectId, reason: Reason) {
        if self.tunnels.remove(&id).is_some() {
            self.send(Frame::CloseResponse { id, error: reason.to_string() });
            self.actions.push(AgentAction::Closed { id, reason });
        }
    }

    fn expire(&mut self, now: Instant) {
        let late = self.tunnels.iter().filter(|(_, tunnel)| tunnel.deadline().is_some_and(|at| at <= now));
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.refuse(id, "the connection was not made in time".to_owned());
            self.actions.push(AgentAction::Closed { id, reason: Reason::TimedOut });
        }
        self.due = self.tunnels.values().filter_map(Tunnel::deadline).min();
    }
}

impl Tunnel {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connecting { deadline, .. } => Some(*deadline),
            Self::Open(_) => None,
        }
    }
}
