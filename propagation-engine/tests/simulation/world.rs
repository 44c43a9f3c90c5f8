//! A federation without a network: API servers that are maps with resource versions, generations and watches.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use federation_model::{
    Feature, FeatureGates, FederatedObject, FederatedTypeConfig, KubeFedCluster, ObjectKey, Settings, label,
};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use kube::core::ApiResource;
use parking_lot::Mutex;
use propagation_engine::core::{Core, Ports};
use propagation_engine::federated_type::FederatedType;
use propagation_engine::observed::Observed;
use propagation_engine::ports::{
    ApiFailure, Chance, Clock, Host, Member, NamedObserved, Notice, Probe, WatchEvent,
};
use propagation_engine::registry::{ClusterInfo, NamespaceInfo};
use propagation_engine::retain::RetainedKind;
use propagation_engine::telemetry::Telemetry;
use propagation_engine::version_record::VersionRecord;
use serde_json::{Value, json};
use tenancy::Shard;
use tokio::sync::mpsc;

/// What is wrong with a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    Down,
    /// Takes this long to answer that nothing was done.
    Hangs(Duration),
    Answers(u16, &'static str),
}

type Place = (String, ObjectKey);

/// An API server that is a map.
pub(crate) struct Server {
    state: Mutex<State>,
}

struct State {
    objects: BTreeMap<Place, Value>,
    version: u64,
    watchers: Vec<(String, mpsc::UnboundedSender<(Change, Value)>)>,
    fault: Fault,
    /// `create configmaps ns/a` and so on, in order.
    writes: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Change {
    Applied,
    Deleted,
}

/// Kinds without a generation, as in Kubernetes.
const NO_GENERATION: [&str; 6] = [
    "configmaps",
    "services",
    "namespaces",
    "clusterroles",
    "propagatedversions",
    "clusterpropagatedversions",
];

impl Server {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                objects: BTreeMap::new(),
                version: 0,
                watchers: Vec::new(),
                fault: Fault::None,
                writes: Vec::new(),
            }),
        })
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    pub(crate) fn get(&self, plural: &str, key: &ObjectKey) -> Option<Value> {
        self.state.lock().objects.get(&(plural.to_owned(), key.clone())).cloned()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        self.state.lock().writes.clone()
    }

    /// Someone else writes: `None` deletes.
    pub(crate) fn meddle(&self, plural: &str, key: &ObjectKey, object: Option<Value>) {
        let mut state = self.state.lock();
        match object {
            Some(object) => {
                state.store(plural, key, object, false);
            }
            None => state.remove(plural, key),
        }
    }

    /// The member's own controller writes a status.
    pub(crate) fn meddle_status(&self, plural: &str, key: &ObjectKey, object: Value) {
        self.state.lock().store(plural, key, object, true);
    }

    async fn fault(&self) -> Result<(), ApiFailure> {
        let fault = self.state.lock().fault.clone();
        match fault {
            Fault::None => Ok(()),
            Fault::Down => Err(ApiFailure::Unreachable("connection refused".to_owned())),
            Fault::Hangs(limit) => {
                tokio::time::sleep(limit).await;
                Err(ApiFailure::TimedOut(limit))
            }
            Fault::Answers(code, message) => Err(refused(code, "Fault", message)),
        }
    }

    pub(crate) fn watch(&self, plural: &str) -> BoxStream<'static, WatchEvent<(Change, Value)>> {
        let mut state = self.state.lock();
        let (sender, receiver) = mpsc::unbounded_channel();
        let listed: Vec<_> = state
            .objects
            .iter()
            .filter(|((p, _), _)| p == plural)
            .map(|(_, o)| WatchEvent::Listed((Change::Applied, o.clone())))
            .collect();
        state.watchers.push((plural.to_owned(), sender));
        let first = std::iter::once(WatchEvent::Restarted).chain(listed).chain([WatchEvent::Synced]);
        let later = futures::stream::unfold(receiver, |mut r| async { r.recv().await.map(|e| (e, r)) }).map(
            |(change, object)| match change {
                Change::Applied => WatchEvent::Applied((change, object)),
                Change::Deleted => WatchEvent::Deleted((change, object)),
            },
        );
        futures::stream::iter(first).chain(later).boxed()
    }
}

