//! Objects whose owners are gone go too, in the three ways.

use std::sync::Arc;

use federation_apiserver::control::garbage::GarbageCollector;
use serde_json::{Value, json};

use super::world::{World, settle};

fn start(world: &World) {
    tokio::spawn(GarbageCollector::new(Arc::clone(&world.rest)).run(world.stop.clone()));
}

fn owned_by(owner: &Value, kind: &str) -> Value {
    let metadata = &owner["metadata"];
    json!({
        "apiVersion": "v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"],
        "blockOwnerDeletion": true,
    })
}

async fn map(world: &World, name: &str, owners: &[&Value]) -> Value {
    let owners: Vec<Value> = owners.iter().map(|owner| owned_by(owner, "ConfigMap")).collect();
    let metadata = json!({"name": name, "ownerReferences": owners});
    world.create("configmaps", "a", json!({"metadata": metadata})).await.unwrap()
}

async fn maps(world: &World) -> Vec<String> {
    world.names("configmaps", "a").await
}

#[tokio::test(start_paused = true)]
async fn in_the_background_dependents_go_after_their_last_owner() {
    let world = World::new().await;
    start(&world);
    let one = map(&world, "one", &[]).await;
    let other = map(&world, "other", &[]).await;
    let child = map(&world, "child", &[&one]).await;
    map(&world, "grandchild", &[&child]).await;
    let shared = map(&world, "shared", &[&one, &other]).await;
    settle().await;
    world.delete("configmaps", "a", "one", "Background").await.unwrap();
    settle().await;
    assert_eq!(maps(&world).await, ["other", "shared"]);
    // The reference to what is gone is gone.
    let now = world.get("configmaps", "a", "shared").await.unwrap();
    assert_eq!(now["metadata"]["ownerReferences"], json!([shared["metadata"]["ownerReferences"][1]]));
    world.delete("configmaps", "a", "other", "Background").await.unwrap();
    settle().await;
    assert!(maps(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_of_the_same_name_with_another_uid_is_another_owner() {
    let world = World::new().await;
    let one = map(&world, "one", &[]).await;
    map(&world, "child", &[&one]).await;
    world.delete("configmaps", "a", "one", "Background").await.unwrap();
    map(&world, "one", &[]).await;
    // Even when the owner went, and came back, before the collector was started.
    start(&world);
    settle().await;
    assert_eq!(maps(&world).await, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last() {
    let world = World::new().await;
    start(&world);
    let one = map(&world, "one", &[]).await;
    let child = map(&world, "child", &[&one]).await;
    map(&world, "grandchild", &[&child]).await;
    world
        .edit("configmaps", "a", "grandchild", |map| {
            map["metadata"]["finalizers"] = json!(["example.com/hold"]);
        })
        .await;
    world.delete("configmaps", "a", "one", "Foreground").await.unwrap();
    settle().await;
    // All wait for the last in the row, and are to go.
    assert_eq!(maps(&world).await, ["child", "grandchild", "one"]);
    for name in ["child", "grandchild", "one"] {
        let object = world.get("configmaps", "a", name).await.unwrap();
        assert!(object["metadata"]["deletionTimestamp"].is_string(), "{name}");
    }
    world.edit("configmaps", "a", "grandchild", |map| map["metadata"]["finalizers"] = json!([])).await;
    settle().await;
    assert!(maps(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dependent_that_does_not_block_is_not_waited_for() {
    let world = World::new().await;
    start(&world);
    let one = map(&world, "one", &[]).await;
    let mut owner = owned_by(&one, "ConfigMap");
    owner["blockOwnerDeletion"] = json!(false);
    let metadata = json!({"name": "free", "ownerReferences": [owner], "finalizers": ["example.com/hold"]});
    world.create("configmaps", "a", json!({"metadata": metadata})).await.unwrap();
    world.delete("configmaps", "a", "one", "Foreground").await.unwrap();
    settle().await;
    assert_eq!(maps(&world).await, ["free"]);
    let free = world.get("configmaps", "a", "free").await.unwrap();
    assert!(free["metadata"]["deletionTimestamp"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_foreground_circle_goes_as_a_whole() {
    let world = World::new().await;
    start(&world);
    let one = map(&world, "one", &[]).await;
    let two = map(&world, "two", &[&one]).await;
    let references = json!([owned_by(&two, "ConfigMap")]);
    world.edit("configmaps", "a", "one", |map| map["metadata"]["ownerReferences"] = references).await;
    settle().await;
    world.delete("configmaps", "a", "one", "Foreground").await.unwrap();
    settle().await;
    assert!(maps(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_without_their_owner() {
    let world = World::new().await;
    start(&world);
    let one = map(&world, "one", &[]).await;
    let other = map(&world, "other", &[]).await;
    map(&world, "child", &[&one]).await;
    map(&world, "shared", &[&one, &other]).await;
    world.delete("configmaps", "a", "one", "Orphan").await.unwrap();
    settle().await;
    assert_eq!(maps(&world).await, ["child", "other", "shared"]);
    let child = world.get("configmaps", "a", "child").await.unwrap();
    assert!(child["metadata"].get("ownerReferences").is_none());
    let shared = world.get("configmaps", "a", "shared").await.unwrap();
    assert_eq!(shared["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_while_the_collector_was_away_is_done_when_it_is_back() {
    let world = World::new().await;
    let one = map(&world, "one", &[]).await;
    map(&world, "child", &[&one]).await;
    let two = map(&world, "two", &[]).await;
    map(&world, "orphan", &[&two]).await;
    let three = map(&world, "three", &[]).await;
    map(&world, "late", &[&three]).await;
    world.delete("configmaps", "a", "one", "Foreground").await.unwrap();
    world.delete("configmaps", "a", "two", "Orphan").await.unwrap();
    world.delete("configmaps", "a", "three", "Background").await.unwrap();
    start(&world);
    settle().await;
    assert_eq!(maps(&world).await, ["orphan"]);
}

#[tokio::test(start_paused = true)]
async fn owners_are_looked_for_in_their_dependents_namespace_or_in_none() {
    let world = World::new().await;
    start(&world);
    world.create("namespaces", "", json!({"metadata": {"name": "b"}})).await.unwrap();
    let class = json!({"metadata": {"name": "c"}, "provisioner": "example.com/p"});
    let class = world.create("storageclasses.storage.k8s.io", "", class).await.unwrap();
    let elsewhere = world.create("configmaps", "b", json!({"metadata": {"name": "one"}})).await.unwrap();
    let mut cluster = owned_by(&class, "StorageClass");
    cluster["apiVersion"] = json!("storage.k8s.io/v1");
    let owned = |name: &str, owner: Value| json!({"metadata": {"name": name, "ownerReferences": [owner]}});
    // A cluster's object may own what is in a namespace.
    world.create("configmaps", "a", owned("of-class", cluster)).await.unwrap();
    // An owner in another namespace is none.
    world.create("configmaps", "a", owned("of-b", owned_by(&elsewhere, "ConfigMap"))).await.unwrap();
    // A namespace's object cannot own one of the cluster: it is left alone, whatever becomes of the owner.
    let mut lost = owned("lost", owned_by(&elsewhere, "ConfigMap"));
    lost["provisioner"] = json!("example.com/p");
    world.create("storageclasses.storage.k8s.io", "", lost).await.unwrap();
    settle().await;
    assert_eq!(maps(&world).await, ["of-class"]);
    world.delete("configmaps", "b", "one", "Background").await.unwrap();
    world.delete("storageclasses.storage.k8s.io", "", "c", "Background").await.unwrap();
    settle().await;
    assert!(maps(&world).await.is_empty());
    assert_eq!(world.names("storageclasses.storage.k8s.io", "").await, ["lost"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_of_a_kind_that_is_not_served_is_believed_to_be_there() {
    let world = World::new().await;
    start(&world);
    let owner = json!({"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "none"});
    let metadata = json!({"name": "child", "ownerReferences": [owner]});
    world.create("configmaps", "a", json!({"metadata": metadata})).await.unwrap();
    settle().await;
    assert_eq!(maps(&world).await, ["child"]);
    // Once the kind is served, it can be known.
    world.define_widgets().await;
    settle().await;
    assert!(maps(&world).await.is_empty());
}
