//! The engine's heart: it is told what is so (clusters, namespaces, types), and keeps the members as the federated
//! objects want them.
//!
//! ```text
//!   host watch ──▶ TypeState ──┬─▶ lane of API server A ─▶ plan ─▶ execute ─▶ member A
//!                    ▲         ├─▶ lane of API server B ─▶ …
//!   member watches ──┤         └─▶ host stage: finalizer, status, release
//!                    └──────────── what came of it ◀─── lanes
//! ```
//!
//! A lane's work item is a name, not an action: the plan is made when its turn comes, from what is known then. So
//! nothing stale is ever carried out, and a member that hangs delays nothing but its own lane.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use federation_model::{Feature, FederatedObject, NAMESPACES_TYPE_CONFIG, ObjectKey, Scope, Settings};
use parking_lot::RwLock;
use tenancy::{Labels, ScopeKeys, Shard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::federated_type::FederatedType;
use crate::lane::Lane;
use crate::observed::Sync;
use crate::ports::{Chance, Clock, Host, MayWrite, Member};
use crate::queue::Priority;
use crate::registry::{ClusterInfo, Clusters, NamespaceInfo, ServerId};
use crate::rights::advice;
use crate::selection::{NamespaceGate, Selection};
use crate::status::ClusterView;
use crate::telemetry::Telemetry;
use crate::type_state::{HostChange, TypeState};

/// What the engine works with.
pub struct Ports {
    /// The federation's API server.
    pub host: Arc<dyn Host>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for jitter.
    pub chance: Chance,
    /// Where measurements go.
    pub telemetry: Arc<dyn Telemetry>,
    /// Whether this process may write.
    pub may_write: MayWrite,
}

/// The engine's heart. Cheap to share behind an `Arc`.
pub struct Core {
    pub(crate) settings: Settings,
    pub(crate) ports: Ports,
    shard: Shard,
    scope_keys: ScopeKeys,
    clusters: RwLock<Arc<Clusters>>,
    namespaces: RwLock<HashMap<String, Arc<NamespaceInfo>>>,
    members: DashMap<String, Arc<dyn Member>>,
    types: DashMap<Arc<str>, Arc<TypeState>>,
    lanes: DashMap<ServerId, Arc<Lane>>,
    host_server: RwLock<Option<ServerId>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Core {
    /// A heart that knows of nothing yet. It acts for the scopes of one shard; the hearts of the others, in this process
    /// or elsewhere, for the others.
    pub fn new(settings: Settings, shard: Shard, ports: Ports) -> Arc<Self> {
        Arc::new(Self {
            scope_keys: ScopeKeys {
                tenant: settings.tenant_label.clone(),
                workspace_group: settings.workspace_group_label.clone(),
            },
            settings,
            shard,
            ports,
            clusters: RwLock::default(),
            namespaces: RwLock::default(),
            members: DashMap::new(),
            types: DashMap::new(),
            lanes: DashMap::new(),
            host_server: RwLock::new(None),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Says which API server is the host's own: namespaces are never deleted there.
    pub fn set_host_server(&self, server: Option<ServerId>) {
        *self.host_server.write() = server;
    }

    pub(crate) fn is_host(&self, server: &ServerId) -> bool {
        self.host_server.read().as_ref() == Some(server)
    }

    /// The keys of the scope labels.
    pub fn scope_keys(&self) -> &ScopeKeys {
        &self.scope_keys
    }

    /// All clusters, at this moment.
    pub fn clusters(&self) -> Arc<Clusters> {
        self.clusters.read().clone()
    }

    /// The access of a cluster.
    pub(crate) fn member(&self, cluster: &str) -> Option<Arc<dyn Member>> {
        self.members.get(cluster).map(|m| m.clone())
    }

    /// The shard that it acts for.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Whether a scope is of its shard. With tenant isolation off there are no scopes, and shard 0 has everything.
    pub fn acts_for(&self, scope: &tenancy::Scope) -> bool {
        let scoped = self.settings.gates.is_on(Feature::TenantIsolation);
        if scoped { self.shard.has(scope) } else { self.shard.is_first() }
    }

    /// Whether a namespace is of its shard. Until its labels are told of nobody knows, and it is nobody's.
    pub(crate) fn acts_in(&self, namespace: &str) -> bool {
        let has = |info: &Arc<NamespaceInfo>| self.acts_for(&self.scope_keys.of_labels(&info.labels));
        self.shard.is_whole() || self.namespaces.read().get(namespace).is_some_and(has)
    }

    /// Whether an object's finalizer and status are this engine's. Members need no such question: an object reaches
    /// clusters of its scope alone, and the engine knows only those of its shard.
    pub(crate) fn acts_on(&self, selection: &Selection) -> bool {
        let namespace = selection.entry.key.namespace.as_deref();
        self.shard.is_whole()
            || namespace.is_none_or(|name| self.namespaces.read().contains_key(name))
                && self.acts_for(selection.scope.as_ref().unwrap_or(&tenancy::Scope::Shared))
    }

    /// A cluster is so, with this access. One of another shard is as if it were not there.
    pub fn set_cluster(self: &Arc<Self>, cluster: ClusterInfo, member: Option<Arc<dyn Member>>) {
        let name = cluster.name.clone();
        if !self.acts_for(&cluster.scope) {
            if self.clusters().get(&name).is_some() {
                self.remove_cluster(&name);
            }
            return;
        }
        match member {
            Some(member) => self.members.insert(name.clone(), member),
            None => self.members.remove(&name).map(|(_, m)| m),
        };
        self.swap_cluster(&name, Some(cluster));
    }

    /// A cluster is not federated any more. What it holds stays there.
    pub fn remove_cluster(self: &Arc<Self>, name: &str) {
        self.members.remove(name);
        self.swap_cluster(name, None);
    }

    fn swap_cluster(self: &Arc<Self>, name: &str, new: Option<ClusterInfo>) {
        let (old, servers) = {
            let mut clusters = self.clusters.write();
            let old = clusters.get(name).cloned();
            *clusters = Arc::new(clusters.with(name, new.clone()));
            let servers: BTreeSet<ServerId> = clusters.servers().cloned().collect();
            (old, servers)
        };
        // Lanes of API servers that nobody is on any more end, new ones begin.
        let gone: Vec<_> =
            self.lanes.iter().map(|l| l.key().clone()).filter(|s| !servers.contains(s)).collect();
        for server in gone {
            if let Some((_, lane)) = self.lanes.remove(&server) {
                info!(server = %server, "lane ends");
                lane.close();
                self.each_type(|ty| ty.drop_cache(&server));
            }
        }
        for server in [&old.as_deref().cloned(), &new].into_iter().flatten().filter_map(|c| c.server.clone())
        {
            if servers.contains(&server) {
                self.ensure_lane(&server);
            }
        }
        if old.as_deref() == new.as_ref() {
            return;
        }
        debug!(cluster = name, ready = new.as_ref().is_some_and(|c| c.ready), "cluster changed");
        let (old, new) = (old.as_deref(), new.as_ref());
        // Only words of trouble changed: the statuses tell, and nothing is to be done.
        let words_only = matches!((old, new), (Some(a), Some(b)) if ClusterInfo { trouble: b.trouble.clone(), ..a.clone() } == *b);
        // Who shares its API server may be concerned too: what it left, another may take over.
        let sharing: BTreeSet<&ServerId> = [old, new]
            .into_iter()
            .flatten()
            .filter(|_| !words_only)
            .filter_map(|c| c.server.as_ref())
            .collect();
        let clusters = self.clusters();
        self.each_type(|ty| {
            for key in ty.keys().into_iter().filter(|_| self.can_plan(ty)) {
                let Some(selection) = self.selection(ty, &key) else { continue };
                let concerned = |c: &ClusterInfo| selection.may_hold(c) || concerns(ty, &selection, c);
                if ![old, new].into_iter().flatten().any(concerned) {
                    continue;
                }
                ty.queue.push(key.clone(), Priority::Resync);
                if !selection.entry.has_finalizer() {
                    continue; // members are written to only once it is there
                }
                for &server in &sharing {
                    let due = clusters.on(server).iter().any(|c| c.ready && concerns(ty, &selection, c));
                    if let Some(lane) = self.lane(server).filter(|_| due) {
                        lane.push(ty, key.clone(), Priority::Resync);
                    }
                }
            }
        });
    }

    /// Makes sure that a lane and its watches run, with the access that is best now.
    fn ensure_lane(self: &Arc<Self>, server: &ServerId) {
        let clusters = self.clusters();
        let on = clusters.on(server);
        let Some(member) = on.iter().filter(|c| c.ready).chain(on.iter()).find_map(|c| self.member(&c.name))
        else {
            return;
        };
        let lane = match self.lanes.get(server) {
            Some(lane) => lane.clone(),
            None => {
                info!(server = %server, "lane begins");
                let lane = Lane::start(self, server.clone(), &self.stop, &self.tasks);
                self.lanes.insert(server.clone(), lane.clone());
                lane
            }
        };
        if lane.use_member(member) {
            self.each_type(|ty| lane.watch(self, ty));
        }
    }

    /// A namespace of the host is so; `None`: it is gone.
    pub fn set_namespace(self: &Arc<Self>, name: &str, info: Option<NamespaceInfo>) {
        let changed = {
            let mut namespaces = self.namespaces.write();
            match info {
                Some(info) => {
                    let old = namespaces.insert(name.to_owned(), Arc::new(info.clone()));
                    old.as_deref() != Some(&info)
                }
                None => namespaces.remove(name).is_some(),
            }
        };
        if changed {
            self.fan_out_namespace(name);
        }
    }

    /// What is known of a namespace of the host.
    pub(crate) fn namespace(&self, name: &str) -> Option<Arc<NamespaceInfo>> {
        self.namespaces.read().get(name).cloned()
    }

    /// The host was asked for a namespace, and it is so. `before` is what was known of it when the question was sent:
    /// what the watch has told since is not older than the answer.
    pub(crate) fn answered_namespace(
        self: &Arc<Self>,
        name: &str,
        before: Option<&Arc<NamespaceInfo>>,
        now: NamespaceInfo,
    ) {
        let news = {
            let mut namespaces = self.namespaces.write();
            let same = before.zip(namespaces.get(name)).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
            let news = same && before.is_some_and(|before| **before != now);
            if news {
                namespaces.insert(name.to_owned(), Arc::new(now));
            }
            news
        };
        if news {
            self.fan_out_namespace(name);
        }
    }

    /// Everything in a namespace is looked at again: its scope or its placement changed.
    pub(crate) fn fan_out_namespace(self: &Arc<Self>, namespace: &str) {
        self.each_type(|ty| {
            for key in ty.keys_in(namespace) {
                match ty.entry(&key).filter(|entry| !self.keeps(ty, &entry.object)) {
                    Some(entry) => {
                        ty.leave(&entry, self.scope_labels(&entry.object));
                        self.shorten_members_of(ty, &key);
                    }
                    None => self.fan_out(ty, &key, Priority::Change),
                }
            }
            for (key, kept) in ty.elsewhere_in(namespace) {
                if self.keeps_of(ty, &kept.scope_labels, Some(namespace)) {
                    ty.queue.push(key, Priority::Change);
                }
            }
        });
    }

    /// An object is in this state on the host. Of those that another shard's engine acts on, no more than the name is
    /// kept.
    pub(crate) fn apply(&self, ty: &TypeState, object: FederatedObject) -> (ObjectKey, HostChange) {
        if !self.keeps(ty, &object) {
            let (key, was_here) = ty.apply_elsewhere(&object, self.scope_labels(&object));
            if was_here {
                self.shorten_members_of(ty, &key);
            }
            // Unless its namespace has been told of in between.
            if !self.keeps(ty, &object) {
                return (key, HostChange::None);
            }
        }
        ty.apply(object, &self.settings.gates)
    }

    /// Whether all of an object is to be known: it is of this engine's shard, or nobody can know yet whose it is. A
    /// federated namespace may gate objects of any scope.
    fn keeps(&self, ty: &TypeState, object: &FederatedObject) -> bool {
        self.shard.is_whole()
            || self.keeps_of(ty, &self.scope_labels(object), object.metadata.namespace.as_deref())
    }

    pub(crate) fn keeps_of(&self, ty: &TypeState, own: &Labels, namespace: Option<&str>) -> bool {
        if self.shard.is_whole() || ty.ty.namespaces {
            return true;
        }
        let Some(name) = namespace else { return self.acts_for(&self.scope_keys.of_object(own, None)) };
        self.namespaces
            .read()
            .get(name)
            .is_none_or(|info| self.acts_for(&self.scope_keys.of_object(own, Some(&info.labels))))
    }

    /// No more is to be known of what members hold of an object than that they do.
    fn shorten_members_of(&self, ty: &TypeState, key: &ObjectKey) {
        for cluster in self.clusters().iter() {
            let target = cluster.target_key(key, ty.ty.namespaced, ty.ty.namespaces);
            if let Some(server) = cluster.server.as_ref().filter(|server| self.is_others(ty, server, &target))
            {
                ty.cache(server).shorten(&target);
            }
        }
    }

    /// An object's own labels, as far as they say a scope.
    fn scope_labels(&self, object: &FederatedObject) -> Labels {
        let keys = [&self.scope_keys.tenant, &self.scope_keys.workspace_group];
        let own = object.metadata.labels.as_ref();
        let of = |key: &String| Some((key.clone(), own?.get(key)?.clone()));
        keys.into_iter().filter_map(of).collect()
    }

    /// Whether an object on a member is another shard's, as far as is known: every federated object that it may belong
    /// to is.
    pub(crate) fn is_others(&self, ty: &TypeState, server: &ServerId, target: &ObjectKey) -> bool {
        if self.shard.is_whole() {
            return false;
        }
        let origins = self.origins(ty, server, target);
        !origins.is_empty() && origins.iter().all(|origin| ty.is_elsewhere(origin))
    }

    /// A member's namespace has just been made: what failed for want of it can go on.
    pub(crate) fn namespace_made(self: &Arc<Self>, namespace: &str, server: &ServerId) {
        let Some(lane) = self.lane(server) else { return };
        self.each_type(|ty| {
            if !ty.ty.namespaces && ty.ty.namespaced {
                for key in ty.keys_in(namespace) {
                    lane.push(ty, key, Priority::Change);
                }
            }
        });
    }

    /// Starts propagating a type. A running type of the same name is stopped first.
    pub fn start_type(self: &Arc<Self>, ty: FederatedType) -> Arc<TypeState> {
        self.stop_type(&ty.name);
        info!(r#type = %ty.name, "type starts");
        let state = Arc::new(TypeState::new(ty, self.stop.child_token()));
        self.types.insert(state.ty.name.clone(), state.clone());
        for lane in &self.lanes {
            lane.watch(self, &state);
        }
        crate::host_stage::start(self, &state, &self.tasks);
        state
    }

    /// Stops propagating a type. Nothing on the members changes.
    pub fn stop_type(self: &Arc<Self>, name: &str) {
        if let Some((_, state)) = self.types.remove(name) {
            info!(r#type = name, "type stops");
            state.stop.cancel();
            state.queue.close();
        }
    }

    /// Whether a type is propagated.
    pub fn runs_type(&self, name: &str) -> bool {
        self.types.contains_key(name)
    }

    /// Ends all work and waits for it. What is under way is answered first, within the requests' time-outs.
    pub async fn stop(&self) {
        self.stop.cancel();
        for lane in &self.lanes {
            lane.close();
        }
        for ty in &self.types {
            ty.queue.close();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Whether everything that was there at the start is known: the host's objects of each type, and the members' of
    /// each ready cluster (or that they cannot be listed).
    pub fn is_synced(&self) -> bool {
        let clusters = self.clusters();
        self.types.iter().all(|ty| {
            ty.is_synced()
                && clusters
                    .iter()
                    .filter(|c| c.ready)
                    .filter_map(|c| c.server.as_ref())
                    .all(|server| self.lane(server).is_none() || ty.cache(server).sync() != Sync::Listing)
        })
    }

    /// What the member of a cluster forbids of what its types take, for people: nothing if it forbids nothing.
    pub(crate) fn missing_rights(&self, cluster: &str) -> Option<String> {
        let cluster = self.clusters().get(cluster)?.clone();
        let server = cluster.server.as_ref()?;
        let mut refused = BTreeMap::new();
        self.each_type(|ty| {
            refused.extend(ty.cache(server).refusal().map(|words| (ty.ty.name.clone(), words)));
        });
        let words = refused.values().next()?;
        let types = refused.keys().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        Some(format!("the federation may not list and watch {types} there: {words}; {}", advice(&cluster)))
    }

    /// Items that wait, per lane and per type's host stage.
    pub fn queue_lengths(&self) -> Vec<(String, usize)> {
        let lanes = self.lanes.iter().map(|l| (format!("lane/{}", l.key()), l.len()));
        let types = self.types.iter().map(|t| (format!("host/{}", t.key()), t.queue.len()));
        lanes.chain(types).collect()
    }

    pub(crate) fn each_type(&self, mut f: impl FnMut(&Arc<TypeState>)) {
        // Collected first: a map's guard must not be held over what `f` does.
        let types: Vec<_> = self.types.iter().map(|t| t.value().clone()).collect();
        types.iter().for_each(&mut f);
    }

    /// What is held of a type, by the name of its config, while it is propagated.
    pub fn type_state(&self, name: &str) -> Option<Arc<TypeState>> {
        self.types.get(name).map(|t| t.clone())
    }

    pub(crate) fn lane(&self, server: &ServerId) -> Option<Arc<Lane>> {
        self.lanes.get(server).map(|l| l.clone())
    }

    /// Whether plans of a type can be made: the host's objects are known, and those of the namespaces that gate them.
    pub(crate) fn can_plan(&self, ty: &TypeState) -> bool {
        ty.is_synced()
            && (!self.is_gated(ty) || self.type_state(NAMESPACES_TYPE_CONFIG).is_some_and(|n| n.is_synced()))
    }

    fn is_gated(&self, ty: &TypeState) -> bool {
        ty.ty.namespaced && !ty.ty.namespaces && self.settings.scope == Scope::Cluster
    }

    /// Where an object goes, as far as is known now; `None` when there is no such object.
    pub(crate) fn selection(&self, ty: &TypeState, key: &ObjectKey) -> Option<Selection> {
        let entry = ty.entry(key)?;
        let namespace = key.namespace.as_deref();
        let federated_namespace = || {
            let name = namespace?;
            self.type_state(NAMESPACES_TYPE_CONFIG)?
                .entry(&ObjectKey::namespaced(name, name))
                .filter(|e| !e.is_deleting())
        };
        let gate = if ty.ty.namespaces || !ty.ty.namespaced {
            NamespaceGate::Open
        } else {
            match (federated_namespace(), self.settings.scope) {
                (Some(namespace), _) => NamespaceGate::Placed(namespace),
                (None, Scope::Cluster) => NamespaceGate::NotFederated,
                (None, Scope::Namespaced) => NamespaceGate::Open,
            }
        };
        let scope = self.settings.gates.is_on(Feature::TenantIsolation).then(|| {
            let own = entry.object.metadata.labels.clone().unwrap_or_default();
            let Some(namespace) = namespace else { return self.scope_keys.of_object(&own, None) };
            match self.namespaces.read().get(namespace) {
                Some(info) => self.scope_keys.of_object(&own, Some(&info.labels)),
                // It has not been told of yet: until then nobody knows whose the object is, and it reaches nothing.
                None => tenancy::Scope::Incomplete,
            }
        });
        Some(Selection { entry, gate, scope })
    }

    /// An object may be due somewhere: it is put into the lanes that it concerns, and its status is looked at.
    pub(crate) fn fan_out(self: &Arc<Self>, ty: &Arc<TypeState>, key: &ObjectKey, priority: Priority) {
        if !self.can_plan(ty) {
            return; // comes again when the last list is complete
        }
        let Some(selection) = self.selection(ty, key) else {
            if !ty.is_elsewhere(key) {
                self.fan_out_orphan(ty, key, priority);
            }
            return;
        };
        if !self.acts_on(&selection) {
            return;
        }
        ty.queue.push(key.clone(), priority);
        if !selection.entry.has_finalizer() {
            return; // members are written to only once it is there
        }
        let candidates = self.candidates(ty, &selection);
        let concerned = candidates.iter().filter(|c| c.ready && concerns(ty, &selection, c));
        let servers: BTreeSet<&ServerId> = concerned.filter_map(|c| c.server.as_ref()).collect();
        for lane in servers.into_iter().filter_map(|server| self.lane(server)) {
            lane.push(ty, key.clone(), priority);
        }
    }

    /// The clusters that an object may have to do with, by name: those that it is placed on, those that something was
    /// done in for it, and those that hold an object of its name.
    ///
    /// All that are looked at are answered, so what an event costs does not depend on how many others there are; but for
    /// clusters with name templates in the object's reach, whose objects' names have to be made to be looked for.
    pub fn candidates(&self, ty: &TypeState, selection: &Selection) -> Vec<Arc<ClusterInfo>> {
        let clusters = self.clusters();
        let key = &selection.entry.key;
        let mut found: Vec<_> = selection.entry.placed(&clusters, selection.scope.as_ref()).to_vec();
        found.extend(ty.worked_in(key).iter().filter_map(|name| clusters.get(name)).cloned());
        found.extend(holding(ty, &clusters, key, selection.scope.as_ref()));
        found.retain(|c| selection.reaches(c));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        found
    }

    /// There is no federated object of this name (any more): members that hold a managed one are looked at.
    fn fan_out_orphan(self: &Arc<Self>, ty: &Arc<TypeState>, key: &ObjectKey, priority: Priority) {
        let held = holding(ty, &self.clusters(), key, None);
        let servers: BTreeSet<&ServerId> = held.iter().filter_map(|c| c.server.as_ref()).collect();
        for lane in servers.into_iter().filter_map(|server| self.lane(server)) {
            lane.push(ty, key.clone(), priority);
        }
        ty.queue.push(key.clone(), priority);
    }

    /// A type's plans can be made now: everything is looked at once, orphans included.
    pub(crate) fn fan_out_all(self: &Arc<Self>, ty: &Arc<TypeState>) {
        if !self.can_plan(ty) {
            return;
        }
        for key in ty.keys() {
            self.fan_out(ty, &key, Priority::Resync);
        }
        let servers: Vec<_> = self.clusters().servers().cloned().collect();
        for server in servers {
            self.fan_out_server(ty, &server);
        }
    }

    /// An API server's objects of a type are completely known: all that concerns it is looked at.
    pub(crate) fn fan_out_server(self: &Arc<Self>, ty: &Arc<TypeState>, server: &ServerId) {
        if !self.can_plan(ty) || ty.cache(server).sync() != Sync::Synced {
            return;
        }
        let Some(lane) = self.lane(server) else { return };
        let clusters = self.clusters();
        for key in ty.keys() {
            let Some(selection) = self.selection(ty, &key) else { continue };
            if selection.entry.has_finalizer()
                && clusters.on(server).iter().any(|c| c.ready && concerns(ty, &selection, c))
            {
                lane.push(ty, key, Priority::Resync);
            }
        }
        for target in ty.cache(server).keys() {
            if self.is_others(ty, server, &target) {
                ty.cache(server).shorten(&target);
                continue;
            }
            for origin in self.origins(ty, server, &target) {
                if !ty.knows(&origin) {
                    lane.push(ty, origin, Priority::Resync);
                }
            }
        }
    }

    /// Names of the federated objects that an object on a member may belong to.
    pub(crate) fn origins(
        &self,
        ty: &TypeState,
        server: &ServerId,
        target: &ObjectKey,
    ) -> BTreeSet<ObjectKey> {
        self.clusters().on(server).iter().filter_map(|c| c.origin_key(target, ty.ty.namespaces)).collect()
    }

    /// All clusters that an object may have to do with, as its status sees them.
    pub(crate) fn views(&self, ty: &TypeState, selection: &Selection) -> Vec<ClusterView> {
        let key = &selection.entry.key;
        let work = ty.with_work(key, |w| w.clusters.clone());
        self.candidates(ty, selection)
            .into_iter()
            .map(|cluster| {
                let target = cluster.target_key(key, ty.ty.namespaced, ty.ty.namespaces);
                let cache = cluster.server.as_ref().map(|s| ty.cache(s));
                let work = work.get(&cluster.name);
                ClusterView {
                    outcome: work.and_then(|w| w.outcome.clone()),
                    recorded: work.and_then(|w| w.recorded.clone()),
                    observed: cache.as_ref().and_then(|c| c.get(&target)),
                    synced: cache.is_some_and(|c| c.sync() == Sync::Synced),
                    cluster,
                }
            })
            .collect()
    }

    /// Objects that are placed on a cluster or were written to it: `type namespace/name` each.
    pub fn placed_on(&self, cluster: &str) -> Vec<String> {
        let clusters = self.clusters();
        let Some(cluster) = clusters.get(cluster) else { return Vec::new() };
        let mut placed = Vec::new();
        self.each_type(|ty| {
            for key in ty.keys() {
                let Some(selection) = self.selection(ty, &key) else { continue };
                if selection.selects(cluster) || ty.recorded(&key, &cluster.name).is_some() {
                    placed.push(format!("{} {key}", ty.ty.federated.kind));
                }
            }
        });
        placed
    }

    /// Whether this process may write, now.
    pub(crate) fn may_write(&self) -> bool {
        (self.ports.may_write)()
    }

    /// How long what may not be written waits until it is asked about again. A replica that lost its lease ends
    /// meanwhile.
    pub(crate) const FORBIDDEN: Duration = Duration::from_secs(1);

    /// How long a status waits for lanes that are still at work, so that one write tells of all.
    pub(crate) const STATUS_GRACE: Duration = Duration::from_millis(500);
}

/// Whether an object has, or had, to do with a cluster.
fn concerns(ty: &TypeState, selection: &Selection, cluster: &ClusterInfo) -> bool {
    let key = &selection.entry.key;
    selection.reaches(cluster)
        && (selection.selects(cluster)
            || ty.with_work(key, |w| w.clusters.contains_key(&cluster.name))
            || holds(ty, cluster, key))
}

/// Whether a cluster holds an object of that name.
fn holds(ty: &TypeState, cluster: &ClusterInfo, key: &ObjectKey) -> bool {
    let target = || cluster.target_key(key, ty.ty.namespaced, ty.ty.namespaces);
    cluster.server.as_ref().is_some_and(|server| ty.cache(server).get(&target()).is_some())
}

/// The clusters that hold an object of that name, as far as a scope reaches or, without one, all.
fn holding(
    ty: &TypeState,
    clusters: &Clusters,
    key: &ObjectKey,
    scope: Option<&tenancy::Scope>,
) -> Vec<Arc<ClusterInfo>> {
    let servers = ty.holders(&ty.ty.plain_target(key));
    let plain = servers.iter().flat_map(|server| clusters.on(server)).filter(|c| !c.has_names_of_its_own());
    let renaming = clusters.renaming(scope).filter(|c| holds(ty, c, key));
    plain.chain(renaming).cloned().collect()
}
