//! The file of `fedd serve` is handed over to kine and a stock kube-apiserver, and taken back: federated objects are there in
//! both forms.
//!
//! The kube-apiserver stores JSON (`--storage-media-type`): that is what the embedded one reads of built-in kinds. It writes
//! definitions in `apiextensions.k8s.io/v1beta1`, which the embedded one does not read: the way back is open as long as
//! no definition was changed there.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::path::Path;

use fedd::embedded::{Embedded, EmbeddedOptions, Opened, Storage};
use fedd::federation::choose_types;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use process::Daemon;
use serde_json::{Value, json};
use testbed::{ApiServer, ApiServerOptions, Testbed};

const FORMS: [&str; 2] = ["v1beta1", "v1beta2"];

async fn embedded(file: &Path) -> Embedded {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Opened { store, secrets, .. } = Storage::file(file.to_owned()).open().await.unwrap();
    let options = EmbeddedOptions {
        types: choose_types(Some(&["configmaps".to_owned()])).unwrap(),
        ..EmbeddedOptions::new(store, secrets)
    };
    Embedded::start(options).await.unwrap()
}

fn api(client: &Client, form: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", form, "FederatedConfigMap");
    let resource = ApiResource::from_gvk_with_plural(&gvk, "federatedconfigmaps");
    Api::namespaced_with(client.clone(), "app", &resource)
}

fn object(form: &str, name: &str, spec: Value) -> DynamicObject {
    let object = json!({"apiVersion": format!("types.kubefed.io/{form}"), "kind": "FederatedConfigMap",
        "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn by_cluster(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": [{"name": "rz00a.app"}]}})
}

fn by_cell(value: &str) -> Value {
    json!({"topologyType": "cell", "template": {"data": {"k": value}}, "placement": {"topologies": [{"name": "rz00a"}]},
        "overrides": [{"topologyName": "rz00a", "topologyOverrides": [{"path": "/data/k", "value": "w"}]}]})
}

/// Uid, version and spec of every object, by form and name.
async fn everything(client: &Client) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for form in FORMS {
        for one in api(client, form).list(&ListParams::default()).await.unwrap() {
            let metadata = &one.metadata;
            let told = json!([metadata.uid, metadata.resource_version, one.data["spec"]]);
            all.insert((form.to_owned(), metadata.name.clone().unwrap()), told);
        }
    }
    all
}

/// A file with ten objects, five made in each form, and what it holds.
async fn written(file: &Path) -> BTreeMap<(String, String), Value> {
    let server = embedded(file).await;
    let client = server.client().clone();
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    for number in 0..10 {
        let (form, spec) =
            if number % 2 == 0 { ("v1beta1", by_cluster("ours")) } else { ("v1beta2", by_cell("ours")) };
        let object = object(form, &format!("o{number}"), spec);
        api(&client, form).create(&PostParams::default(), &object).await.unwrap();
    }
    let ours = everything(&client).await;
    assert_eq!(ours.len(), 20);
    server.stop().await;
    ours
}

async fn successor(testbed: &Testbed, file: &Path) -> ApiServer {
    let flags = vec!["--storage-media-type=application/json".to_owned()];
    let options = ApiServerOptions { sqlite: Some(file.to_owned()), flags, ..ApiServerOptions::default() };
    testbed.api_server_with("successor", options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_api_server_has_federated_objects_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedd.db");
    let ours = written(&file).await;
    let testbed = Testbed::start().await.unwrap();
    let stock = successor(&testbed, &file).await;
    // There, conversion is by webhook: it puts itself into the definitions.
    let _webhooks = Daemon::start(stock.kubeconfig_path(), &["webhook"]).await;
    let there = stock.client();
    assert_eq!(everything(&there).await, ours);
    let changed = json!({"spec": {"template": {"data": {"k": "theirs"}}}});
    let api = api(&there, "v1beta2");
    let read = api.patch("o2", &PatchParams::default(), &Patch::Merge(&changed)).await.unwrap();
    assert_eq!(read.data["spec"]["template"]["data"]["k"], "theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stock_api_server_wrote_is_there_after_that_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fedd.db");
    let ours = written(&file).await;
    let testbed = Testbed::start().await.unwrap();
    let stock = successor(&testbed, &file).await;
    let there = api(&stock.client(), "v1beta1");
    let changed = json!({"spec": {"template": {"data": {"k": "theirs"}}}});
    let changed = there.patch("o1", &PatchParams::default(), &Patch::Merge(&changed)).await.unwrap();
    let made = object("v1beta1", "by-cluster", by_cluster("theirs"));
    let made = there.create(&PostParams::default(), &made).await.unwrap();
    there.delete("o3", &DeleteParams::default()).await.unwrap();
    // No controllers run here that would let it go.
    let released = json!({"metadata": {"finalizers": null}});
    there.patch("o3", &PatchParams::default(), &Patch::Merge(&released)).await.unwrap();
    drop(stock);
    drop(testbed);

    let server = embedded(&file).await;
    let after = everything(server.client()).await;
    let key = |form: &str, name: &str| (form.to_owned(), name.to_owned());
    assert_eq!(after.len(), 20, "one is gone and one is new");
    for (name, object) in [("o1", &changed), ("by-cluster", &made)] {
        let told = &after[&key("v1beta1", name)];
        assert_eq!((&told[1], &told[2]), (&json!(object.metadata.resource_version), &object.data["spec"]));
        assert_eq!(after[&key("v1beta2", name)][2]["template"]["data"]["k"], "theirs");
    }
    for (key, told) in ours.iter().filter(|((_, name), _)| !["o1", "o3"].contains(&name.as_str())) {
        assert_eq!(&after[key], told, "{key:?}");
    }
    server.stop().await;
}
