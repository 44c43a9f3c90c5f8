//! Dials, until their connections are there.

use std::time::Instant;

use super::{
    AgentAction, AgentCore,
    tunnel::{Open, Tunnel},
};
use crate::{
    ConnectId, Frame, TraceParent,
    flow::{ReceiveFlow, Returns, SendFlow},
};

impl AgentCore {
    pub(super) fn dial(&mut self, random: i64, address: &str, trace: Option<TraceParent>, now: Instant) {
        let refusal = match self.targets.resolve(address) {
            Some(_) if self.tunnels.len() >= self.settings.tunnels => {
                format!("the agent has its {} tunnels", self.settings.tunnels)
            }
            Some(endpoint) => {
                self.last += 1;
                let (id, deadline) = (ConnectId(self.last), now + self.settings.dial);
                self.tunnels.insert(id, Tunnel::Connecting { random, deadline });
                self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
                self.actions.push(AgentAction::Connect { id, endpoint, trace });
                return;
            }
            None => format!("the agent may not dial {address}: add it to what the agent allows"),
        };
        self.send(Frame::DialResponse { random, outcome: Err(refusal) });
    }

    pub(super) fn connected(&mut self, id: ConnectId) {
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

    pub(super) fn refuse(&mut self, id: ConnectId, error: String) {
        if let Some(Tunnel::Connecting { random, .. }) = self.tunnels.get(&id) {
            let random = *random;
            self.tunnels.remove(&id);
            // An empty text would be read as a success.
            let error = if error.is_empty() { "the connection failed".to_owned() } else { error };
            self.send(Frame::DialResponse { random, outcome: Err(error) });
        }
    }
}
