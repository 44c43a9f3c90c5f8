//! A store that fails stops nothing for good, and leads to no wrong deletion.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use federation_apiserver::control::accounts::AccountControl;
use federation_apiserver::control::garbage::GarbageCollector;
use federation_apiserver::control::namespaces::NamespaceControl;
use federation_apiserver::control::policy::PolicyControl;
use federation_apiserver::control::simulate::{Behaviour, Simulation};
use revision_store::MemoryStore;
use serde_json::{Value, json};

use super::failing_store::{FailingStore, Faults};
use super::world::{World, settle};

async fn world() -> (World, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let store = FailingStore { inner: MemoryStore::new(), faults: Arc::clone(&faults) };
    (World::on(Arc::new(store), |_| Vec::new()).await, faults)
}

fn set(fault: &AtomicBool, fails: bool) {
    fault.store(fails, Ordering::Relaxed);
}

fn child_of(owner: &Value) -> Value {
    let metadata = &owner["metadata"];
    let owner =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]});
    json!({"metadata": {"name": "child", "ownerReferences": [owner]}})
}

#[tokio::test(start_paused = true)]
async fn nothing_is_collected_while_owners_cannot_be_read() {
    let (world, faults) = world().await;
    tokio::spawn(GarbageCollector::new(Arc::clone(&world.rest)).run(world.stop.clone()));
    let owner = world.create("configmaps", "a", json!({"metadata": {"name": "one"}})).await.unwrap();
    world.create("configmaps", "a", child_of(&owner)).await.unwrap();
    settle().await;
    world.delete("configmaps", "a", "one", "Background").await.unwrap();
    set(&faults.gets, true);
    settle().await;
    assert_eq!(world.names("configmaps", "a").await, ["child"]);
    set(&faults.gets, false);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(world.names("configmaps", "a").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_content_cannot_be_deleted_is_tried_again() {
    let (world, faults) = world().await;
    tokio::spawn(NamespaceControl::new(Arc::clone(&world.rest)).run(world.stop.clone()));
    world.create("configmaps", "a", json!({"metadata": {"name": "one"}})).await.unwrap();
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    set(&faults.writes, true);
    settle().await;
    assert!(world.get("namespaces", "", "a").await.is_some());
    assert_eq!(world.names("configmaps", "a").await, ["one"]);
    set(&faults.writes, false);
    settle().await;
    assert!(world.get("namespaces", "", "a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_store_could_not_be_read_is_made_up_for() {
    let (world, faults) = world().await;
    set(&faults.lists, true);
    tokio::spawn(AccountControl::new(Arc::clone(&world.rest), "PEM").run(world.stop.clone()));
    settle().await;
    assert!(world.get("serviceaccounts", "a", "default").await.is_none());
    set(&faults.lists, false);
    settle().await;
    assert!(world.get("serviceaccounts", "a", "default").await.is_some());

    // A write that fails is made up for as well.
    set(&faults.writes, true);
    world.delete("serviceaccounts", "a", "default", "Background").await.unwrap_err();
    set(&faults.writes, false);
    world.delete("serviceaccounts", "a", "default", "Background").await.unwrap();
    set(&faults.writes, true);
    settle().await;
    set(&faults.writes, false);
    settle().await;
    assert!(world.get("serviceaccounts", "a", "default").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn every_part_stops_when_it_is_told_to() {
    let (world, faults) = world().await;
    set(&faults.lists, true);
    let rest = || Arc::clone(&world.rest);
    let parts = [
        tokio::spawn(GarbageCollector::new(rest()).run(world.stop.clone())),
        tokio::spawn(NamespaceControl::new(rest()).run(world.stop.clone())),
        tokio::spawn(AccountControl::new(rest(), "PEM").run(world.stop.clone())),
        tokio::spawn(PolicyControl::new(rest(), Arc::default()).run(world.stop.clone())),
        tokio::spawn(Simulation::new(rest(), Behaviour::default()).run(world.stop.clone())),
    ];
    settle().await;
    world.stop.cancel();
    for part in parts {
        part.await.unwrap();
    }
}
