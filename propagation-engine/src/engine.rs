//! The engine on a real host: follows clusters, credentials, namespaces, type configs and cells, and tells the core.

mod credentials;
mod host;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use federation_model::{
    Cell, ControllerState, Feature, FederatedTypeConfig, FederatedTypeConfigStatus, KubeFedCluster,
    ObjectKey, Scope, Settings, finalizer,
};
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde_json::json;
use tenancy::Shard;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use self::credentials::{Answer, Credentials};
use crate::cells::Cells;
use crate::core::{Core, Ports};
use crate::federated_type::{FederatedType, is_out_of_scope, is_propagated};
use crate::kube_ports::{
    AccessError, Dialer, KubeHost, KubeMember, MemberAccess, OpenSealed, SystemClock, Timeouts, events,
};
use crate::ports::{Chance, MayWrite, Member, WatchEvent};
use crate::prober::Prober;
use crate::registry::{ClusterInfo, NamespaceInfo};
use crate::telemetry::Telemetry;

/// What an engine is made of.
pub struct EngineOptions {
    /// The federation's API server.
    pub host: Client,
    /// The federation's namespace.
    pub namespace: String,
    /// Settings.
    pub settings: Settings,
    /// The scopes that it acts for: their objects, clusters and cells. [`Shard::WHOLE`] for an engine that is alone.
    /// Several engines may run at once if their shards are of the same number of shards, each with a claim of its own.
    pub shard: Shard,
    /// How long members may take.
    pub timeouts: Timeouts,
    /// Makes the connections to members that are reached by tunnel. Without, such a member is not reached, and its
    /// conditions say so.
    pub dialer: Option<Arc<dyn Dialer>>,
    /// Seed of the jitter.
    pub seed: u64,
    /// Where measurements go.
    pub telemetry: Arc<dyn Telemetry>,
    /// Whether this process may write, asked before every write: the embedder's claim to lead.
    pub may_write: MayWrite,
}

/// Why an engine cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host refused to be asked at the start.
    #[error("the federation's API server does not let the engine start: {0}")]
    Host(#[source] kube::Error),
}

/// The engine on a real host.
pub struct Engine {
    options: EngineOptions,
    core: Arc<Core>,
    opener: Option<Arc<dyn OpenSealed>>,
}

/// One event of all that the engine follows.
enum Event {
    Cluster(WatchEvent<KubeFedCluster>),
    Secret(WatchEvent<Secret>),
    Namespace(WatchEvent<PartialObjectMeta<Namespace>>),
    TypeConfig(WatchEvent<FederatedTypeConfig>),
    Cell(WatchEvent<Cell>),
    Opened(Answer),
}

impl Engine {
    /// An engine; nothing runs yet.
    pub fn new(options: EngineOptions) -> Self {
        let namespace = (options.settings.scope == Scope::Namespaced).then(|| options.namespace.clone());
        let ports = Ports {
            host: Arc::new(KubeHost::new(options.host.clone(), namespace, options.timeouts.request)),
            clock: Arc::new(SystemClock),
            chance: Chance::seeded(options.seed),
            telemetry: options.telemetry.clone(),
            may_write: options.may_write.clone(),
        };
        Self { core: Core::new(options.settings.clone(), options.shard, ports), options, opener: None }
    }

    /// With somebody who opens credentials that are sealed. What he opens stays in memory.
    #[must_use]
    pub fn opening_with(mut self, opener: Arc<dyn OpenSealed>) -> Self {
        self.opener = Some(opener);
        self
    }

    /// The heart, for readiness and queue lengths.
    pub fn core(&self) -> Arc<Core> {
        self.core.clone()
    }

