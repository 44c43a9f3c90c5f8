//! The server: agents come to it, and clients dial through it.

mod agents;
pub(crate) mod authority;
mod clients;
mod connect;
mod connector;
mod counters;
mod hub;
mod identity;
mod issuing;
mod listen;
mod policy;
mod settings;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, field::Empty};

pub use self::{
    connector::Connector,
    counters::{ClusterSnapshot, ServerSnapshot},
    identity::{
        Authenticator, CertificateField, CertificateNames, Claim, FirstOf, Identity, Presented, Refusal,
    },
    issuing::{CertificateRequest, Issuer},
    listen::Listener,
    policy::{AllowAll, Caller, Policy},
    settings::{ServerEvent, ServerSettings},
};
use self::{counters::ServerCounters, hub::ClusterHub};
use crate::{
    ClusterName, Reason, Target, TraceParent, TunnelStream,
    cluster_core::{LinkId, TunnelId},
    trace,
};

/// A server of tunnels. A clone is another handle on the same one.
///
/// It opens no socket by itself: give it [`Listener`]s with [`TunnelServer::serve_agents`],
/// [`TunnelServer::serve_connect`] and [`TunnelServer::serve_grpc`], and dial in process with
/// [`TunnelServer::connector`] or [`TunnelServer::dial`].
#[derive(Clone)]
pub struct TunnelServer {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ServerSettings,
    authenticator: Arc<dyn Authenticator>,
    policy: Arc<dyn Policy>,
    clusters: Mutex<HashMap<ClusterName, Arc<ClusterHub>>>,
    /// The last number of a link or tunnel.
    last: AtomicU64,
    counters: ServerCounters,
    /// How many servers there are.
    servers: AtomicUsize,
    /// Everything that runs for this server.
    tasks: TaskTracker,
    /// Set when it is to end: agents' streams and listeners do.
    stop: CancellationToken,
}

impl TunnelServer {
    /// A server without agents and sockets.
    pub fn new(
        settings: ServerSettings,
        authenticator: Arc<dyn Authenticator>,
        policy: Arc<dyn Policy>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                servers: AtomicUsize::new(settings.count),
                settings,
                authenticator,
                policy,
                clusters: Mutex::default(),
                last: AtomicU64::new(0),
                counters: ServerCounters::default(),
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
            }),
        }
    }

    /// A tunnel to a cluster. Waits for the agent to connect, at most as long as the settings say.
    pub async fn dial(
        &self,
        caller: &Caller,
        cluster: &ClusterName,
        target: &Target,
    ) -> Result<TunnelStream, Reason> {
        let span = tracing::debug_span!(
            "dial",
            otel.kind = "client",
            otel.status_code = Empty,
            %cluster,
            caller = caller.name,
            traceparent = Empty
        );
        let trace = trace::enter(&span, caller.trace);
        let dialled = self.dial_for(caller, cluster, target, trace).instrument(span.clone()).await;
        if dialled.is_err() {
            trace::fail(&span);
        }
        dialled
    }

    async fn dial_for(
        &self,
        caller: &Caller,
        cluster: &ClusterName,
        target: &Target,
        trace: Option<TraceParent>,
    ) -> Result<TunnelStream, Reason> {
        self.shared.policy.may_dial(caller, cluster, target).map_err(|words| {
            self.shared.counters.denied.fetch_add(1, Relaxed);
            Reason::Denied(words)
        })?;
        let hub = self.shared.clusters.lock().get(cluster).cloned().ok_or(Reason::NoAgent)?;
        let dialled = hub.dial(TunnelId(self.shared.next()), target, trace).await;
        self.shared.tidy(cluster);
        dialled
    }

    /// What HTTP clients of this process connect with: its connections are tunnels to the cluster's API server,
    /// whatever host the URI names.
    pub fn connector(&self, caller: Caller, cluster: ClusterName) -> Connector {
        Connector::new(self.clone(), caller, cluster)
    }

    /// How everything stands, and what was counted.
    pub fn snapshot(&self) -> ServerSnapshot {
        let hubs: Vec<_> = self.shared.clusters.lock().values().cloned().collect();
        let clusters = hubs.iter().map(|hub| (hub.name().clone(), hub.counters.snapshot(hub.state())));
        ServerSnapshot {
            clusters: clusters.collect::<BTreeMap<_, _>>(),
            agents_accepted: self.shared.counters.accepted.load(Relaxed),
            agents_refused: self.shared.counters.refused.lock().clone(),
            certificates_issued: self.shared.counters.issued.load(Relaxed),
            certificates_refused: self.shared.counters.not_issued.lock().clone(),
            dials_denied: self.shared.counters.denied.load(Relaxed),
            malformed: self.shared.counters.malformed.load(Relaxed),
        }
    }

    /// There are as many servers now: agents that come are told so, and those that are connected and know how.
    pub fn set_servers(&self, count: usize) {
        if self.shared.servers.swap(count, Relaxed) != count {
            let hubs: Vec<_> = self.shared.clusters.lock().values().cloned().collect();
            hubs.iter().for_each(|hub| hub.tell_servers(count as u64));
        }
    }

    /// Ends all listeners, agents' streams and tunnels, and waits until they are gone.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Shared {
    fn next(&self) -> u64 {
        self.last.fetch_add(1, Relaxed) + 1
    }

    fn next_link(&self) -> LinkId {
        LinkId(self.next())
    }

    /// Forgets a cluster that has neither agents nor tunnels. Its counters go with it.
    fn tidy(&self, cluster: &ClusterName) {
        let mut clusters = self.clusters.lock();
        if clusters.get(cluster).is_some_and(|hub| hub.is_empty()) {
            clusters.remove(cluster);
        }
    }

    fn report(&self, event: ServerEvent) {
        tracing::debug!(?event);
        (self.settings.observer)(&event);
    }
}
