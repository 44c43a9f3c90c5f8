//! The webhook, in this process, before a real API server: both forms of an object, refusals, its absence, and the
//! rotation of its certificates under load.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fedd::apply::{apply, apply_definitions};
use fedd::manifest::{Federation, Manifest, choose_types};
use fedd::webhook::address::WebhookAddress;
use fedd::webhook::certificate::{
    CertificateKeeper, CurrentCertificate, Lifetimes, SECRET_NAME, SharedAuthorities,
};
use fedd::webhook::{Limits, WebhookOptions};
use federation_model::{
    Cell, ConversionWebhook, FederatedKind, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, Settings,
    TopologyType, default_types, federated_crd, type_config,
};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Client, Resource, ResourceExt as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// More than anything here takes on two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);
const FEDERATION: &str = "kube-federation-system";
const BANK: &str = "bank-prod";

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("not within {} s: {what}", PATIENCE.as_secs());
    };
    done
}

/// An API server with a federation, and what a webhook on it needs. Two tenants: `bank-prod`, with cells on the shared
/// cluster m1, and `other-prod`, with a cluster of its own.
struct Host {
    server: ApiServer,
    client: Client,
    options: WebhookOptions,
}

/// A webhook that runs in this process.
struct Webhook {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Webhook {
    async fn stop(self) {
        self.stop.cancel();
        within("the webhook ends", self.task).await.unwrap().unwrap();
    }
}

impl Host {
    async fn start(lifetimes: Lifetimes) -> Self {
        let testbed = Testbed::start().await.unwrap();
        let server = testbed.api_server("host").await.unwrap();
        let client = server.client();
        let types = choose_types(Some(&["configmaps".to_owned()])).unwrap();
        let federation = Federation::new(FEDERATION, &types, true).unwrap();
        apply_definitions(&client, &federation.definitions, false, |_, _| Ok(())).await.unwrap();
        for object in [&federation.namespace, &federation.config].into_iter().chain(&federation.types) {
            apply(&client, object, false).await.unwrap();
        }
        // A port that is free now: the API server has to know it before it is listened on.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = WebhookAddress::Url(format!("https://{listen}").parse().unwrap());
        let namespace = FEDERATION.to_owned();
        let limits = Limits::default();
        let options = WebhookOptions { listen, address, cert_dir: None, lifetimes, namespace, limits };
        Self { server, client, options }
    }

