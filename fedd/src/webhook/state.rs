//! What admission looks up: caches of the few kinds that it needs, and the API server where a cache may be behind.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use federation_model::{FederatedTypeConfig, KubeFedCluster, TopologyType};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::{self, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use topology_convert::Registry;
use tracing::warn;

use super::register::{FederatedResource, FederatedResources};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// The caches. Clusters and namespaces are held by name and labels only.
pub struct Lookups {
    client: Client,
    federation_namespace: String,
    registry: Arc<ArcSwap<Registry>>,
    topology_types: Store<TopologyType>,
    clusters: Store<PartialObjectMeta<KubeFedCluster>>,
    namespaces: Store<PartialObjectMeta<Namespace>>,
    type_configs: Store<FederatedTypeConfig>,
    federated: FederatedResources,
    synced: AtomicBool,
}

impl Lookups {
    /// Starts the watches on `tasks`; they end with `shutdown`. Of namespaces, `only_namespace` alone is followed, if it
    /// is given.
    pub fn start(
        client: &Client,
        federation_namespace: &str,
        only_namespace: Option<&str>,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Self {
        let all = watcher::Config::default;
        let registry = Arc::new(ArcSwap::from_pointee(Registry::default()));
        let rebuilt = Arc::clone(&registry);
        let topology_types =
            reflect(Api::all(client.clone()), all(), tasks, shutdown, move |types: &Store<TopologyType>| {
                rebuilt.store(Arc::new(build_registry(&types.state())));
            });
        let in_federation = federation_namespace;
        let clusters =
            reflect(Api::namespaced(client.clone(), in_federation), all(), tasks, shutdown, |_| ());
        let named = match only_namespace {
            Some(name) => all().fields(&format!("metadata.name={name}")),
            None => all(),
        };
        let namespaces = reflect(Api::all(client.clone()), named, tasks, shutdown, |_| ());
        let (known, federated) = watch::channel(None);
        let type_configs = reflect(
            Api::namespaced(client.clone(), in_federation),
            all(),
            tasks,
            shutdown,
            move |configs: &Store<FederatedTypeConfig>| {
                let found = Some(FederatedResource::of_all(&with_defaults(configs)));
                known.send_if_modified(|known| {
                    let is_news = *known != found;
                    *known = found;
                    is_news
                });
            },
        );
        Self {
            client: client.clone(),
            federation_namespace: federation_namespace.to_owned(),
            registry,
            topology_types,
            clusters,
            namespaces,
            type_configs,
            federated,
            synced: AtomicBool::new(false),
        }
    }

    /// Waits until every cache has had its first full list.
    pub async fn wait_until_synced(&self) {
        let ready = tokio::join!(
            self.topology_types.wait_until_ready(),
            self.clusters.wait_until_ready(),
            self.namespaces.wait_until_ready(),
            self.type_configs.wait_until_ready(),
        );
        let ready = [ready.0, ready.1, ready.2, ready.3];
        self.synced.store(ready.iter().all(Result::is_ok), Ordering::Release);
    }

    /// Whether every cache has had its first full list.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// The topology types that are declared now, and the built-in ones.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// The labels of a cluster of the federation.
    pub fn cluster_labels(&self, name: &str) -> Option<Labels> {
        let key = ObjectRef::new(name).within(&self.federation_namespace);
        self.clusters.get(&key).map(|cluster| cluster.labels().clone())
    }

    /// Names and labels of every cluster of the federation.
    pub fn clusters(&self) -> BTreeMap<String, Labels> {
        self.clusters.state().iter().map(|c| (c.name_any(), c.labels().clone())).collect()
    }

    /// The type configs, with their defaults filled in.
    pub fn type_configs(&self) -> Vec<FederatedTypeConfig> {
        with_defaults(&self.type_configs)
    }

    /// The federated types, as they change.
    pub fn federated(&self) -> FederatedResources {
        self.federated.clone()
    }

    /// The config whose federated type is this kind.
    pub fn type_config(&self, group: &str, kind: &str) -> Option<FederatedTypeConfig> {
        self.type_configs().into_iter().find(|config| {
            config.spec.federated_type.kind == kind && config.spec.federated_type.group == group
        })
    }

    /// The labels of a namespace; `None` when there is no such namespace. One that the cache does not know yet is asked
    /// for: whoever makes a namespace and an object in it at once must not slip out of the namespace's scope.
    pub async fn namespace_labels(&self, name: &str) -> Result<Option<Labels>, kube::Error> {
        if let Some(namespace) = self.namespaces.get(&ObjectRef::new(name)) {
            return Ok(Some(namespace.labels().clone()));
        }
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        Ok(api.get_opt(name).await?.map(|namespace| namespace.labels().clone()))
    }

    /// For what is listed at the moment of asking.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn with_defaults(configs: &Store<FederatedTypeConfig>) -> Vec<FederatedTypeConfig> {
    configs.state().iter().map(|config| FederatedTypeConfig::clone(config).with_defaults()).collect()
}

/// Follows a kind into a store, until `shutdown`; `changed` is told after every change.
fn reflect<K>(
    api: Api<K>,
    config: watcher::Config,
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
    changed: impl Fn(&Store<K>) + Send + 'static,
) -> Store<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Send + Sync + Unpin,
{
    let (reader, writer) = store();
    let kind = K::kind(&K::DynamicType::default()).into_owned();
    let events = watcher(api, config)
        .default_backoff()
        .modify(|object| {
            object.managed_fields_mut().clear();
            object.annotations_mut().clear();
        })
        .reflect(writer);
    let (store, shutdown) = (reader.clone(), shutdown.clone());
    tasks.spawn(async move {
        let mut events = std::pin::pin!(events.take_until(shutdown.cancelled_owned()));
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(_) => changed(&store),
                Err(error) => warn!(%error, kind, "a watch of the webhook failed; it is started again"),
            }
        }
    });
    reader
}

/// The topology types that are declared, and the built-in ones. One that cannot be meant is left out: admission refuses
/// it, and conversion goes on for the others.
fn build_registry(types: &[Arc<TopologyType>]) -> Registry {
    let declared = types.iter().map(|t| (t.name_any(), t.spec.clone())).collect::<Vec<_>>();
    let (registry, errors) =
        Registry::with_declared(declared.iter().map(|(name, spec)| (name.as_str(), spec)));
    for error in errors {
        warn!(%error, "a TopologyType is left out");
    }
    registry
}
