//! A federation with two tenants: `bank-prod`, with cells on the shared cluster m1, and `other-prod`, with a cluster of
//! its own. Nobody runs controllers: what they would write, the tests do.
#![allow(dead_code, reason = "each test uses a part of it")]

#[path = "bank_forms.rs"]
mod forms;
#[path = "bank_refusals.rs"]
mod refusals;

use federation_model::{Cell, KubeFedCluster};
use futures::TryStreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, WatchEvent};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::process::within;

pub(crate) const FEDERATION: &str = "kube-federation-system";
pub(crate) const BANK: &str = "bank-prod";

/// The federation, as its administrator sees it.
pub(crate) struct Bank {
    pub(crate) client: Client,
}

impl Bank {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn create<K>(&self, object: Value) -> kube::Result<K>
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
    pub(crate) async fn tenants(&self) {
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

    pub(crate) fn by_cell(&self) -> Api<DynamicObject> {
        federated(&self.client, "v1beta2", BANK)
    }

    pub(crate) fn by_cluster(&self) -> Api<DynamicObject> {
        federated(&self.client, "v1beta1", BANK)
    }
}

pub(crate) fn scope(tenant: &str) -> Value {
    json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"})
}

pub(crate) fn cell_of(name: &str, cluster: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": BANK}, "spec": {"clusterName": cluster}})
}

pub(crate) fn federated(client: &Client, version: &str, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", version, "FederatedConfigMap");
    let resource = ApiResource::from_gvk_with_plural(&kind, "federatedconfigmaps");
    Api::namespaced_with(client.clone(), namespace, &resource)
}

pub(crate) fn object(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("types.kubefed.io/{version}"), "kind": "FederatedConfigMap",
           "metadata": {"name": name, "namespace": BANK}, "spec": spec})
}

/// By cell: on these cells, with this data.
pub(crate) fn cells(name: &str, cells: &[&str], data: Value) -> Value {
    let topologies: Vec<_> = cells.iter().map(|cell| json!({"name": cell})).collect();
    let spec =
        json!({"topologyType": "cell", "placement": {"topologies": topologies}, "template": {"data": data}});
    object("v1beta2", name, spec)
}

pub(crate) async fn create(api: &Api<DynamicObject>, object: Value) -> kube::Result<Value> {
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.map(value)
}

pub(crate) fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

pub(crate) async fn get(api: &Api<DynamicObject>, name: &str) -> Value {
    value(api.get(name).await.unwrap())
}

pub(crate) async fn merge(api: &Api<DynamicObject>, name: &str, patch: Value) -> kube::Result<Value> {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(value)
}

pub(crate) async fn apply_as(api: &Api<DynamicObject>, manager: &str, object: Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    value(api.patch(&name, &PatchParams::apply(manager), &Patch::Apply(&object)).await.unwrap())
}

pub(crate) fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

/// The message of a refusal, without what an API server puts before a webhook's.
pub(crate) fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> String {
    match result {
        Err(kube::Error::Api(status)) => {
            let message =
                status.message.split_once("denied the request: ").map_or(&*status.message, |(_, own)| own);
            assert_eq!(status.code, 403, "{message}");
            message.to_owned()
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// The object of the next event, which is a change.
pub(crate) async fn next<S>(events: &mut S) -> Value
where
    S: futures::Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + Unpin,
{
    match within("a watch event", events.try_next()).await.unwrap() {
        Some(WatchEvent::Modified(object)) => value(object),
        other => panic!("not a change: {other:?}"),
    }
}