    async fn webhook(&self) -> Webhook {
        let (stop, ready) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let run = fedd::webhook::run(
            self.client.clone(),
            self.options.clone(),
            Settings::default(),
            stop.clone(),
            ready.clone(),
        );
        let task = tokio::spawn(run);
        within("the webhook is ready", async {
            while !ready.load(Ordering::Acquire) {
                assert!(!task.is_finished(), "the webhook ended");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        Webhook { stop, task }
    }

    async fn create<K>(&self, object: Value) -> kube::Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + DeserializeOwned
            + serde::Serialize
            + Clone
            + std::fmt::Debug,
    {
        let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await
    }

    /// The two tenants.
    async fn tenants(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for (name, tenant) in [(BANK, "bank"), ("other-prod", "other")] {
            let namespace = json!({"metadata": {"name": name, "labels": scope(tenant)}});
            namespaces
                .create(&PostParams::default(), &serde_json::from_value(namespace).unwrap())
                .await
                .unwrap();
        }
        for (name, labels) in [("m1", json!({})), ("theirs", scope("other"))] {
            let cluster = json!({"metadata": {"name": name, "namespace": FEDERATION, "labels": labels},
                "spec": {"apiEndpoint": "https://m1:6443", "secretRef": {"name": "m1"}}});
            self.create::<KubeFedCluster>(cluster).await.unwrap();
        }
        for cell in ["rz00a", "rz01a"] {
            let cell: Cell = self.create(cell_of(cell, "m1")).await.unwrap();
            // What the controllers make of it.
            let cluster = json!({"metadata": {"name": cell.cluster_object_name(), "namespace": FEDERATION, "labels": scope("bank"),
                "annotations": {"fedd.io/access-of": "m1"}},
                "spec": {"apiEndpoint": "https://m1:6443", "secretRef": {"name": "m1"}}});
            self.create::<KubeFedCluster>(cluster).await.unwrap();
        }
    }

    fn by_cell(&self) -> Api<DynamicObject> {
        federated(&self.client, "v1beta2", BANK)
    }

    fn by_cluster(&self) -> Api<DynamicObject> {
        federated(&self.client, "v1beta1", BANK)
    }
}

fn scope(tenant: &str) -> Value {
    json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"})
}

fn cell_of(name: &str, cluster: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": BANK}, "spec": {"clusterName": cluster}})
}

fn federated(client: &Client, version: &str, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", version, "FederatedConfigMap");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatedconfigmaps");
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn object(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("types.kubefed.io/{version}"), "kind": "FederatedConfigMap",
           "metadata": {"name": name, "namespace": BANK}, "spec": spec})
}

/// By cell: on these cells, with this data.
fn cells(name: &str, cells: &[&str], data: Value) -> Value {
    let topologies: Vec<_> = cells.iter().map(|cell| json!({"name": cell})).collect();
    let spec =
        json!({"topologyType": "cell", "placement": {"topologies": topologies}, "template": {"data": data}});
    object("v1beta2", name, spec)
}

async fn create(api: &Api<DynamicObject>, object: Value) -> kube::Result<Value> {
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.map(value)
}

fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

async fn get(api: &Api<DynamicObject>, name: &str) -> Value {
    value(api.get(name).await.unwrap())
}

async fn merge(api: &Api<DynamicObject>, name: &str, patch: Value) -> kube::Result<Value> {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(value)
}

async fn apply_as(api: &Api<DynamicObject>, manager: &str, object: Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    value(api.patch(&name, &PatchParams::apply(manager), &Patch::Apply(&object)).await.unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// The message of a refusal, without what the API server puts before it.
fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> String {
    match result {
        Err(kube::Error::Api(status)) => {
            let (_, message) = status
                .message
                .split_once("denied the request: ")
                .unwrap_or_else(|| panic!("not refused by a webhook: {}", status.message));
            assert_eq!(status.code, 403, "{message}");
            message.to_owned()
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_one_in_both_forms() {
    let host = Host::start(Lifetimes::default()).await;
    let webhook = host.webhook().await;
    host.tenants().await;
    let (by_cell, by_cluster) = (host.by_cell(), host.by_cluster());

    // Written by cell, it is initialised, and reads by cluster.
    let mut written = cells("web", &["rz00a", "rz01a"], json!({"k": "v"}));
    written["spec"]["placementMask"] = json!({"topologies": [{"name": "rz00a"}]});
    written["spec"]["overrides"] =
        json!([{"topologyName": "rz01a", "topologyOverrides": [{"path": "/data/k", "value": "w"}]}]);
    let created = create(&by_cell, written).await.unwrap();
    assert_eq!(created["metadata"]["labels"], scope("bank"));
    assert_eq!(created["metadata"]["finalizers"], json!(["kubefed.io/sync-controller"]));
    let stored = get(&by_cluster, "web").await;
    assert_eq!(
        stored["spec"],
        json!({
            "placement": {"clusters": [{"name": "rz00a.bank-prod"}, {"name": "rz01a.bank-prod"}]},
            "placementMask": {"clusters": [{"name": "rz00a.bank-prod"}]},
            "overrides": [{"clusterName": "rz01a.bank-prod", "clusterOverrides": [{"path": "/data/k", "value": "w"}]}],
            "template": {"data": {"k": "v"}},
        })
    );
    let untyped = object(
        "v1beta2",
        "untyped",
        json!({"template": {}, "placement": {"topologies": [{"name": "rz00a.bank-prod"}]}}),
    );
    assert_eq!(create(&by_cell, untyped).await.unwrap()["spec"]["topologyType"], "cluster");

    two_managers(&by_cell, &by_cluster).await;
    status_and_watch(&by_cell, &by_cluster).await;

    // Patches of each kind, in each form, change what they say and nothing else.
    merge(&by_cell, "web", json!({"spec": {"placementMask": {"topologies": [{"name": "rz01a"}]}}}))
        .await
        .unwrap();
    let operations =
        serde_json::from_value(json!([{"op": "add", "path": "/spec/template/data/n", "value": "1"}]))
            .unwrap();
    by_cluster.patch("web", &PatchParams::default(), &Patch::<()>::Json(operations)).await.unwrap();
    let mut now = get(&by_cell, "web").await;
    assert_eq!(now["spec"]["placementMask"], json!({"topologies": [{"name": "rz01a"}]}));
    assert_eq!(now["spec"]["template"]["data"], json!({"k": "v", "n": "1"}));
    assert_eq!(names(&now["spec"]["placement"]["topologies"]), ["rz00a", "rz01a"]);

    // A read and a write of what was read change nothing, not even the generation.
    let generation = now["metadata"]["generation"].clone();
    now["metadata"].as_object_mut().unwrap().remove("managedFields");
    let replaced = serde_json::from_value(now).unwrap();
    let replaced = value(by_cell.replace("web", &PostParams::default(), &replaced).await.unwrap());
    assert_eq!(replaced["metadata"]["generation"], generation);

    // Listed in each form.
    assert_eq!(by_cell.list(&ListParams::default()).await.unwrap().items.len(), 3);
    assert_eq!(by_cluster.list(&ListParams::default()).await.unwrap().items.len(), 3);
    webhook.stop().await;
    drop(host.server);
}

/// Server-side apply by two managers, each in its own form: what one owns the other neither takes nor loses.
async fn two_managers(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    apply_as(by_cell, "team", cells("shared", &["rz00a"], json!({"a": "1"}))).await;
    let theirs = json!({"placement": {"clusters": [{"name": "rz01a.bank-prod"}]}, "template": {"data": {"b": "2"}},
        "overrides": [{"clusterName": "rz00a.bank-prod", "clusterOverrides": [{"path": "/data/a", "value": "3"}]}]});
    apply_as(by_cluster, "platform", object("v1beta1", "shared", theirs.clone())).await;
    let both = get(by_cell, "shared").await;
    assert_eq!(names(&both["spec"]["placement"]["topologies"]), ["rz00a", "rz01a"]);
    assert_eq!(both["spec"]["template"]["data"], json!({"a": "1", "b": "2"}));
    assert_eq!(both["spec"]["overrides"][0]["topologyName"], "rz00a");

    // Each applies again: the first takes its cell back, and nothing of the second's goes.
    apply_as(by_cell, "team", cells("shared", &[], json!({"a": "2"}))).await;
    let one = get(by_cluster, "shared").await;
    assert_eq!(names(&one["spec"]["placement"]["clusters"]), ["rz01a.bank-prod"]);
    assert_eq!(one["spec"]["template"]["data"], json!({"a": "2", "b": "2"}));
    apply_as(by_cluster, "platform", object("v1beta1", "shared", theirs)).await;
    let again = get(by_cluster, "shared").await;
    assert_eq!(again["spec"], one["spec"]);
    let managers: BTreeSet<_> = again["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["operation"] == "Apply")
        .map(|entry| (entry["manager"].as_str().unwrap(), entry["apiVersion"].as_str().unwrap()))
        .collect();
    let expected = [("platform", "types.kubefed.io/v1beta1"), ("team", "types.kubefed.io/v1beta2")];
    assert_eq!(managers, BTreeSet::from(expected));
}

/// A watch in one form tells what is written in the other; the engine's status is by cell too.
async fn status_and_watch(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    let params = WatchParams::default().fields("metadata.name=web");
    let version = by_cluster.get("web").await.unwrap().resource_version().unwrap();
    let mut seen_by_cell = by_cell.watch(&params, &version).await.unwrap().boxed();
    let mut seen_by_cluster = by_cluster.watch(&params, &version).await.unwrap().boxed();

    let status = json!({"status": {"clusters": [{"name": "rz00a.bank-prod", "revision": "aa"}]}});
    by_cluster.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let event = next(&mut seen_by_cell).await;
    assert_eq!(event["status"]["topologies"], json!([{"name": "rz00a", "revision": "aa"}]));
    assert_eq!(event["apiVersion"], "types.kubefed.io/v1beta2");
    assert_eq!(next(&mut seen_by_cluster).await["status"]["clusters"][0]["name"], "rz00a.bank-prod");

    merge(by_cell, "web", json!({"metadata": {"annotations": {"who": "cell"}}})).await.unwrap();
    let event = next(&mut seen_by_cluster).await;
    assert_eq!(event["metadata"]["annotations"]["who"], "cell");
    assert_eq!(names(&event["spec"]["placement"]["clusters"]), ["rz00a.bank-prod", "rz01a.bank-prod"]);
    merge(by_cluster, "web", json!({"metadata": {"annotations": {"who": "cluster"}}})).await.unwrap();
    let events = [next(&mut seen_by_cell).await, next(&mut seen_by_cell).await];
    assert_eq!(events.map(|e| e["metadata"]["annotations"]["who"].clone()), ["cell", "cluster"]);
}

async fn next<S>(events: &mut S) -> Value
where
    S: futures::Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + Unpin,
{
    match within("a watch event", events.try_next()).await.unwrap() {
        Some(WatchEvent::Modified(object)) => value(object),
        other => panic!("not a change: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_which_field_and_what_to_write() {
    let mut host = Host::start(Lifetimes::default()).await;
    host.options.limits.body = 256 * 1024;
    let webhook = host.webhook().await;
    host.tenants().await;
    requests_that_are_none(&host).await;
    federated_refusals(&host).await;
    other_refusals(&host).await;
    cells_that_hold_something(&host).await;
    federated_types_of_another_group(&host).await;

    // A KubeFedConfig that says next to nothing gets its defaults, as from KubeFed's webhook.
    let config =
        json!({"metadata": {"name": "second", "namespace": FEDERATION}, "spec": {"scope": "Cluster"}});
    let config: KubeFedConfig = host.create(config).await.unwrap();
    assert!(config.spec.cluster_health_check.is_some() && config.spec.leader_elect.is_some());

    // A declared type counts as soon as it is there, and its names convert.
    let zone = json!({"metadata": {"name": "zone"}, "spec": {"clusterNameTemplate": "zone-{name}"}});
    let types: Api<TopologyType> = Api::all(host.client.clone());
    types.create(&PostParams::default(), &serde_json::from_value(zone).unwrap()).await.unwrap();
    let by_zone = object(
        "v1beta2",
        "zoned",
        json!({"topologyType": "zone", "template": {}, "placement": {"topologies": [{"name": "a"}]}}),
    );
    within("the type is known", async {
        while create(&host.by_cell(), by_zone.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let stored = get(&host.by_cluster(), "zoned").await;
    assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["zone-a"]);
    webhook.stop().await;
    drop(host.server);
}

/// What no API server sends is told apart by its HTTP status, over a connection that trusts the registered authority.
async fn requests_that_are_none(host: &Host) {
    let WebhookAddress::Url(url) = &host.options.address else { panic!("a URL") };
    let bundle = bundle_of(&host.client).await;
    let roots = CertificateDer::pem_slice_iter(&bundle).map(|der| der.unwrap().to_vec()).collect();
    let mut config = kube::Config::new(url.to_string().parse().unwrap());
    config.root_cert = Some(roots);
    let direct = Client::try_from(config).unwrap();
    let get = |path: &str| http::Request::get(path).body(Vec::new()).unwrap();
    let post = |path: &str, body: Vec<u8>| http::Request::post(path).body(body).unwrap();
    assert_eq!(direct.request_text(get("/readyz")).await.unwrap(), "ok");
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).to_string().into_bytes();
    for (request, status) in [
        (post("/validate-cell", b"{".to_vec()), 400),
        (post("/validate-cell", review), 400),
        (post("/convert", b"nonsense".to_vec()), 400),
        (post("/convert", vec![b' '; 300 * 1024]), 413),
        (get("/convert"), 405),
        (get("/else"), 404),
    ] {
        let asked = format!("{} {}", request.method(), request.uri());
        match direct.request_text(request).await {
            Err(kube::Error::Api(answer)) => assert_eq!(answer.code, status, "{asked}"),
            other => panic!("{asked}: {other:?}"),
        }
    }
}

async fn federated_refusals(host: &Host) {
    let (by_cell, by_cluster) = (host.by_cell(), host.by_cluster());
    let by_cell_spec = |extra: Value| {
        let mut spec = json!({"topologyType": "cell", "template": {}});
        json_merge(&mut spec, extra);
        object("v1beta2", "bad", spec)
    };
    let identity =
        json!([{"topologyName": "rz00a", "topologyOverrides": [{"path": "/metadata", "value": {}}]}]);
    let twice = json!({"topologies": [{"name": "rz00a"}, {"name": "a.b"}]});
    for (bad, expected) in [
        (
            by_cell_spec(json!({"topologyType": "rack"})),
            &["spec.topologyType: ", "write cell or cluster"][..],
        ),
        (by_cell_spec(json!({"template": null})), &["spec.template: is required"]),
        (by_cell_spec(json!({"overrides": identity})), &["spec.overrides[0].topologyOverrides[0].path: "]),
        (by_cell_spec(json!({"placement": twice})), &["spec.placement.topologies[1].name: ", "cell"]),
        (
            by_cell_spec(json!({"placement": {"topologies": [{"name": "cluster/theirs"}]}})),
            &["spec.placement.topologies[0].name: "],
        ),
    ] {
        let message = refusal(create(&by_cell, bad).await);
        for part in expected {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
        assert!(!message.contains("other"), "it tells nobody whose a cluster is: {message}");
    }
    // What the schema can say, the API server says.
    let unmasked =
        create(&by_cell, by_cell_spec(json!({"placementMask": {}}))).await.unwrap_err().to_string();
    assert!(unmasked.contains("spec.placementMask.topologies: Required"), "{unmasked}");
    // In the other form, the other form's words.
    let theirs =
        object("v1beta1", "bad", json!({"template": {}, "placement": {"clusters": [{"name": "theirs"}]}}));
    assert!(refusal(create(&by_cluster, theirs).await).starts_with("spec.placement.clusters[0].name: "));
    // Every finding at once, a line each.
    let two = by_cell_spec(json!({"topologyType": "rack", "overrides": identity}));
    assert_eq!(refusal(create(&by_cell, two).await).lines().count(), 2);
    // Fields of the other form: with strict validation, which is kubectl's, the API server refuses them; without, it drops
    // them before anybody else sees them, and what is left places nothing.
    let mixed = by_cell_spec(json!({"placement": {"clusters": [{"name": "m1"}]}}));
    let strict = PatchParams::apply("team").validation_strict();
    let error = by_cell.patch("bad", &strict, &Patch::Apply(&mixed)).await.unwrap_err().to_string();
    assert!(error.contains(".spec.placement.clusters"), "{error}");
    assert_eq!(create(&by_cell, mixed).await.unwrap()["spec"]["placement"], json!({}));
    by_cell.delete("bad", &DeleteParams::default()).await.unwrap();
    // A scope is final; and a dry run is judged, and leaves nothing.
    create(&by_cell, cells("scoped", &["rz00a"], json!({}))).await.unwrap();
    let relabelled =
        merge(&by_cell, "scoped", json!({"metadata": {"labels": {"fedd.io/tenant": "other"}}})).await;
    assert!(refusal(relabelled).contains("metadata.labels[fedd.io/tenant]: "));
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let object: DynamicObject = serde_json::from_value(cells("dry", &["rz00a"], json!({}))).unwrap();
    assert_eq!(by_cell.create(&dry_run, &object).await.unwrap().labels().len(), 2);
    assert!(by_cell.get_opt("dry").await.unwrap().is_none());
}

fn json_merge(into: &mut Value, from: Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

async fn other_refusals(host: &Host) {
    let cluster = json!({"metadata": {"name": "bad", "namespace": FEDERATION},
        "spec": {"apiEndpoint": "ftp://m1", "secretRef": {"name": "m1"}}});
    assert!(refusal(host.create::<KubeFedCluster>(cluster).await).starts_with("spec.apiEndpoint: "));
    let config = json!({"metadata": {"name": "wrong", "namespace": FEDERATION}, "spec": {
        "targetType": {"version": "v1", "kind": "Secret", "pluralName": "secrets", "scope": "Namespaced"},
        "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": "FederatedSecret", "pluralName": "federatedsecrets", "scope": "Namespaced"},
        "propagation": "Enabled", "propagatingAnnotations": ["a", "!"]}});
    let message = refusal(host.create::<FederatedTypeConfig>(config).await);
    assert!(message.contains("metadata.name: ") || message.contains("name must be"), "{message}");
    assert!(message.contains("spec.propagatingAnnotations[1]: "), "{message}");
    let configs: Api<KubeFedConfig> = Api::namespaced(host.client.clone(), FEDERATION);
    let rescoped = json!({"spec": {"scope": "Namespaced"}});
    let rescoped = configs.patch("kubefed", &PatchParams::default(), &Patch::Merge(&rescoped)).await;
    assert!(refusal(rescoped).starts_with("spec.scope: "));
    let types: Api<TopologyType> = Api::all(host.client.clone());
    let bad = json!({"metadata": {"name": "bad"}, "spec": {"clusterNameTemplate": "x"}});
    let bad = types.create(&PostParams::default(), &serde_json::from_value(bad).unwrap()).await;
    assert!(refusal(bad).starts_with("spec.clusterNameTemplate: "));
    assert!(refusal(host.create::<Cell>(cell_of("rz09", "theirs")).await).starts_with("spec.clusterName: "));
}

/// A cell that something is placed on stays, whichever way its deletion is asked for.
async fn cells_that_hold_something(host: &Host) {
    let cell_api: Api<Cell> = Api::namespaced(host.client.clone(), BANK);
    create(&host.by_cell(), cells("held", &["rz01a"], json!({}))).await.unwrap();
    // It is placed where its namespace is.
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta2", "FederatedNamespace");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatednamespaces");
    let namespaces = Api::namespaced_with(host.client.clone(), BANK, &resource);
    let namespace = json!({"apiVersion": "types.kubefed.io/v1beta2", "kind": "FederatedNamespace",
        "metadata": {"name": BANK, "namespace": BANK},
        "spec": {"topologyType": "cell", "placement": {"topologySelector": {}}}});
    create(&namespaces, namespace).await.unwrap();
    let message = refusal(cell_api.delete("rz01a", &DeleteParams::default()).await);
    assert!(message.contains("FederatedConfigMap bank-prod/held"), "{message}");
    assert!(message.contains("take the cell out"), "{message}");
    // A deletion of them all, which a deletion of the namespace is too, asks about each.
    let all = cell_api.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    assert!(refusal(all).contains("still holds"));
    assert!(cell_api.get_opt("rz01a").await.unwrap().is_some());
    // Taken out of the placement, it is free once the status says that it holds nothing more.
    let out = json!({"spec": {"placement": {"topologies": []}}});
    merge(&host.by_cell(), "held", out).await.unwrap();
    merge(&namespaces, BANK, json!({"spec": {"placement": {"topologySelector": null}}})).await.unwrap();
    let there = json!({"status": {"clusters": [{"name": "rz01a.bank-prod", "status": "WaitingForRemoval"}]}});
    host.by_cluster().patch_status("held", &PatchParams::default(), &Patch::Merge(&there)).await.unwrap();
    refusal(cell_api.delete("rz01a", &DeleteParams::default()).await);
    let gone = json!({"status": {"clusters": null}});
    host.by_cluster().patch_status("held", &PatchParams::default(), &Patch::Merge(&gone)).await.unwrap();
    cell_api.delete("rz01a", &DeleteParams::default()).await.unwrap();
}

/// A type config may name any group: what it names is judged and converted as the rest, as soon as it is there; and what
/// it named stays readable in both forms when it is gone.
async fn federated_types_of_another_group(host: &Host) {
    let secrets = default_types().into_iter().find(|t| t.target.kind == "Secret").unwrap();
    let mut config = type_config(&secrets.target, FEDERATION);
    "types.example.com".clone_into(&mut config.spec.federated_type.group);
    let definition = federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::Pending);
    apply_definitions(&host.client, &[Manifest::of(&definition).unwrap()], false, |_, _| Ok(()))
        .await
        .unwrap();
    let api = |version: &str| -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("types.example.com", version, "FederatedSecret");
        let resource = ApiResource::from_gvk_with_plural(&kind, "federatedsecrets");
        Api::namespaced_with(host.client.clone(), BANK, &resource)
    };
    let secret = |version: &str, spec: Value| -> DynamicObject {
        let object = json!({"apiVersion": format!("types.example.com/{version}"), "kind": "FederatedSecret",
            "metadata": {"name": "s", "namespace": BANK}, "spec": spec});
        serde_json::from_value(object).unwrap()
    };
    host.create::<FederatedTypeConfig>(serde_json::to_value(&config).unwrap()).await.unwrap();

    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let token = secret("v1beta1", json!({"template": {"type": "kubernetes.io/service-account-token"}}));
    let message = within("it is judged", async {
        loop {
            match api("v1beta1").create(&dry_run, &token).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                refused => break refusal(refused),
            }
        }
    })
    .await;
    assert!(message.starts_with("spec.template.type: "), "{message}");
    let by_cell = secret(
        "v1beta2",
        json!({"topologyType": "cell", "template": {}, "placement": {"topologies": [{"name": "rz00a"}]}}),
    );
    let created = value(api("v1beta2").create(&PostParams::default(), &by_cell).await.unwrap());
    assert_eq!(created["metadata"]["labels"], scope("bank"));
    assert_eq!(created["metadata"]["finalizers"], json!(["kubefed.io/sync-controller"]));
    let stored = get(&api("v1beta1"), "s").await;
    assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["rz00a.bank-prod"]);

    let configs: Api<FederatedTypeConfig> = Api::namespaced(host.client.clone(), FEDERATION);
    configs.delete("secrets", &DeleteParams::default()).await.unwrap();
    within("it is judged no more", async {
        while api("v1beta1")
            .patch(
                "s",
                &PatchParams { dry_run: true, ..PatchParams::default() },
                &Patch::Merge(json!({"spec": {"placement": {"clusters": [{"name": "A_b"}]}}})),
            )
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(names(&get(&api("v1beta2"), "s").await["spec"]["placement"]["topologies"]), ["rz00a"]);
}

/// While no webhook answers: the stored form can be read and watched, its status written, and objects that are being
/// deleted can go. New and changed objects are refused, since nobody could judge them; the topology form cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_webhook_the_stored_form_is_readable_and_nothing_unjudged_is_written() {
    let host = Host::start(Lifetimes::default()).await;
    let webhook = host.webhook().await;
    host.tenants().await;
    let (by_cell, by_cluster) = (host.by_cell(), host.by_cluster());
    apply_as(&by_cell, "team", cells("web", &["rz00a"], json!({"k": "v"}))).await;
    let bundle = bundle_of(&host.client).await;
    webhook.stop().await;

    let stored = get(&by_cluster, "web").await;
    assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["rz00a.bank-prod"]);
    let version = stored["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut seen = by_cluster.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let status = json!({"status": {"clusters": [{"name": "rz00a.bank-prod", "revision": "aa"}]}});
    by_cluster.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    assert_eq!(next(&mut seen).await["status"]["clusters"][0]["revision"], "aa");

    for unanswered in [
        by_cell.get("web").await,
        by_cluster
            .patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"placement": null}})))
            .await,
    ] {
        let error = unanswered.unwrap_err().to_string();
        assert!(error.contains("webhook"), "{error}");
    }
    let new = object("v1beta1", "new", json!({"template": {}}));
    assert!(create(&by_cluster, new.clone()).await.unwrap_err().to_string().contains("webhook"));

    // A namespace is emptied in the version that the API server prefers, the topology form's.
    let _controllers = host.server.controller_manager(&["namespace-controller"]).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(host.client.clone());
    namespaces.delete(BANK, &DeleteParams::default()).await.unwrap();
    let waits = |namespace: Option<&Namespace>| {
        let conditions = namespace.and_then(|n| n.status.as_ref()?.conditions.as_ref()).into_iter().flatten();
        conditions.into_iter().any(|c| {
            c.type_ == "NamespaceDeletionContentFailure"
                && c.status == "True"
                && c.message.as_ref().is_some_and(|m| m.contains("conversion webhook"))
        })
    };
    within("the namespace waits", await_condition(namespaces.clone(), BANK, waits)).await.unwrap();

    // The engine takes its finalizer off.
    by_cluster.delete("web", &DeleteParams::default()).await.unwrap();
    merge(&by_cluster, "web", json!({"metadata": {"finalizers": null}})).await.unwrap();
    assert!(by_cluster.get_opt("web").await.unwrap().is_none());

    // Back, with the authority that it had, so that nothing needs to be registered anew.
    let webhook = host.webhook().await;
    within("the namespace goes", await_condition(namespaces, BANK, |n: Option<&Namespace>| n.is_none()))
        .await
        .unwrap();
    let mut elsewhere = new;
    elsewhere["metadata"]["namespace"] = json!("other-prod");
    create(&federated(&host.client, "v1beta1", "other-prod"), elsewhere).await.unwrap();
    let read = federated(&host.client, "v1beta2", "other-prod");
    assert_eq!(get(&read, "new").await["apiVersion"], "types.kubefed.io/v1beta2");
    assert_eq!(bundle_of(&host.client).await, bundle);
    webhook.stop().await;
    drop(host.server);
}

/// What the API server holds the webhook's certificate against.
async fn bundle_of(client: &Client) -> Vec<u8> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = definitions.get("federatedconfigmaps.types.kubefed.io").await.unwrap();
    let client_config = definition.spec.conversion.unwrap().webhook.unwrap().client_config.unwrap();
    client_config.ca_bundle.unwrap().0
}

/// Lives that are seconds long: three generations of authorities while requests, each of which needs a conversion and
/// an admission, come without a pause. None may fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_rotate_while_requests_go_on() {
    let seconds = Duration::from_secs;
    let lifetimes = Lifetimes {
        authority: seconds(20),
        authority_renewal: seconds(10),
        leaf: seconds(5),
        leaf_renewal: seconds(2),
        lead: seconds(5),
    };
    let host = Host::start(lifetimes).await;
    let webhook = host.webhook().await;
    host.tenants().await;
    create(&host.by_cell(), cells("web", &["rz00a"], json!({"n": "0"}))).await.unwrap();