fn refused(code: u16, reason: &str, message: &str) -> ApiFailure {
    ApiFailure::Refused { code, reason: reason.to_owned(), message: message.to_owned() }
}

impl State {
    fn store(&mut self, plural: &str, key: &ObjectKey, mut object: Value, status: bool) -> Value {
        let place = (plural.to_owned(), key.clone());
        let old = self.objects.get(&place).cloned();
        let meta = |o: &Value, f: &str| o["metadata"][f].clone();
        object["metadata"]["uid"] =
            old.as_ref().map_or_else(|| format!("uid-{}", self.version + 1).into(), |o| meta(o, "uid"));
        let wants = |o: &Value| {
            let mut o = o.clone();
            let map = o.as_object_mut().unwrap();
            map.remove("metadata");
            map.remove("status");
            o
        };
        if !status && let Some(old) = &old {
            // As with a status subresource: a plain write does not change it.
            match old.get("status") {
                Some(s) => object["status"] = s.clone(),
                None => drop(object.as_object_mut().unwrap().remove("status")),
            }
        }
        if !NO_GENERATION.contains(&plural) {
            let generation = old.as_ref().map_or(1, |o| {
                let g = o["metadata"]["generation"].as_i64().unwrap();
                if wants(o) == wants(&object) { g } else { g + 1 }
            });
            object["metadata"]["generation"] = generation.into();
        }
        if let Some(old) = &old {
            object["metadata"]["resourceVersion"] = meta(old, "resourceVersion");
            if *old == object {
                return object; // a write that changes nothing
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let finalizers = object["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        if object["metadata"].get("deletionTimestamp").is_some() && !finalizers {
            self.objects.remove(&place);
            self.tell(plural, Change::Deleted, &object);
            return object;
        }
        self.objects.insert(place, object.clone());
        self.tell(plural, Change::Applied, &object);
        object
    }

    fn remove(&mut self, plural: &str, key: &ObjectKey) {
        let place = (plural.to_owned(), key.clone());
        let Some(mut object) = self.objects.get(&place).cloned() else { return };
        if object["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty()) {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.objects.insert(place, object.clone());
            self.tell(plural, Change::Applied, &object);
            return;
        }
        self.objects.remove(&place);
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.tell(plural, Change::Deleted, &object);
    }

    fn tell(&mut self, plural: &str, change: Change, object: &Value) {
        self.watchers.retain(|(p, w)| p != plural || w.send((change, object.clone())).is_ok());
    }
}

fn named(ty: &ApiResource, object: &Value) -> NamedObserved {
    let text = |f: &str| object["metadata"][f].as_str().map(str::to_owned);
    let key = ObjectKey { namespace: text("namespace"), name: text("name").unwrap() };
    NamedObserved { key, observed: Observed::of(&RetainedKind::of(&ty.group, &ty.kind), object.clone()) }
}

/// A member is a server seen through one access.
pub(crate) struct SimMember(pub(crate) Arc<Server>);

impl Member for SimMember {
    fn create(&self, ty: &ApiResource, object: Value) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>> {
        let ty = ty.clone();
        async move {
            self.0.fault().await?;
            let key = named(&ty, &object).key;
            let mut state = self.0.state.lock();
            let namespace = key.namespace.clone().map(ObjectKey::cluster);
            if namespace.is_some_and(|n| !state.objects.contains_key(&("namespaces".to_owned(), n))) {
                return Err(refused(404, "NotFound", "namespace not found"));
            }
            if state.objects.contains_key(&(ty.plural.clone(), key.clone())) {
                return Err(refused(409, "AlreadyExists", "exists"));
            }
            if object["spec"]["refuse"] == true {
                return Err(refused(422, "Invalid", "spec.refuse: the member does not like it"));
            }
            state.writes.push(format!("create {} {key}", ty.plural));
            let stored = state.store(&ty.plural, &key, object, false);
            Ok(named(&ty, &stored))
        }
        .boxed()
    }

    fn update(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        object: Value,
    ) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.0.fault().await?;
            let mut state = self.0.state.lock();
            let Some(old) = state.objects.get(&(ty.plural.clone(), key.clone())) else {
                return Err(refused(404, "NotFound", "not found"));
            };
            if old["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
                return Err(refused(409, "Conflict", "the object has been modified"));
            }
            state.writes.push(format!("update {} {key}", ty.plural));
            let stored = state.store(&ty.plural, &key, object, false);
            Ok(named(&ty, &stored))
        }
        .boxed()
    }

    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<Value, ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.0.fault().await?;
            self.0.get(&ty.plural, &key).ok_or_else(|| refused(404, "NotFound", "not found"))
        }
        .boxed()
    }

    fn delete(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        _: DeleteOptions,
    ) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.0.fault().await?;
            let mut state = self.0.state.lock();
            if !state.objects.contains_key(&(ty.plural.clone(), key.clone())) {
                return Err(refused(404, "NotFound", "not found"));
            }
            state.writes.push(format!("delete {} {key}", ty.plural));
            state.remove(&ty.plural, &key);
            Ok(())
        }
        .boxed()
    }

    fn remove_label(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.0.fault().await?;
            let mut state = self.0.state.lock();
            let Some(mut object) = state.objects.get(&(ty.plural.clone(), key.clone())).cloned() else {
                return Err(refused(404, "NotFound", "not found"));
            };
            state.writes.push(format!("unlabel {} {key}", ty.plural));
            object["metadata"]["labels"].as_object_mut().unwrap().remove(label::MANAGED);
            state.store(&ty.plural, &key, object, false);
            Ok(())
        }
        .boxed()
    }

    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<NamedObserved>> {
        let ty = ty.clone();
        let managed = |o: &Value| o["metadata"]["labels"][label::MANAGED] == "true";
        self.0
            .watch(&ty.plural)
            .filter_map(move |event| {
                let event = match event {
                    WatchEvent::Restarted => Some(WatchEvent::Restarted),
                    WatchEvent::Synced => Some(WatchEvent::Synced),
                    WatchEvent::Failed(f) => Some(WatchEvent::Failed(f)),
                    WatchEvent::Listed((_, o)) => managed(&o).then(|| WatchEvent::Listed(named(&ty, &o))),
                    WatchEvent::Applied((_, o)) if managed(&o) => Some(WatchEvent::Applied(named(&ty, &o))),
                    // An object that stops matching a selector is told as deleted.
                    WatchEvent::Deleted((_, o)) | WatchEvent::Applied((_, o)) => {
                        Some(WatchEvent::Deleted(named(&ty, &o)))
                    }
                };
                async move { event }
            })
            .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe, ApiFailure>> {
        async { Ok(Probe { healthz: "ok".to_owned(), ..Probe::default() }) }.boxed()
    }
}

