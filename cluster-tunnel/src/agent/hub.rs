//! One stream's core with its tunnels' pipes and its outbox: carries out what the core decides.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet, time::Instant};

use super::{Shared, connection::Connection};
use crate::{
    ConnectId, Frame, Malformed, Reason, TraceParent, TunnelStream,
    agent_core::{AgentAction, AgentCore, AgentEvent, Endpoint},
    outbox::Outbox,
    pipe::{Pipe, Wakers},
    rpc::Exchange,
    stream::TunnelPort,
};

/// One stream to a server.
pub(super) struct AgentHub {
    state: Mutex<State>,
    /// Told when a tunnel has ended.
    ended: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Not there before the server has answered, nor after the stream's end.
    core: Option<AgentCore>,
    pipes: HashMap<ConnectId, Arc<Pipe>>,
    outbox: Outbox,
}

/// A connection that the core wants.
struct Wanted {
    id: ConnectId,
    endpoint: Endpoint,
    pipe: Arc<Pipe>,
    trace: Option<TraceParent>,
}

impl AgentHub {
    pub(super) fn new(ended: Arc<Notify>) -> Self {
        Self { state: Mutex::default(), ended }
    }

    /// The server has answered.
    pub(super) fn begin(&self, core: AgentCore) {
        self.state.lock().core = Some(core);
    }

    /// Nothing is sent after what waits.
    pub(super) fn end(&self) {
        let mut wakers = Wakers::new();
        self.state.lock().outbox.close(&mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The stream has ended, and with it all tunnels.
    pub(super) fn close(&self) {
        let mut wakers = Wakers::new();
        {
            let mut state = self.state.lock();
            state.core = None;
            for (_, pipe) in state.pipes.drain() {
                pipe.close(Reason::LinkLost, &mut wakers);
            }
            state.outbox.close(&mut wakers);
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn tunnels(&self) -> usize {
        self.state.lock().core.as_ref().map_or(0, AgentCore::tunnels)
    }

    pub(super) fn handle(self: &Arc<Self>, event: AgentEvent) -> Vec<Connection> {
        let mut wakers = Wakers::new();
        let wanted = self.state.lock().handle(event, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        self.connects(wanted)
    }

    fn connects(self: &Arc<Self>, wanted: Vec<Wanted>) -> Vec<Connection> {
        let connect = |Wanted { id, endpoint, trace, pipe }| {
            let port = Arc::new(Port(Arc::clone(self)));
            Connection { id, endpoint, trace, tunnel: TunnelStream::new(id.0.cast_unsigned(), pipe, port) }
        };
        wanted.into_iter().map(connect).collect()
    }
}

impl State {
    fn handle(&mut self, event: AgentEvent, wakers: &mut Wakers) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let Some(core) = &mut self.core else { return wanted };
        for action in core.handle(event, Instant::now().into_std()) {
            match action {
                AgentAction::Send(frame) => self.outbox.push(frame, wakers),
                AgentAction::Connect { id, endpoint, trace } => {
                    let pipe = Arc::new(Pipe::default());
                    self.pipes.insert(id, Arc::clone(&pipe));
                    wanted.push(Wanted { id, endpoint, trace, pipe });
                }
                AgentAction::Opened { id, credit } => {
                    self.pipes.get(&id).inspect(|pipe| pipe.open(credit, wakers));
                }
                AgentAction::Deliver { id, bytes } => {
                    self.pipes.get(&id).inspect(|pipe| pipe.deliver(bytes, wakers));
                }
                AgentAction::Grant { id, bytes } => {
                    self.pipes.get(&id).inspect(|pipe| pipe.grant(bytes, wakers));
                }
                AgentAction::Finished { id } => {
                    self.pipes.get(&id).inspect(|pipe| pipe.finish(wakers));
                }
                AgentAction::Closed { id, reason } => {
                    if let Some(pipe) = self.pipes.remove(&id) {
                        pipe.close(reason, wakers);
                    }
                }
            }
        }
        wanted
    }
}

/// What a tunnel's stream tells the core.
struct Port(Arc<AgentHub>);

impl Port {
    fn tell(&self, event: AgentEvent) {
        // Only frames of the server lead to connections.
        let _none = self.0.handle(event);
    }
}

fn connect_id(id: u64) -> ConnectId {
    ConnectId(id.cast_signed())
}

impl TunnelPort for Port {
    fn write(&self, id: u64, bytes: Bytes) {
        self.tell(AgentEvent::Write { id: connect_id(id), bytes });
    }

    fn read(&self, id: u64, bytes: u64) {
        self.tell(AgentEvent::Read { id: connect_id(id), bytes });
    }

    fn finish(&self, id: u64) {
        self.tell(AgentEvent::Finish { id: connect_id(id) });
    }

    fn close(&self, id: u64, error: String) {
        let id = connect_id(id);
        self.tell(AgentEvent::Close { id, error });
        self.0.state.lock().pipes.remove(&id);
        self.0.ended.notify_one();
    }
}

/// What a stream to a server exchanges with its tunnels.
pub(super) struct LinkEnd {
    hub: Arc<AgentHub>,
    shared: Arc<Shared>,
    /// The connections that the server has asked for: they end with the stream.
    tasks: JoinSet<()>,
    wakers: Wakers,
}

impl LinkEnd {
    pub(super) fn new(hub: Arc<AgentHub>, shared: Arc<Shared>) -> Self {
        Self { hub, shared, tasks: JoinSet::new(), wakers: Wakers::new() }
    }
}

impl Exchange for LinkEnd {
    fn received(&mut self, frames: &mut Vec<Frame>) {
        let mut wanted = Vec::new();
        {
            let mut state = self.hub.state.lock();
            for frame in frames.drain(..) {
                match &frame {
                    Frame::Data { bytes, .. } => {
                        self.shared.counters.received.fetch_add(bytes.len() as u64, Relaxed);
                    }
                    Frame::Servers { count } => {
                        let count = usize::try_from(*count).unwrap_or(usize::MAX);
                        self.shared.settings.count.told(count);
                    }
                    _ => {}
                }
                wanted.extend(state.handle(AgentEvent::Received(frame), &mut self.wakers));
            }
        }
        self.wakers.drain(..).for_each(Waker::wake);
        for connect in self.hub.connects(wanted) {
            self.tasks.spawn(connect.serve(self.shared.settings.core.dial, Arc::clone(&self.hub)));
        }
        while self.tasks.try_join_next().is_some() {}
    }

    fn malformed(&mut self, error: &Malformed) {
        tracing::debug!(%error, "a packet of a server was passed over");
    }

    fn poll_outgoing(&mut self, frames: &mut Vec<Frame>, context: &mut Context<'_>) -> Poll<Option<()>> {
        {
            let mut state = self.hub.state.lock();
            if ready!(state.outbox.poll_take(frames, context)).is_none() {
                return Poll::Ready(None);
            }
            for frame in frames.iter() {
                if let Frame::Data { id, bytes } = frame {
                    self.shared.counters.sent.fetch_add(bytes.len() as u64, Relaxed);
                    let sent = AgentEvent::Sent { id: *id, bytes: bytes.len() as u64 };
                    // Only frames of the server lead to connections.
                    let _none = state.handle(sent, &mut self.wakers);
                }
            }
        }
        self.wakers.drain(..).for_each(Waker::wake);
        Poll::Ready(Some(()))
    }
}
