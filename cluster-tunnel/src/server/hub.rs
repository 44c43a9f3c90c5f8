//! One cluster's core with its tunnels' pipes and its agents' outboxes: carries out what the core decides.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::counters::ClusterCounters;
use crate::{
    ClusterName, Extension, Frame, Malformed, Reason, Target, TraceParent, TunnelStream,
    cluster_core::{ClusterAction, ClusterCore, ClusterEvent, ClusterState, CoreSettings, LinkId, TunnelId},
    outbox::Outbox,
    pipe::{Pipe, Wakers},
    rpc::Exchange,
    stream::TunnelPort,
};

/// One cluster on a server.
pub(crate) struct ClusterHub {
    name: ClusterName,
    dial: Duration,
    state: Mutex<State>,
    pub(crate) counters: ClusterCounters,
}

struct State {
    core: ClusterCore,
    pipes: HashMap<TunnelId, Arc<Pipe>>,
    outboxes: HashMap<LinkId, Outbox>,
}

impl ClusterHub {
    pub(crate) fn new(name: ClusterName, settings: CoreSettings) -> Self {
        Self {
            name,
            dial: settings.dial,
            state: Mutex::new(State {
                core: ClusterCore::new(settings),
                pipes: HashMap::new(),
                outboxes: HashMap::new(),
            }),
            counters: ClusterCounters::default(),
        }
    }

    pub(crate) fn name(&self) -> &ClusterName {
        &self.name
    }

    pub(crate) fn state(&self) -> ClusterState {
        self.state.lock().core.state(Instant::now().into_std())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().core.is_empty()
    }

    /// Takes an agent's stream in.
    pub(crate) fn open_link(&self, link: LinkId, extension: Option<Extension>) {
        self.state.lock().outboxes.insert(link, Outbox::default());
        self.handle(ClusterEvent::LinkOpened { link, extension });
    }

    /// Tells agents how many servers there are, those that understand it.
    pub(crate) fn tell_servers(&self, count: u64) {
        let mut wakers = Wakers::new();
        {
            let mut state = self.state.lock();
            let State { core, outboxes, .. } = &mut *state;
            for (link, outbox) in outboxes {
                if core.is_extended(*link) {
                    outbox.push(Frame::Servers { count }, &mut wakers);
                }
            }
        }
        wake(&mut wakers);
    }

    /// Lets an agent's stream go. What waits for it is dropped.
    pub(crate) fn close_link(&self, link: LinkId) {
        let mut wakers = Wakers::new();
        if let Some(mut outbox) = self.state.lock().outboxes.remove(&link) {
            outbox.close(&mut wakers);
        }
        wake(&mut wakers);
        self.handle(ClusterEvent::LinkClosed { link });
    }

    /// Asks an agent for a tunnel and waits for it. Dropped before, it gives the dial up.
    pub(crate) async fn dial(
        self: &Arc<Self>,
        tunnel: TunnelId,
        target: &Target,
        trace: Option<TraceParent>,
    ) -> Result<TunnelStream, Reason> {
        let begin = Instant::now();
        let pipe = Arc::new(Pipe::default());
        self.state.lock().pipes.insert(tunnel, Arc::clone(&pipe));
        let stream = TunnelStream::new(tunnel.0, pipe, Arc::clone(self) as Arc<dyn TunnelPort>);
        let address = target.address().to_owned();
        self.handle(ClusterEvent::Dial { tunnel, address, trace });
        let opened = match tokio::time::timeout(self.dial, stream.opened()).await {
            Ok(opened) => opened,
            Err(_) => {
                self.handle(ClusterEvent::Time);
                stream.opened().await
            }
        };
        let took = begin.elapsed();
        self.counters.dialled(opened.as_ref().err(), took);
        match &opened {
            Ok(()) => tracing::debug!(?took, "a tunnel is open"),
            Err(reason) => tracing::debug!(?took, %reason, "there is no tunnel"),
        }
        opened.map(|()| stream)
    }

    fn handle(&self, event: ClusterEvent) {
        let mut wakers = Wakers::new();
        self.state.lock().handle(event, &mut wakers);
        wake(&mut wakers);
    }
}

