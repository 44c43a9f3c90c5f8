//! The agent's side of one stream to a server, without I/O.
//!
//! As in the server's core, events go in and actions come out. What may be dialled is decided here.

mod action;
mod dialling;
mod event;
mod settings;
mod targets;
mod traffic;
mod tunnel;

use std::{collections::BTreeMap, time::Instant};

use self::tunnel::Tunnel;
pub use self::{
    action::AgentAction,
    event::AgentEvent,
    settings::AgentCoreSettings,
    targets::{Endpoint, InvalidTarget, Targets},
};
use crate::{ConnectId, Extension, Frame, Reason, flow::Returns};

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
            Frame::DialRequest { random, address, trace } => self.dial(random, &address, trace, now),
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
            // The number of servers is not this stream's.
            Frame::Servers { .. } => {}
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
