//! A host and three members, and an engine.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use federation_model::{
    ApiResourceReference, ClusterStatus, ConversionWebhook, FederatedKind, FederatedObject, KubeFedCluster,
    KubeFedClusterSpec, LocalSecretReference, ObjectKey, Settings, core_crds, default_types, federated_crd,
    type_config,
};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, Resource};
use propagation_engine::kube_ports::Timeouts;
use propagation_engine::telemetry::NoTelemetry;
use propagation_engine::{Engine, EngineOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::servers::{Server, Servers};

pub(crate) const NAMESPACE: &str = "kube-federation-system";

/// More than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_secs(90);

/// More than anything takes that need not wait, on two busy cores, and less than any period or time-out. What it really takes
/// is measured by benchmarks.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(8);

/// One runtime for all tests, so that they can share servers.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: OnceCell<Federation> = OnceCell::const_new();

/// Runs a test on the servers that all tests share; each has namespaces of its own.
pub(crate) fn on_shared<F: Future<Output = ()>>(test: impl FnOnce(&'static Federation) -> F) {
    RUNTIME.block_on(async {
        // A member in trouble is known to be so in seconds.
        let settings = Settings { health_period: Duration::from_secs(1), ..Settings::default() };
        let federation = SHARED.get_or_init(|| Federation::start(settings, &["m1", "m2", "m3"])).await;
        test(federation).await;
    });
}

/// Runs a test on servers of its own.
pub(crate) fn on_own<F: Future<Output = ()>>(
    settings: Settings,
    members: &[&str],
    test: impl FnOnce(Federation) -> F,
) {
    RUNTIME.block_on(async { test(Federation::start(settings, members).await).await });
}

pub(crate) struct Federation {
    pub(crate) host: Server,
    pub(crate) members: BTreeMap<String, Server>,
    settings: Settings,
    stop: std::sync::Mutex<CancellationToken>,
    servers: Servers,
}

impl Federation {
    async fn start(settings: Settings, names: &[&str]) -> Self {
        let servers = Servers::start().await;
        let names = std::iter::once("host").chain(names.iter().copied());
        let mut members = futures::future::join_all(names.map(|name| servers.server(name))).await;
        let host = members.remove(0);
        let client = host.client();
        let mut crds = core_crds();
        let mut configs = Vec::new();
        for ty in default_types().iter().filter(|t| {
            ["namespaces", "configmaps", "services", "deployments", "secrets", "horizontalpodautoscalers"]
                .contains(&t.target.plural_name.as_str())
        }) {
            let config = type_config(&ty.target, NAMESPACE);
            crds.push(federated_crd(&config, &ty.kind, &ConversionWebhook::None));
            configs.push(config);
        }
        let clients = &client;
        futures::future::join_all(crds.iter().map(|crd| define(clients, crd))).await;
        apply(&client, "v1", "Namespace", "namespaces", None, NAMESPACE, json!({})).await;
        for mut config in configs {
            if config.metadata.name.as_deref() == Some("services") {
                config.spec.propagating_annotations = Some(vec!["service.beta.kubernetes.io/*".to_owned()]);
            }
            let api: Api<federation_model::FederatedTypeConfig> = Api::namespaced(client.clone(), NAMESPACE);
            api.create(&PostParams::default(), &config).await.unwrap();
        }
        let members: BTreeMap<_, _> = members.into_iter().map(|s| (s.name().to_owned(), s)).collect();
        let federation = Self { host, members, settings, stop: std::sync::Mutex::default(), servers };
        futures::future::join_all(federation.members.keys().map(|name| federation.join(name, name, &[])))
            .await;
        federation.start_engine();
        for name in federation.members.keys() {
            federation.ready(name).await;
        }
        federation
    }

    /// Starts one more API server, for a test that breaks it.
    pub(crate) async fn spare(&self, name: &str) -> Server {
        self.servers.server(name).await
    }

    /// Federates a type.
    pub(crate) async fn enable(&self, target: &ApiResourceReference) {
        let (config, host) = (type_config(target, NAMESPACE), self.host.client());
        define(&host, &federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::None)).await;
        let api: Api<federation_model::FederatedTypeConfig> = Api::namespaced(host, NAMESPACE);
        api.create(&PostParams::default(), &config).await.unwrap();
    }

    /// Makes the KubeFedCluster `name` on a member.
    pub(crate) async fn join(&self, name: &str, member: &str, labels: &[(&str, &str)]) {
        self.join_server(name, &self.members[member], labels).await;
    }

    /// Makes the KubeFedCluster `name` on a server, or gives the one that is there another token.
    pub(crate) async fn join_server(&self, name: &str, server: &Server, labels: &[(&str, &str)]) {
        let token = token(&server.client()).await;
        let host = self.host.client();
        let secret = json!({"data": {"token": ByteString(token.into_bytes())}});
        apply(&host, "v1", "Secret", "secrets", Some(NAMESPACE), name, secret).await;
        let mut cluster = KubeFedCluster::new(
            name,
            KubeFedClusterSpec {
                api_endpoint: server.url().to_owned(),
                ca_bundle: Some(ByteString(server.ca_pem().as_bytes().to_vec())),
                secret_ref: LocalSecretReference { name: name.to_owned() },
                ..KubeFedClusterSpec::default()
            },
        );
        cluster.metadata.labels =
            Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        let api: Api<KubeFedCluster> = Api::namespaced(host, NAMESPACE);
        api.patch(name, &PatchParams::apply("test"), &Patch::Apply(&cluster)).await.unwrap();
    }

    pub(crate) fn clusters(&self) -> Api<KubeFedCluster> {
        Api::namespaced(self.host.client(), NAMESPACE)
    }

    pub(crate) async fn ready(&self, cluster: &str) {
        let ready = |c: Option<&KubeFedCluster>| c.is_some_and(KubeFedCluster::is_ready);
        becomes("the cluster is ready", self.clusters(), cluster, ready).await;
    }

    pub(crate) fn start_engine(&self) {
        let stop = CancellationToken::new();
        *self.stop.lock().unwrap() = stop.clone();
        let engine = Engine::new(EngineOptions {
            host: self.host.client(),
            namespace: NAMESPACE.to_owned(),
            settings: self.settings.clone(),
            shard: tenancy::Shard::WHOLE,
            timeouts: Timeouts { request: Duration::from_secs(5), ..Timeouts::default() },
            dialer: None,
            seed: 1,
            telemetry: Arc::new(NoTelemetry),
            may_write: Arc::new(|| true),
        });
        tokio::spawn(engine.run(stop));
    }

    pub(crate) fn stop_engine(&self) {
        self.stop.lock().unwrap().cancel();
    }

    /// Makes a namespace, federated on all clusters of its scope.
    pub(crate) async fn namespace(&self, name: &str, labels: Value) {
        let host = self.host.client();
        apply(&host, "v1", "Namespace", "namespaces", None, name, json!({"metadata": {"labels": labels}}))
            .await;
        self.apply(
            "FederatedNamespace",
            name,
            name,
            json!({"template": {}, "placement": {"clusterSelector": {}}}),
        )
        .await;
    }

    /// Writes a federated object's spec.
    pub(crate) async fn apply(&self, kind: &str, namespace: &str, name: &str, spec: Value) {
        let plural = format!("{}s", kind.to_lowercase());
        let api = self.federated(&plural, namespace);
        let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
        let exists = api.get_opt(name).await.unwrap().is_some();
        let written = if exists {
            api.patch(
                name,
                &PatchParams::default(),
                &Patch::Json::<()>(
                    serde_json::from_value(json!([{"op": "replace", "path": "/spec", "value": spec}]))
                        .unwrap(),
                ),
            )
            .await
        } else {
            api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await
        };
        written.unwrap();
    }

    pub(crate) fn federated(&self, plural: &str, namespace: &str) -> Api<FederatedObject> {
        let target = plural.strip_prefix("federated").unwrap();
        // Types that are not federated out of the box are not many here.
        let kind = default_types()
            .into_iter()
            .find(|t| t.target.plural_name == target)
            .map_or_else(|| "Gauge".to_owned(), |t| t.target.kind);
        let resource = ApiResource {
            group: "types.kubefed.io".to_owned(),
            version: "v1beta1".to_owned(),
            api_version: "types.kubefed.io/v1beta1".to_owned(),
            kind: format!("Federated{kind}"),
            plural: plural.to_owned(),
        };
        Api::namespaced_with(self.host.client(), namespace, &resource)
    }

    /// A member's objects of a kind.
    pub(crate) fn on(
        &self,
        member: &str,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Api<DynamicObject> {
        dynamic(
            &self.members[member].client(),
            api_version,
            kind,
            &format!("{}s", kind.to_lowercase()),
            namespace,
        )
    }

    pub(crate) async fn get(
        &self,
        member: &str,
        api_version: &str,
        kind: &str,
        key: &ObjectKey,
    ) -> Option<Value> {
        let object =
            self.on(member, api_version, kind, key.namespace.as_deref()).get_opt(&key.name).await.unwrap();
        object.map(|o| serde_json::to_value(o).unwrap())
    }

    /// A cluster's word in a federated object's status.
    pub(crate) async fn word(&self, plural: &str, namespace: &str, name: &str, cluster: &str) -> String {
        let Some(object) = self.federated(plural, namespace).get_opt(name).await.unwrap() else {
            return "gone".to_owned();
        };
        let status = object.status.unwrap_or_default();
        match status.clusters.iter().find(|c| c.name == cluster) {
            None => "-".to_owned(),
            Some(c) if c.held_by_mask == Some(true) => "held".to_owned(),
            Some(c) => c.status.clone().unwrap_or_default(),
        }
    }
}

/// Asks again and again until something is so; the servers have no event for "two of them agree".
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    while !so().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

/// Waits, by a watch, until an object is so. Answers how long it took.
pub(crate) async fn becomes<K>(
    what: &str,
    api: Api<K>,
    name: &str,
    so: impl Fn(Option<&K>) -> bool,
) -> Duration
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let start = Instant::now();
    let condition = await_condition(api.clone(), name, so);
    let Ok(ended) = tokio::time::timeout(PATIENCE, condition).await else {
        panic!("never: {what}; it is {:?}", api.get_opt(name).await);
    };
    ended.unwrap();
    start.elapsed()
}

/// What a federated object's status says of a cluster.
pub(crate) fn told<'a>(object: Option<&'a FederatedObject>, cluster: &str) -> Option<&'a ClusterStatus> {
    object?.status.as_ref()?.clusters.iter().find(|c| c.name == cluster)
}