    /// Runs until told to stop; what is under way is finished first. A host that does not answer at the start is waited
    /// for, and followed again whenever it goes away.
    ///
    /// # Errors
    /// The host refuses to be asked at the start.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), EngineError> {
        let Self { options, core, opener } = self;
        let Some(server) = host::server(&options.host, &core.ports.chance, &shutdown).await? else {
            return Ok(());
        };
        core.set_host_server(server);
        let stop = CancellationToken::new();
        let (credentials, answers) = Credentials::new(opener);
        // With the gate off, cells that were there before can still be deleted.
        let with_cells = options.settings.gates.is_on(Feature::Cells) || host::has_cells(&options).await;
        let mut shell = Shell::new(options, core.clone(), credentials, with_cells, stop.clone());
        let cells_task = tokio::spawn({
            let (cells, stop) = (shell.cells.clone(), stop.clone());
            async move {
                if let Some(cells) = cells {
                    cells.run(stop).await;
                }
            }
        });
        let mut following = shell.follow();
        following.push(answers.map(Event::Opened).boxed());
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                event = following.next() => match event {
                    Some(event) => shell.take(event).await,
                    None => break,
                },
            }
        }
        info!("engine stops");
        stop.cancel();
        shell.prober.stop().await;
        core.stop().await;
        if let Err(panicked) = cells_task.await {
            error!(%panicked, "the cell controller did not end well");
        }
        Ok(())
    }
}

/// What the engine knows of the host's objects, and what it has made of them.
struct Shell {
    options: EngineOptions,
    core: Arc<Core>,
    /// None with the gate `Cells` off, if nothing of theirs is left on the host.
    cells: Option<Arc<Cells>>,
    prober: Arc<Prober>,
    clusters: BTreeMap<String, KubeFedCluster>,
    secrets: HashMap<String, Secret>,
    credentials: Credentials,
    clients: HashMap<MemberAccess, Weak<KubeMember>>,
    members: HashMap<String, (MemberAccess, Arc<KubeMember>)>,
    configs: BTreeMap<String, FederatedTypeConfig>,
    /// Specs that types run with.
    running: HashMap<String, federation_model::FederatedTypeConfigSpec>,
    listed: Listed,
}

/// Which first lists are complete, and the names seen in lists that are not.
#[derive(Default)]
struct Listed {
    clusters: bool,
    secrets: bool,
    namespaces: bool,
    names: HashMap<&'static str, BTreeSet<ObjectKey>>,
    known: HashMap<&'static str, BTreeSet<ObjectKey>>,
}

impl Shell {
    fn new(
        options: EngineOptions,
        core: Arc<Core>,
        credentials: Credentials,
        with_cells: bool,
        stop: CancellationToken,
    ) -> Self {
        let clock = Arc::new(SystemClock);
        Self {
            cells: with_cells
                .then(|| Cells::new(core.clone(), options.host.clone(), &options.namespace, clock.clone())),
            prober: Prober::new(
                options.host.clone(),
                &options.namespace,
                options.settings.clone(),
                clock,
                options.telemetry.clone(),
                options.may_write.clone(),
                core.clone(),
                stop,
            ),
            options,
            core,
            clusters: BTreeMap::new(),
            secrets: HashMap::new(),
            credentials,
            clients: HashMap::new(),
            members: HashMap::new(),
            configs: BTreeMap::new(),
            running: HashMap::new(),
            listed: Listed::default(),
        }
    }

    /// The namespace that everything is in, for a control plane of one namespace.
    fn only_namespace(&self) -> Option<&str> {
        (self.options.settings.scope == Scope::Namespaced).then_some(self.options.namespace.as_str())
    }

