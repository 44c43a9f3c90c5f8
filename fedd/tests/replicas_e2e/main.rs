//! `fedd serve` as replicas on one database: each serves, one runs the controllers, and another does when it is gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use federation_model::KubeFedConfig;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use parking_lot::Mutex;
use process::within;
use serde_json::{Value, json};
use serving::{Home, Member, Serving};
use testbed::{Database, DatabaseKind};

const FEDERATION: &str = "kube-federation-system";
const OBJECTS: usize = 25;

/// What a member was told to hold, in order: the values of each object.
type Effects = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

fn config_map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"k": value}})).unwrap()
}

/// A client of a replica with the kubeconfig that another one wrote.
async fn client_of(replica: &Home, kubeconfig: &Home) -> Client {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig.kubeconfig()).unwrap();
    let url = format!("https://{}", replica.address());
    kubeconfig.clusters[0].cluster.as_mut().unwrap().server = Some(url);
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    // What it is answered is to be seen.
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// Leases that are short enough for a test. They are read at a start.
async fn shorten_lease(client: &Client) {
    let configs: Api<KubeFedConfig> = Api::namespaced(client.clone(), FEDERATION);
    let times = json!({"leaseDuration": "4s", "renewDeadline": "3s", "retryPeriod": "500ms"});
    let patch = Patch::Merge(json!({"spec": {"leaderElect": times}}));
    configs.patch("kubefed", &PatchParams::default(), &patch).await.unwrap();
}

/// Two replicas on a new database, started at once, then again with short leases.
async fn replicas() -> (Database, [Home; 2], [Serving; 2]) {
    let database = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let homes = [0, 1].map(|_| Home::on(&database.url("fedd")));
    let (one, other) = tokio::join!(homes[0].serve(), homes[1].serve());
    shorten_lease(&homes[1].client().await).await;
    tokio::join!(one.terminated(), other.terminated());
    let (one, other) = tokio::join!(homes[0].serve(), homes[1].serve());
    (database, homes, [one, other])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_move_between_replicas_and_a_database_that_is_away_is_said_to_be() {
    let (database, homes, serving) = replicas().await;
    let first = client_of(&homes[0], &homes[1]).await;
    let second = client_of(&homes[1], &homes[0]).await;
    let at = |client: &Client| Api::<ConfigMap>::namespaced(client.clone(), "default");

    // What one has acknowledged the other shows, and a watch goes on there.
    let one = at(&first).create(&PostParams::default(), &config_map("one", "1")).await.unwrap();
    assert_eq!(at(&second).get("one").await.unwrap().data, one.data);
    let revision = one.metadata.resource_version.unwrap();
    let mut watch = at(&second).watch(&WatchParams::default(), &revision).await.unwrap().boxed();
    at(&first).create(&PostParams::default(), &config_map("two", "2")).await.unwrap();
    let told = within("the other replica's write", watch.try_next()).await.unwrap().unwrap();
    assert!(matches!(told, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("two")));
    // A token that one signed is good for the other.
    let ready = |client: &Client| {
        let client = client.clone();
        async move { client.request_text(http::Request::get("/readyz").body(Vec::new()).unwrap()).await }
    };
    assert_eq!(ready(&second).await.unwrap(), "ok");

    database.pause().await.unwrap();
    let refused =
        within("an answer", at(&first).create(&PostParams::default(), &config_map("three", "3"))).await;
    let kube::Error::Api(status) = refused.unwrap_err() else { panic!("no answer") };
    assert!(status.code == 503 || status.code == 504, "{status:?}");
    assert!(status.message.contains("unavailable") || status.message.contains("unknown"), "{status:?}");
    assert!(within("readiness", ready(&second)).await.is_err());
    database.resume().await.unwrap();

    // All goes on: the same watch, and both replicas.
    within("writes", async {
        while at(&second).create(&PostParams::default(), &config_map("four", "4")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    within("the watch", async {
        loop {
            if let WatchEvent::Added(map) = watch.try_next().await.unwrap().unwrap()
                && map.metadata.name.as_deref() == Some("four")
            {
                return;
            }
        }
    })
    .await;
    within("the controllers", serving[0].says_or(&serving[1], "promoted as leader")).await;
}

fn federated(client: &Client, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    let plural = format!("{}s", kind.to_lowercase());
    Api::namespaced_with(client.clone(), "app", &ApiResource::from_gvk_with_plural(&gvk, &plural))
}

async fn apply(client: &Client, kind: &str, name: &str, spec: Value) -> kube::Result<DynamicObject> {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "spec": spec});
    federated(client, kind).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await
}

/// Gives all objects a value, whatever replica is there for it.
async fn roll_out(client: &Client, value: &str) {
    for number in 0..OBJECTS {
        let spec = json!({"template": {"data": {"k": value}}, "placement": {"clusterSelector": {}}});
        within("a write", async {
            while let Err(error) =
                apply(client, "FederatedConfigMap", &format!("o{number}"), spec.clone()).await
            {
                assert!(!matches!(&error, kube::Error::Api(status) if status.code == 422), "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    }
}

/// Notes everything that happens to a member's objects.
async fn note_effects(member: &Member) -> Effects {
    let maps: Api<ConfigMap> = Api::namespaced(member.client.clone(), "app");
    let start = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut watch = maps.watch(&WatchParams::default().timeout(290), &start).await.unwrap().boxed();
    let effects = Effects::default();
    let noted = effects.clone();
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
                noted.lock().entry(name).or_default().push(value);
            }
        }
    });
    effects
}

async fn all_hold(effects: &[Effects], value: &str) {
    within("the rollout", async {
        let holds = |effects: &Effects| {
            let effects = effects.lock();
            effects.len() == OBJECTS
                && effects.values().all(|values| values.last().is_some_and(|last| last == value))
        };
        while !effects.iter().all(holds) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_paused_and_one_that_is_killed_leave_the_rollout_to_the_next_and_nothing_is_done_twice()
 {
    let (_database, homes, [one, other]) = replicas().await;
    let client = homes[0].client().await;
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
    apply(&client, "FederatedNamespace", "app", everywhere).await.unwrap();
    let members = tokio::join!(homes[0].joined("m1", &[]), homes[0].joined("m2", &[]));
    let members = [members.0, members.1];
    let effects = [note_effects(&members[0]).await, note_effects(&members[1]).await];

    within("a leader", one.says_or(&other, "promoted as leader")).await;
    let (leader, follower, home) =
        if one.has_said("promoted as leader") { (one, other, 1) } else { (other, one, 0) };
    let through_follower = client_of(&homes[home], &homes[0]).await;
    roll_out(&through_follower, "1").await;
    // In the midst of it: paused for longer than its Lease lasts.
    leader.signal("-STOP");
    roll_out(&through_follower, "2").await;
    follower.says("promoted as leader", 1).await;
    all_hold(&effects, "2").await;
    leader.signal("-CONT");
    leader.says("lost lease", 1).await;
    leader.says("waits for the lease", 2).await;

    // It serves on, and leads again when the other is killed in the midst of the next.
    let through_leader = client_of(&homes[1 - home], &homes[0]).await;
    roll_out(&through_leader, "3").await;
    follower.killed().await;
    roll_out(&through_leader, "4").await;
    leader.says("promoted as leader", 2).await;
    all_hold(&effects, "4").await;

    for effects in &effects {
        for (name, values) in &*effects.lock() {
            // Each value at most once and in order, and nothing was taken away.
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {values:?}");
            assert!(!values.contains(&"gone".to_owned()), "{name}: {values:?}");
        }
    }
}