impl State {
    fn handle(&mut self, event: ClusterEvent, wakers: &mut Wakers) {
        for action in self.core.handle(event, Instant::now().into_std()) {
            self.carry_out(action, wakers);
        }
    }

    fn carry_out(&mut self, action: ClusterAction, wakers: &mut Wakers) {
        match action {
            ClusterAction::Send { link, frame } => {
                if let Some(outbox) = self.outboxes.get_mut(&link) {
                    outbox.push(frame, wakers);
                }
            }
            ClusterAction::Opened { tunnel, credit } => {
                self.pipes.get(&tunnel).inspect(|pipe| pipe.open(credit, wakers));
            }
            ClusterAction::Deliver { tunnel, bytes } => {
                self.pipes.get(&tunnel).inspect(|pipe| pipe.deliver(bytes, wakers));
            }
            ClusterAction::Grant { tunnel, bytes } => {
                self.pipes.get(&tunnel).inspect(|pipe| pipe.grant(bytes, wakers));
            }
            ClusterAction::Finished { tunnel } => {
                self.pipes.get(&tunnel).inspect(|pipe| pipe.finish(wakers));
            }
            ClusterAction::Closed { tunnel, reason } => {
                if let Some(pipe) = self.pipes.remove(&tunnel) {
                    pipe.close(reason, wakers);
                }
            }
        }
    }
}

impl TunnelPort for ClusterHub {
    fn write(&self, id: u64, bytes: bytes::Bytes) {
        self.handle(ClusterEvent::Write { tunnel: TunnelId(id), bytes });
    }

    fn read(&self, id: u64, bytes: u64) {
        self.handle(ClusterEvent::Read { tunnel: TunnelId(id), bytes });
    }

    fn finish(&self, id: u64) {
        self.handle(ClusterEvent::Finish { tunnel: TunnelId(id) });
    }

    fn close(&self, id: u64, _: String) {
        self.handle(ClusterEvent::Close { tunnel: TunnelId(id) });
    }
}

/// What an agent's stream exchanges with its cluster.
pub(crate) struct LinkEnd<'a> {
    hub: Arc<ClusterHub>,
    link: LinkId,
    malformed: &'a AtomicU64,
    wakers: Wakers,
}

impl<'a> LinkEnd<'a> {
    pub(crate) fn new(hub: Arc<ClusterHub>, link: LinkId, malformed: &'a AtomicU64) -> Self {
        Self { hub, link, malformed, wakers: Wakers::new() }
    }
}

impl Exchange for LinkEnd<'_> {
    fn received(&mut self, frames: &mut Vec<Frame>) {
        let link = self.link;
        {
            let mut state = self.hub.state.lock();
            for frame in frames.drain(..) {
                if let Frame::Data { bytes, .. } = &frame {
                    self.hub.counters.received(bytes.len());
                }
                state.handle(ClusterEvent::Received { link, frame }, &mut self.wakers);
            }
        }
        wake(&mut self.wakers);
    }

    fn malformed(&mut self, error: &Malformed) {
        self.malformed.fetch_add(1, Relaxed);
        tracing::debug!(%error, "a packet of an agent was passed over");
    }

    fn poll_outgoing(&mut self, frames: &mut Vec<Frame>, context: &mut Context<'_>) -> Poll<Option<()>> {
        let link = self.link;
        {
            let mut state = self.hub.state.lock();
            let Some(outbox) = state.outboxes.get_mut(&link) else { return Poll::Ready(None) };
            if ready!(outbox.poll_take(frames, context)).is_none() {
                return Poll::Ready(None);
            }
            for frame in frames.iter() {
                if let Frame::Data { id, bytes } = frame {
                    self.hub.counters.sent(bytes.len());
                    let sent = ClusterEvent::Sent { link, id: *id, bytes: bytes.len() as u64 };
                    state.handle(sent, &mut self.wakers);
                }
            }
        }
        wake(&mut self.wakers);
        Poll::Ready(Some(()))
    }
}

/// After all locks are let go: what is woken may be dropped in here, and its end asks the hub.
fn wake(wakers: &mut Wakers) {
    wakers.drain(..).for_each(std::task::Waker::wake);
}