/// The host is a server of federated objects. Each engine has its own way to it.
pub(crate) struct SimHost {
    pub(crate) server: Arc<Server>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    /// Whether the engine may write.
    pub(crate) leads: Arc<std::sync::atomic::AtomicBool>,
    pub(crate) plans: Arc<Plans>,
    /// How late each event of a watch is told.
    pub(crate) lag: Arc<Mutex<Duration>>,
}

/// Counts the plans that lanes made.
#[derive(Default)]
pub(crate) struct Plans(pub(crate) std::sync::atomic::AtomicUsize);

impl Telemetry for Plans {
    fn reconciled(&self, _: &str, _: bool, _: Duration) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl SimHost {
    fn of(server: Arc<Server>) -> Arc<Self> {
        Arc::new(Self {
            server,
            notices: Mutex::default(),
            leads: Arc::new(true.into()),
            plans: Arc::default(),
            lag: Arc::default(),
        })
    }

    fn merge(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
        status: bool,
    ) -> Result<FederatedObject, ApiFailure> {
        let mut state = self.server.state.lock();
        let Some(mut object) = state.objects.get(&(ty.plural.clone(), key.clone())).cloned() else {
            return Err(refused(404, "NotFound", "not found"));
        };
        if let Some(version) = patch["metadata"].get("resourceVersion")
            && *version != object["metadata"]["resourceVersion"]
        {
            return Err(refused(409, "Conflict", "the object has been modified"));
        }
        let what = if status { "status" } else { "patch" };
        state.writes.push(format!("{what} {} {key}", ty.plural));
        json_patch::merge(&mut object, &patch);
        let stored = state.store(&ty.plural, key, object, status);
        Ok(serde_json::from_value(stored).unwrap())
    }
}

impl Host for SimHost {
    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<FederatedObject>> {
        let object = |o: Value| serde_json::from_value::<FederatedObject>(o).unwrap();
        let lag = self.lag.clone();
        self.server
            .watch(&ty.plural)
            .then(move |event| {
                let lag = *lag.lock();
                async move {
                    tokio::time::sleep(lag).await;
                    event
                }
            })
            .map(move |event| match event {
                WatchEvent::Restarted => WatchEvent::Restarted,
                WatchEvent::Synced => WatchEvent::Synced,
                WatchEvent::Failed(f) => WatchEvent::Failed(f),
                WatchEvent::Listed((_, o)) => WatchEvent::Listed(object(o)),
                WatchEvent::Applied((_, o)) => WatchEvent::Applied(object(o)),
                WatchEvent::Deleted((_, o)) => WatchEvent::Deleted(object(o)),
            })
            .boxed()
    }
    fn has(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<bool, ApiFailure>> {
        let (plural, key) = (ty.plural.clone(), key.clone());
        async move {
            self.server.fault().await?;
            Ok(self.server.get(&plural, &key).is_some())
        }
        .boxed()
    }
    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.server.fault().await?;
            let found =
                self.server.get(&ty.plural, &key).ok_or_else(|| refused(404, "NotFound", "not found"));
            found.map(|object| serde_json::from_value(object).unwrap())
        }
        .boxed()
    }
    fn namespace(&self, name: &str) -> BoxFuture<'_, Result<Option<NamespaceInfo>, ApiFailure>> {
        let name = ObjectKey::cluster(name);
        async move {
            self.server.fault().await?;
            self.server.state.lock().writes.push(format!("ask namespaces {name}"));
            let found = self.server.get("namespaces", &name);
            Ok(found.map(|namespace| NamespaceInfo {
                labels: serde_json::from_value(namespace["metadata"]["labels"].clone()).unwrap(),
            }))
        }
        .boxed()
    }
    fn patch(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.server.fault().await?;
            self.merge(&ty, &key, patch, false)
        }
        .boxed()
    }
    fn patch_status(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>> {
        let (ty, key) = (ty.clone(), key.clone());
        async move {
            self.server.fault().await?;
            self.merge(&ty, &key, patch, true)
        }
        .boxed()
    }
    fn versions(&self, namespaced: bool) -> BoxFuture<'_, Result<Vec<VersionRecord>, ApiFailure>> {
        async move {
            self.server.fault().await?;
            let state = self.server.state.lock();
            let of_kind =
                state.objects.iter().filter(|((plural, _), _)| plural == versions_plural(namespaced));
            Ok(of_kind.map(|((_, key), object)| version_record(key, object)).collect())
        }
        .boxed()
    }
    fn create_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>> {
        async move {
            self.server.fault().await?;
            let plural = versions_plural(record.key.namespace.is_some());
            let mut state = self.server.state.lock();
            state.writes.push(format!("create {plural} {}", record.key));
            let object = json!({"metadata": {"ownerReferences": [record.owner]}, "status": record.status});
            state.store(plural, &record.key, object, true);
            Ok(())
        }
        .boxed()
    }
    fn update_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>> {
        async move {
            self.server.fault().await?;
            let plural = versions_plural(record.key.namespace.is_some());
            let mut state = self.server.state.lock();
            let Some(mut object) = state.objects.get(&(plural.to_owned(), record.key.clone())).cloned()
            else {
                return Err(refused(404, "NotFound", "not found"));
            };
            state.writes.push(format!("status {plural} {}", record.key));
            object["status"] = json!(record.status);
            state.store(plural, &record.key, object, true);
            Ok(())
        }
        .boxed()
    }
    fn delete_version(&self, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>> {
        let key = key.clone();
        async move {
            self.server.fault().await?;
            let plural = versions_plural(key.namespace.is_some());
            let mut state = self.server.state.lock();
            state.writes.push(format!("delete {plural} {key}"));
            state.remove(plural, &key);
            Ok(())
        }
        .boxed()
    }
    fn notice(&self, notice: Notice) {
        self.notices.lock().push(notice);
    }
}