    fn follow(&self) -> SelectAll<BoxStream<'static, Event>> {
        let (client, namespace) = (&self.options.host, self.options.namespace.as_str());
        let all = watcher::Config::default;
        // By name, a namespace can be watched by who may see no other.
        let (namespaces, cells) = match self.only_namespace() {
            Some(name) => {
                (all().fields(&format!("metadata.name={name}")), Api::namespaced(client.clone(), name))
            }
            None => (all(), Api::all(client.clone())),
        };
        let mut streams: SelectAll<BoxStream<'static, Event>> = SelectAll::new();
        streams.push(
            events(watcher(Api::namespaced(client.clone(), namespace), all()), |o| o)
                .map(Event::Cluster)
                .boxed(),
        );
        streams.push(
            events(watcher(Api::namespaced(client.clone(), namespace), all()), |o| o)
                .map(Event::Secret)
                .boxed(),
        );
        streams.push(
            events(watcher(Api::namespaced(client.clone(), namespace), all()), |o| o)
                .map(Event::TypeConfig)
                .boxed(),
        );
        streams.push(
            events(watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), namespaces), |o| o)
                .map(Event::Namespace)
                .boxed(),
        );
        if self.cells.is_some() {
            streams.push(events(watcher(cells, all()), |o| o).map(Event::Cell).boxed());
        }
        streams
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Cluster(event) => {
                for (key, object) in self.listed.step("KubeFedCluster", event) {
                    match object {
                        Some(cluster) => self.set_cluster(cluster),
                        None => self.remove_cluster(&key.name),
                    }
                }
                self.listed.clusters |= self.listed.known.contains_key("KubeFedCluster");
            }
            Event::Secret(event) => {
                for (key, object) in self.listed.step("Secret", event) {
                    self.credentials.take(&key.name, object.as_ref());
                    match object {
                        Some(secret) => self.secrets.insert(key.name.clone(), secret),
                        None => self.secrets.remove(&key.name),
                    };
                    self.set_clusters_of(&key.name);
                }
                if !self.listed.secrets && self.listed.known.contains_key("Secret") {
                    self.listed.secrets = true;
                    let all: Vec<_> = self.clusters.values().cloned().collect();
                    all.into_iter().for_each(|c| self.set_cluster(c));
                }
            }
            Event::Opened(answer) => {
                let secret = answer.secret().to_owned();
                if self.credentials.answered(answer) {
                    self.set_clusters_of(&secret);
                }
            }
            Event::Namespace(event) => {
                for (key, object) in self.listed.step("Namespace", event) {
                    let labels = object.map(|o| o.labels().clone());
                    // First to the core: whose the cells are is asked there.
                    let info = labels.clone().map(|labels| NamespaceInfo { labels });
                    self.core.set_namespace(&key.name, info);
                    if let Some(cells) = &self.cells {
                        cells.namespace(&key.name, labels);
                    }
                }
                self.listed.namespaces |= self.listed.known.contains_key("Namespace");
            }
            Event::TypeConfig(event) => {
                for (key, object) in self.listed.step("FederatedTypeConfig", event) {
                    match object {
                        Some(config) => {
                            self.configs.insert(key.name.clone(), config.with_defaults());
                        }
                        None => {
                            self.configs.remove(&key.name);
                            self.running.remove(&key.name);
                            self.core.stop_type(&key.name);
                        }
                    }
                    self.settle_type(&key.name).await;
                }
                return;
            }
            Event::Cell(event) => {
                for (key, object) in self.listed.step("Cell", event) {
                    match (&self.cells, object) {
                        (Some(cells), Some(cell)) => cells.cell(cell),
                        (Some(cells), None) => cells.cell_gone(&key),
                        (None, _) => {}
                    }
                }
                return;
            }
        }
        // Types start once all that decides where their objects go is known.
        let waiting: Vec<_> =
            self.configs.keys().filter(|n| !self.running.contains_key(*n)).cloned().collect();
        if self.is_ready_for_types() {
            for name in waiting {
                self.settle_type(&name).await;
            }
        }
    }

    fn is_ready_for_types(&self) -> bool {
        self.listed.clusters
            && self.listed.secrets
            && self.listed.namespaces
            && self.credentials.are_answered()
    }

    /// Looks anew at the clusters that a Secret opens.
    fn set_clusters_of(&mut self, secret: &str) {
        let concerned: Vec<_> =
            self.clusters.values().filter(|c| c.spec.secret_ref.name == secret).cloned().collect();
        concerned.into_iter().for_each(|c| self.set_cluster(c));
    }

    fn set_cluster(&mut self, cluster: KubeFedCluster) {
        let name = cluster.name_any();
        if let Some(cells) = &self.cells {
            cells.cluster(&name, Some(cluster.clone()));
        }
        if !self.core.acts_for(&self.core.scope_keys().of_labels(cluster.labels())) {
            self.leave_cluster(&name);
            return;
        }
        self.clusters.insert(name.clone(), cluster.clone());
        if !self.listed.secrets && !self.listed.known.contains_key("Secret") {
            return; // comes again when the credentials are known
        }
        let gates = &self.options.settings.gates;
        let mut info = ClusterInfo::of(&cluster, self.core.scope_keys(), gates.is_on(Feature::Cells));
        let member = self.connect(&cluster);
        if let Err(words) = &member {
            info.ready = false;
            info.trouble.clone_from(words);
        }
        let member = member.map(|m| m as Arc<dyn Member>);
        self.prober.credentials(&name, self.credentials.trouble(&cluster.spec.secret_ref.name));
        self.prober.track(&cluster, member.clone());
        self.core.set_cluster(info, member.ok());
    }

    /// The client of a cluster; clusters with the same access share one.
    fn connect(&mut self, cluster: &KubeFedCluster) -> Result<Arc<KubeMember>, String> {
        let name = cluster.name_any();
        let access = self.access(cluster)?;
        if let Some((current, member)) = self.members.get(&name)
            && *current == access
        {
            return Ok(member.clone());
        }
        let member = match self.clients.get(&access).and_then(Weak::upgrade) {
            Some(member) => member,
            None => {
                let member = access
                    .connect(self.options.timeouts, self.options.dialer.as_ref())
                    .map_err(|e| e.to_string())?;
                Arc::new(match self.only_namespace() {
                    Some(namespace) => member.within_namespace(namespace),
                    None => member,
                })
            }
        };
        self.clients.retain(|_, client| client.strong_count() > 0);
        self.clients.insert(access.clone(), Arc::downgrade(&member));
        self.members.insert(name, (access, member.clone()));
        Ok(member)
    }

    fn access(&self, cluster: &KubeFedCluster) -> Result<MemberAccess, String> {
        let secret = &cluster.spec.secret_ref.name;
        if let Some(opened) = self.credentials.of(secret) {
            let token = opened.map_err(str::to_owned)?;
            return MemberAccess::with_token(cluster, token).map_err(|error| error.to_string());
        }
        let access = MemberAccess::of(cluster, self.secrets.get(secret)).map_err(|e| e.to_string())?;
        if self.options.settings.gates.is_on(Feature::SealedCredentialsOnly) {
            return Err(AccessError::Plain(secret.clone()).to_string());
        }
        Ok(access)
    }

    fn remove_cluster(&mut self, name: &str) {
        if let Some(cells) = &self.cells {
            cells.cluster(name, None);
        }
        self.leave_cluster(name);
    }

    /// A cluster has left the federation, or is another shard's.
    fn leave_cluster(&mut self, name: &str) {
        if self.clusters.remove(name).is_none() {
            return;
        }
        info!(cluster = name, "cluster left");
        self.members.remove(name);
        self.prober.untrack(name);
        self.core.remove_cluster(name);
    }

    /// Starts, restarts or stops a type, and says so in its config's status.
    async fn settle_type(&mut self, name: &str) {
        let Some(config) = self.configs.get(name).cloned() else { return };
        let settings = &self.options.settings;
        let skipped = is_out_of_scope(&config, settings);
        let wanted = is_propagated(&config, settings);
        let mut message = None;
        if !wanted {
            self.core.stop_type(name);
            self.running.remove(name);
            if skipped {
                message = Some(
                    "cluster-scoped types are not propagated by a control plane of one namespace".to_owned(),
                );
            }
        } else if !self.is_ready_for_types() {
            return; // comes again
        } else if self.running.get(name) != Some(&config.spec) {
            match FederatedType::compile(&config, &settings.gates) {
                Ok(ty) => {
                    self.core.start_type(ty);
                    self.running.insert(name.to_owned(), config.spec.clone());
                }
                Err(error) => {
                    warn!(r#type = name, %error, "type cannot run");
                    self.core.stop_type(name);
                    self.running.remove(name);
                    message = Some(format!("spec.propagatingAnnotations: {error}"));
                }
            }
        }
        if self.core.runs_type(name)
            && config.is_federated_namespaced()
            && !config.is_namespaces()
            && self.options.settings.scope == Scope::Cluster
            && !self.configs.contains_key(federation_model::NAMESPACES_TYPE_CONFIG)
        {
            message = Some("waits for the FederatedTypeConfig namespaces: namespaced objects go where their namespaces go".to_owned());
        }
        self.tell_type(&config, message).await;
    }

    async fn tell_type(&self, config: &FederatedTypeConfig, message: Option<String>) {
        // What is of no scope is shard 0's.
        if !self.options.shard.is_first() || !self.core.may_write() {
            return;
        }
        let name = config.name_any();
        let state = |on: bool| if on { ControllerState::Running } else { ControllerState::NotRunning };
        let runs = self.core.runs_type(&name);
        let collects = runs
            && FederatedType::compile(config, &self.options.settings.gates).is_ok_and(|t| t.collect_status);
        let status = FederatedTypeConfigStatus {
            observed_generation: config.metadata.generation.unwrap_or(0),
            propagation_controller: state(runs),
            status_controller: Some(state(collects)),
            message,
        };
        let api: Api<FederatedTypeConfig> =
            Api::namespaced(self.options.host.clone(), &self.options.namespace);
        if config.status.as_ref() != Some(&status) {
            let patch = json!({"status": {
                "observedGeneration": status.observed_generation,
                "propagationController": status.propagation_controller,
                "statusController": status.status_controller,
                "message": status.message,
            }});
            self.write(&name, api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch))).await;
        }
        // KubeFed's controller puts a finalizer on type configs; a drop-in must let them go.
        let finalizers = config.finalizers();
        if config.metadata.deletion_timestamp.is_some()
            && finalizers.iter().any(|f| f == finalizer::TYPE_CONFIG)
        {
            let left: Vec<_> = finalizers.iter().filter(|f| *f != finalizer::TYPE_CONFIG).collect();
            let patch = json!({"metadata": {"finalizers": left}});
            self.write(&name, api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))).await;
        }
    }

    async fn write<T>(&self, name: &str, write: impl Future<Output = kube::Result<T>>) {
        match tokio::time::timeout(self.options.timeouts.request, write).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => debug!(r#type = name, %error, "type config not written"),
            Err(_) => debug!(r#type = name, "type config not written in time"),
        }
    }
}

