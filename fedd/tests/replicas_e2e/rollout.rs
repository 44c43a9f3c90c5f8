//! Objects that are rolled out, and what members were told meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::process::within;

/// What a member was told to hold, in order: the values of each object, by namespace and name.
pub(crate) type Effects = watch::Receiver<BTreeMap<String, Vec<String>>>;

/// Makes a namespace with these labels, federated everywhere.
pub(crate) async fn federated_namespace(client: &Client, name: &str, labels: Value) {
    let namespace: Namespace =
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
    apply(client, "FederatedNamespace", name, name, everywhere).await.unwrap();
}

async fn apply(
    client: &Client,
    kind: &str,
    namespace: &str,
    name: &str,
    spec: Value,
) -> kube::Result<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    let ty = ApiResource::from_gvk_with_plural(&gvk, &format!("{}s", kind.to_lowercase()));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &ty);
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "spec": spec});
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await
}

/// Gives so many objects of a namespace a value, whatever replica is there for it.
pub(crate) async fn roll_out(client: &Client, namespace: &str, objects: usize, value: &str) {
    for number in 0..objects {
        let spec = json!({"template": {"data": {"k": value}}, "placement": {"clusterSelector": {}}});
        within("a write", async {
            let name = format!("o{number}");
            while let Err(error) = apply(client, "FederatedConfigMap", namespace, &name, spec.clone()).await {
                assert!(!matches!(&error, kube::Error::Api(status) if status.code == 422), "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    }
}

/// Notes everything that happens to a member's objects.
pub(crate) async fn note_effects(member: &Client) -> Effects {
    let maps: Api<ConfigMap> = Api::all(member.clone());
    let start = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut watch = maps.watch(&WatchParams::default().timeout(290), &start).await.unwrap().boxed();
    let (noted, effects) = watch::channel(BTreeMap::<String, Vec<String>>::new());
    tokio::spawn(async move {
        while let Ok(Some(event)) = watch.try_next().await {
            let (map, gone) = match event {
                WatchEvent::Added(map) | WatchEvent::Modified(map) => (map, false),
                WatchEvent::Deleted(map) => (map, true),
                _ => continue,
            };
            let value = map.data.unwrap_or_default().remove("k").unwrap_or_default();
            let value = if gone { "gone".to_owned() } else { value };
            let name = map.metadata.name.unwrap_or_default();
            if name.starts_with('o') {
                let key = format!("{}/{name}", map.metadata.namespace.unwrap_or_default());
                noted.send_modify(|noted| noted.entry(key).or_default().push(value));
            }
        }
    });
    effects
}

/// Waits until members hold so many objects each, and all with this value.
pub(crate) async fn all_hold(effects: &[Effects], objects: usize, value: &str) {
    within("the rollout", async {
        let holds = |held: &BTreeMap<String, Vec<String>>| {
            held.len() == objects
                && held.values().all(|values| values.last().is_some_and(|last| last == value))
        };
        for effects in effects {
            effects.clone().wait_for(holds).await.unwrap();
        }
    })
    .await;
}

/// Each value came at most once and in order, and nothing was taken away.
pub(crate) fn nothing_was_done_twice(effects: &[Effects]) {
    for effects in effects {
        for (name, values) in &*effects.borrow() {
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {values:?}");
            assert!(!values.contains(&"gone".to_owned()), "{name}: {values:?}");
        }
    }
}