fn versions_plural(namespaced: bool) -> &'static str {
    if namespaced { "propagatedversions" } else { "clusterpropagatedversions" }
}

fn version_record(key: &ObjectKey, object: &Value) -> VersionRecord {
    VersionRecord {
        key: key.clone(),
        owner: serde_json::from_value(object["metadata"]["ownerReferences"][0].clone()).unwrap(),
        status: serde_json::from_value(object["status"].clone()).unwrap(),
    }
}

struct Epoch;

impl Clock for Epoch {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

/// A host, some members, and an engine, or one for each shard.
pub(crate) struct World {
    /// The first engine's way to the host.
    pub(crate) host: Arc<SimHost>,
    /// The first engine.
    pub(crate) core: Arc<Core>,
    /// The engines of the further shards.
    pub(crate) further: Vec<(Arc<SimHost>, Arc<Core>)>,
    servers: BTreeMap<String, Arc<Server>>,
    clusters: BTreeMap<String, (KubeFedCluster, String)>,
    types: Vec<FederatedTypeConfig>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    settings: Settings,
}

fn start(host: &Arc<SimHost>, settings: &Settings, shard: Shard) -> Arc<Core> {
    let ports = Ports {
        host: host.clone(),
        clock: Arc::new(Epoch),
        chance: Chance::seeded(7),
        telemetry: host.plans.clone(),
        may_write: {
            let leads = host.leads.clone();
            Arc::new(move || leads.load(std::sync::atomic::Ordering::Relaxed))
        },
    };
    Core::new(settings.clone(), shard, ports)
}

impl World {
    /// A world with namespace `bank` (federated everywhere), types namespaces, configmaps, deployments and
    /// clusterroles, and these clusters, each a server.
    pub(crate) fn new(clusters: &[&str]) -> Self {
        Self::with_settings(clusters, Settings::default())
    }