impl Listed {
    /// What an event changes: objects that are so, or gone.
    fn step<K: Resource>(&mut self, kind: &'static str, event: WatchEvent<K>) -> Vec<(ObjectKey, Option<K>)> {
        match event {
            WatchEvent::Restarted => {
                self.names.insert(kind, BTreeSet::new());
                Vec::new()
            }
            WatchEvent::Listed(object) => {
                let key = ObjectKey::of(object.meta());
                self.names.entry(kind).or_default().insert(key.clone());
                vec![(key, Some(object))]
            }
            WatchEvent::Applied(object) => {
                let key = ObjectKey::of(object.meta());
                self.known.entry(kind).or_default().insert(key.clone());
                vec![(key, Some(object))]
            }
            WatchEvent::Deleted(object) => {
                let key = ObjectKey::of(object.meta());
                self.known.entry(kind).or_default().remove(&key);
                vec![(key, None)]
            }
            WatchEvent::Synced => {
                let now = self.names.remove(kind).unwrap_or_default();
                let before = self.known.insert(kind, now.clone()).unwrap_or_default();
                before.into_iter().filter(|k| !now.contains(k)).map(|k| (k, None)).collect()
            }
            WatchEvent::Failed(failure) => {
                warn!(kind, %failure, "cannot watch; tries again");
                Vec::new()
            }
        }
    }
}