/// Whether a federated object's status says, in a message with these words, that something is wrong in a cluster.
pub(crate) fn troubled(object: Option<&FederatedObject>, cluster: &str, words: &str) -> bool {
    told(object, cluster)
        .is_some_and(|c| c.status.is_some() && c.message.as_ref().is_some_and(|m| m.contains(words)))
}

/// Whether a federated object's status says that all is well in all clusters, and has seen the last change.
pub(crate) fn settled(object: Option<&FederatedObject>) -> bool {
    let Some(object) = object else { return false };
    object.status.as_ref().is_some_and(|s| {
        s.observed_generation == object.metadata.generation
            && s.conditions.iter().any(|c| c.type_ == "Propagation" && c.status == "True")
    })
}

/// Applies a definition, and waits until it is served.
pub(crate) async fn define(client: &Client, crd: &CustomResourceDefinition) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.metadata.name.clone().unwrap();
    api.patch(&name, &PatchParams::apply("test"), &Patch::Apply(crd)).await.unwrap();
    await_condition(api, &name, conditions::is_crd_established()).await.unwrap();
}

pub(crate) fn dynamic(
    client: &Client,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

pub(crate) async fn apply(
    client: &Client,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: Option<&str>,
    name: &str,
    body: Value,
) {
    let mut object = body;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    object["metadata"]["name"] = name.into();
    dynamic(client, api_version, kind, plural, namespace)
        .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object))
        .await
        .unwrap();
}

/// A token that may do everything on a server.
async fn token(client: &Client) -> String {
    apply(client, "v1", "ServiceAccount", "serviceaccounts", Some("kube-system"), "fedd", json!({})).await;
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "fedd", "namespace": "kube-system"}]});
    apply(
        client,
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        None,
        "fedd",
        binding,
    )
    .await;
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), "kube-system");
    let request: TokenRequest = serde_json::from_value(
        json!({"metadata": {}, "spec": {"expirationSeconds": 36000, "audiences": []}}),
    )
    .unwrap();
    let answer = api.create_token_request("fedd", &PostParams::default(), &request).await.unwrap();
    serde_json::to_value(answer).unwrap()["status"]["token"].as_str().unwrap().to_owned()
}