    pub(crate) fn with_settings(clusters: &[&str], settings: Settings) -> Self {
        Self::with_shards(clusters, settings, 1)
    }

    /// A world with an engine for each of so many shards.
    pub(crate) fn with_shards(clusters: &[&str], settings: Settings, shards: u32) -> Self {
        let server = Server::new();
        let mut engines = Shard::all(NonZero::new(shards).unwrap()).map(|shard| {
            let host = SimHost::of(server.clone());
            let core = start(&host, &settings, shard);
            (host, core)
        });
        let (host, core) = engines.next().unwrap();
        let mut world = Self {
            core,
            host,
            further: engines.collect(),
            servers: BTreeMap::new(),
            clusters: BTreeMap::new(),
            types: ["Namespace", "ConfigMap", "Deployment", "ClusterRole"].map(type_config).to_vec(),
            namespaces: BTreeMap::new(),
            settings,
        };
        for name in clusters {
            world.add_cluster(name, name, &[], &[]);
        }
        world.add_namespace("bank", &[]);
        world.start_types();
        world.apply(
            "FederatedNamespace",
            "bank",
            "bank",
            json!({"template": {}, "placement": {"clusterSelector": {}}}),
        );
        world
    }

    fn cores(&self) -> impl Iterator<Item = &Arc<Core>> {
        std::iter::once(&self.core).chain(self.further.iter().map(|(_, core)| core))
    }