    let mut bundles = BTreeSet::new();
    let mut requests = 0;
    within("two rotations", async {
        // The first authority, the first and the second, the second, the second and the third, the third.
        while bundles.len() < 5 {
            requests += 1;
            let patch = json!({"spec": {"template": {"data": {"n": requests.to_string()}}}});
            let written = merge(&host.by_cell(), "web", patch).await.unwrap();
            assert_eq!(names(&written["spec"]["placement"]["topologies"]), ["rz00a"]);
            bundles.insert(bundle_of(&host.client).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(requests > 50, "only {requests} requests: the rotation was not under load");

    // Another replica shares the authorities.
    let (bundle, shared) = watch::channel(None);
    let mut second = CertificateKeeper::new(
        SharedAuthorities::new(host.client.clone(), FEDERATION),
        host.options.address.certificate_names(),
        lifetimes,
        Arc::new(CurrentCertificate::default()),
        bundle,
    );
    second.start(&CancellationToken::new()).await;
    let secrets: Api<Secret> = Api::namespaced(host.client.clone(), FEDERATION);
    let secret = secrets.get(SECRET_NAME).await.unwrap();
    assert_eq!(*shared.borrow(), Some(secret.data.as_ref().unwrap()["ca.crt"].0.clone()));

    // A Secret that somebody deletes comes back with what is in use.
    secrets.delete(SECRET_NAME, &DeleteParams::default()).await.unwrap();
    within("the Secret is back", async {
        while secrets.get_opt(SECRET_NAME).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    merge(&host.by_cell(), "web", json!({"spec": {"template": {"data": {"n": "last"}}}})).await.unwrap();

    // A registration that somebody takes away comes back too.
    let configurations: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(host.client.clone());
    configurations.delete("validations.core.kubefed.io", &DeleteParams::default()).await.unwrap();
    within("the registration is back", async {
        while configurations.get_opt("validations.core.kubefed.io").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    webhook.stop().await;
    drop(host.server);
}
