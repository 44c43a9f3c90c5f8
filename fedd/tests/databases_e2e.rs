//! A release by cell with `fedd serve` on a database, which is killed in the middle of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use federation_model::Cell;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use serving::{Home, Member, becomes};
use testbed::{Database, DatabaseKind};

const BANK: &str = "bank-prod";
const OTHER: &str = "other-prod";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_by_cell_on_mariadb() {
    Box::pin(a_release_by_cell(DatabaseKind::MariaDb)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_by_cell_on_oceanbase() {
    Box::pin(a_release_by_cell(DatabaseKind::OceanBase)).await;
}

async fn a_release_by_cell(kind: DatabaseKind) {
    let database = Database::start(kind).await.unwrap();
    let home = Home::on(&database.url("fedd"));
    let serving = home.serve().await;
    let client = home.client().await;
    tenant(&client, BANK, "bank").await;
    tenant(&client, OTHER, "other").await;
    let theirs = ["--tenant", "other", "--workspace-group", "prod"];
    let (m1, m2, m3) = tokio::join!(
        home.joined("m1", &["bank-prod/rz00a"]),
        home.joined("m2", &["bank-prod/rz01a"]),
        home.joined_with("m3", &["other-prod/rz00a"], &theirs),
    );
    for (namespace, cell) in [(BANK, "rz00a"), (BANK, "rz01a"), (OTHER, "rz00a")] {
        let cells: Api<Cell> = Api::namespaced(client.clone(), namespace);
        becomes("the cell is ready", cells, cell, |cell| {
            let conditions = cell.status.iter().flat_map(|status| &status.conditions);
            conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
        })
        .await;
    }

    // Two tenants, one name.
    release(&client, BANK, "1", &["rz00a", "rz01a"], None).await.unwrap();
    release(&client, OTHER, "theirs", &["rz00a"], None).await.unwrap();
    runs(&m1, BANK, "1").await;
    runs(&m2, BANK, "1").await;
    runs(&m3, OTHER, "theirs").await;
    is_told(&client, &[("rz00a", false), ("rz01a", false)]).await;

    // Behind a mask, then with a wider one, though the database is killed in between.
    release(&client, BANK, "2", &["rz00a", "rz01a"], Some(&["rz00a"])).await.unwrap();
    runs(&m1, BANK, "2").await;
    is_told(&client, &[("rz00a", false), ("rz01a", true)]).await;
    assert_eq!(value_at(&m2, BANK).await.as_deref(), Some("1"), "it waits behind the mask");
    database.stop().await.unwrap();
    database.start_again().await.unwrap();
    release(&client, BANK, "2", &["rz00a", "rz01a"], Some(&["rz00a", "rz01a"])).await.unwrap();
    runs(&m2, BANK, "2").await;
    is_told(&client, &[("rz00a", false), ("rz01a", false)]).await;

    // Nothing crosses tenants.
    assert_eq!(value_at(&m3, OTHER).await.as_deref(), Some("theirs"));
    assert_eq!((value_at(&m3, BANK).await, value_at(&m1, OTHER).await), (None, None));
    let spy = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": "FederatedConfigMap",
        "metadata": {"name": "spy"},
        "spec": {"template": {"data": {}}, "placement": {"clusters": [{"name": "rz00a.other-prod"}]}}});
    let refused = federated(&client, "v1beta1", "FederatedConfigMap", BANK)
        .patch("spy", &PatchParams::apply("test"), &Patch::Apply(spy))
        .await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
    assert!(serving.terminated().await.success());
}

fn federated(client: &Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", version, kind);
    let plural = format!("{}s", kind.to_lowercase());
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk_with_plural(&gvk, &plural))
}

/// Makes a tenant's namespace, on all of its cells.
async fn tenant(client: &Client, namespace: &str, tenant: &str) {
    let labels = json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"});
    let object: Namespace =
        serde_json::from_value(json!({"metadata": {"name": namespace, "labels": labels}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
    let spec = json!({"topologyType": "cell", "template": {}, "placement": {"topologySelector": {}}});
    apply(client, "FederatedNamespace", namespace, namespace, spec).await.unwrap();
}

async fn apply(
    client: &Client,
    kind: &str,
    namespace: &str,
    name: &str,
    spec: Value,
) -> kube::Result<DynamicObject> {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta2", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec});
    let api = federated(client, "v1beta2", kind, namespace);
    api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await
}

/// Applies a ConfigMap by cell, behind a mask if there is to be one.
async fn release(
    client: &Client,
    namespace: &str,
    value: &str,
    cells: &[&str],
    mask: Option<&[&str]>,
) -> kube::Result<DynamicObject> {
    let named = |cells: &[&str]| -> Value { cells.iter().map(|name| json!({"name": name})).collect() };
    let mut spec = json!({"topologyType": "cell", "template": {"data": {"k": value}},
        "placement": {"topologies": named(cells)}});
    if let Some(mask) = mask {
        spec["placementMask"] = json!({"topologies": named(mask)});
    }
    apply(client, "FederatedConfigMap", namespace, "web", spec).await
}

/// Waits until the status says of exactly these cells whether they wait behind the mask.
async fn is_told(client: &Client, cells: &[(&str, bool)]) {
    let api = federated(client, "v1beta2", "FederatedConfigMap", BANK);
    becomes("the status tells of each cell", api, "web", |object| {
        let status = &object.data["status"];
        let lines = status["topologies"].as_array().into_iter().flatten();
        let told = lines.map(|line| (line["name"].as_str().unwrap(), line["heldByMask"] == true));
        status["observedGeneration"].as_i64() == object.metadata.generation && told.eq(cells.iter().copied())
    })
    .await;
}

async fn runs(member: &Member, namespace: &str, value: &str) {
    let config_maps: Api<ConfigMap> = Api::namespaced(member.client.clone(), namespace);
    let what = format!("it has {value} in {namespace}");
    becomes(&what, config_maps, "web", |map| map.data.as_ref().is_some_and(|data| data["k"] == value)).await;
}

async fn value_at(member: &Member, namespace: &str) -> Option<String> {
    let config_maps: Api<ConfigMap> = Api::namespaced(member.client.clone(), namespace);
    config_maps.get_opt("web").await.unwrap().map(|map| map.data.unwrap()["k"].clone())
}