    fn start_types(&self) {
        for core in self.cores() {
            for config in &self.types {
                core.start_type(FederatedType::compile(config, &self.settings.gates).unwrap());
            }
        }
    }

    pub(crate) fn server(&self, name: &str) -> &Arc<Server> {
        &self.servers[name]
    }

    pub(crate) fn add_namespace(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.label_namespace(name, labels);
        self.cores().for_each(|core| self.tell_namespace(core, name));
    }

    /// A namespace has these labels, and no engine has been told yet.
    pub(crate) fn label_namespace(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let object = json!({"metadata": {"name": name, "labels": labels}});
        self.host.server.meddle("namespaces", &ObjectKey::cluster(name), Some(object));
        self.namespaces.insert(name.to_owned(), labels);
    }

    /// An engine's watch tells of a namespace.
    pub(crate) fn tell_namespace(&self, core: &Arc<Core>, name: &str) {
        core.set_namespace(name, Some(NamespaceInfo { labels: self.namespaces[name].clone() }));
    }

    /// A cluster on a server; several clusters may be on one.
    pub(crate) fn add_cluster(
        &mut self,
        name: &str,
        server: &str,
        labels: &[(&str, &str)],
        annotations: &[(&str, &str)],
    ) {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let mut cluster = KubeFedCluster::new(name, federation_model::KubeFedClusterSpec::default());
        cluster.metadata.labels = Some(map(labels));
        cluster.metadata.annotations = Some(map(annotations));
        self.servers.entry(server.to_owned()).or_insert_with(Server::new);
        self.clusters.insert(name.to_owned(), (cluster, server.to_owned()));
        self.set_ready(name, true);
    }

    pub(crate) fn set_ready(&mut self, name: &str, ready: bool) {
        let (cluster, server) = &self.clusters[name];
        let mut cluster = cluster.clone();
        cluster.status = serde_json::from_value(json!({"conditions": [{
            "type": "Ready",
            "status": if ready { "True" } else { "False" },
            "message": "cluster is not reachable",
            "lastProbeTime": "2026-01-01T00:00:00Z",
        }]}))
        .unwrap();
        let cells = self.settings.gates.is_on(Feature::Cells);
        let mut info = ClusterInfo::of(&cluster, self.core.scope_keys(), cells);
        info.server = Some(server.as_str().into());
        for core in self.cores() {
            core.set_cluster(info.clone(), Some(Arc::new(SimMember(self.servers[server].clone()))));
        }
    }

    /// A user writes a federated object's spec.
    pub(crate) fn apply(&self, kind: &str, namespace: &str, name: &str, spec: Value) {
        let plural = format!("{}s", kind.to_lowercase());
        let key = ObjectKey::namespaced(namespace, name);
        let mut object = self.host.server.get(&plural, &key).unwrap_or_else(
            || json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}),
        );
        object["spec"] = spec;
        self.host.server.meddle(&plural, &key, Some(object));
    }

    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let plural = format!("{}s", kind.to_lowercase());
        self.host.server.meddle(&plural, &ObjectKey::namespaced(namespace, name), None);
    }

    pub(crate) fn federated(&self, kind: &str, namespace: &str, name: &str) -> Option<FederatedObject> {
        let plural = format!("{}s", kind.to_lowercase());
        let object = self.host.server.get(&plural, &ObjectKey::namespaced(namespace, name))?;
        Some(serde_json::from_value(object).unwrap())
    }

    /// The `PropagatedVersion` of a name in namespace `bank`.
    pub(crate) fn version(&self, name: &str) -> Option<VersionRecord> {
        let key = key(name);
        self.host.server.get("propagatedversions", &key).map(|object| version_record(&key, &object))
    }

    /// A cluster's word in a federated object's status: `-` when it is not there, empty when all is well.
    pub(crate) fn word(&self, kind: &str, name: &str, cluster: &str) -> String {
        let Some(object) = self.federated(kind, "bank", name) else { return "gone".to_owned() };
        let status = object.status.unwrap_or_default();
        match status.clusters.iter().find(|c| c.name == cluster) {
            None => "-".to_owned(),
            Some(c) if c.held_by_mask == Some(true) => {
                format!("{}held", c.status.clone().unwrap_or_default())
            }
            Some(c) => c.status.clone().unwrap_or_default(),
        }
    }

    /// Waits until something is so, and until it has been so for a while: nothing undoes it.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if so(self) {
                tokio::time::sleep(Duration::from_millis(600)).await;
                assert!(so(self), "{what}: was so, and then not any more");
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let host: Vec<_> = self.host.server.state.lock().objects.values().map(ToString::to_string).collect();
        panic!("never: {what}\nhost: {host:#?}\nqueues: {:?}", self.core.queue_lengths());
    }

    /// Kills the engines without a word, and starts others.
    pub(crate) fn restart(&mut self) {
        let engines = std::iter::once((&self.host, &mut self.core))
            .chain(self.further.iter_mut().map(|(host, core)| (&*host, core)));
        for (host, core) in engines {
            let new = start(host, &self.settings, core.shard());
            let old = std::mem::replace(core, new);
            tokio::spawn(async move { old.stop().await });
        }
        for name in self.namespaces.keys() {
            self.cores().for_each(|core| self.tell_namespace(core, name));
        }
        for name in self.clusters.keys().cloned().collect::<Vec<_>>() {
            self.set_ready(&name, true);
        }
        self.start_types();
    }
}

pub(crate) fn type_config(kind: &str) -> FederatedTypeConfig {
    let plural = format!("{}s", kind.to_lowercase());
    let (group, scope) = match kind {
        "Deployment" => ("apps", "Namespaced"),
        "Namespace" => ("", "Cluster"),
        "ClusterRole" => ("rbac.authorization.k8s.io", "Cluster"),
        _ => ("", "Namespaced"),
    };
    let federated_scope = if kind == "ClusterRole" { "Cluster" } else { "Namespaced" };
    let name = if group.is_empty() { plural.clone() } else { format!("{plural}.{group}") };
    serde_json::from_value::<FederatedTypeConfig>(json!({
        "metadata": {"name": name},
        "spec": {
            "targetType": {"group": group, "version": "v1", "kind": kind, "pluralName": plural, "scope": scope},
            "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": format!("Federated{kind}"), "pluralName": format!("federated{plural}"), "scope": federated_scope},
            "propagation": "Enabled",
        }
    }))
    .unwrap()
    .with_defaults()
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("bank", name)
}

pub(crate) fn kubefed_settings() -> Settings {
    Settings { gates: FeatureGates::kubefed(), ..Settings::default() }
}

/// Placement by names, with an optional mask.
pub(crate) fn on(template: Value, clusters: &[&str], mask: Option<&[&str]>) -> Value {
    let names = |list: &[&str]| list.iter().map(|n| json!({"name": n})).collect::<Vec<_>>();
    let mut spec = json!({"template": template, "placement": {"clusters": names(clusters)}});
    if let Some(mask) = mask {
        spec["placementMask"] = json!({"clusters": names(mask)});
    }
    spec
}
