//! Terminating namespaces are emptied, and go.

use std::sync::Arc;

use async_trait::async_trait;
use federation_apiserver::admission::{Attributes, Operation, Plugin};
use federation_apiserver::control::namespaces::NamespaceControl;
use federation_apiserver::status::ApiError;
use revision_store::{MemoryStore, Write};
use serde_json::{Value, json};

use super::world::{World, settle};

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

fn start(world: &World) {
    tokio::spawn(NamespaceControl::new(Arc::clone(&world.rest)).run(world.stop.clone()));
}

fn condition<'a>(namespace: &'a Value, kind: &str) -> (&'a str, &'a str, &'a str) {
    let conditions = namespace["status"]["conditions"].as_array().unwrap();
    let one = conditions.iter().find(|one| one["type"] == kind).unwrap();
    let text = |field: &str| one[field].as_str().unwrap();
    (text("status"), text("reason"), text("message"))
}

#[tokio::test(start_paused = true)]
async fn all_content_goes_and_other_namespaces_keep_theirs() {
    let world = World::new().await;
    world.define_widgets().await;
    world.create("namespaces", "", named("b")).await.unwrap();
    for namespace in ["a", "b"] {
        world.create("configmaps", namespace, named("one")).await.unwrap();
        world.create("serviceaccounts", namespace, named("one")).await.unwrap();
        let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}});
        world.create("widgets.example.com", namespace, widget).await.unwrap();
    }
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;
    assert_eq!(world.names("namespaces", "").await, ["b"]);
    for kind in ["configmaps", "serviceaccounts", "widgets.example.com"] {
        assert_eq!(world.names(kind, "a").await.len(), 0, "{kind}");
        assert_eq!(world.names(kind, "b").await, ["one"], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_was_deleted_before_the_start_goes_too() {
    let world = World::new().await;
    world.create("configmaps", "a", named("one")).await.unwrap();
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    assert!(world.get("namespaces", "", "a").await.is_some());
    start(&world);
    settle().await;
    assert!(world.get("namespaces", "", "a").await.is_none());
    assert!(world.names("configmaps", "a").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_has_a_finalizer_is_waited_for_and_told_of() {
    let world = World::new().await;
    let mut held = named("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create("configmaps", "a", held).await.unwrap();
    world.create("configmaps", "a", named("free")).await.unwrap();
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;

    assert_eq!(world.names("configmaps", "a").await, ["held"]);
    let namespace = world.get("namespaces", "", "a").await.unwrap();
    assert_eq!(namespace["status"]["phase"], "Terminating");
    assert_eq!(
        condition(&namespace, "NamespaceContentRemaining"),
        ("True", "SomeResourcesRemain", "Some resources are remaining: configmaps. has 1 resource instances")
    );
    assert_eq!(
        condition(&namespace, "NamespaceFinalizersRemaining"),
        (
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
        )
    );
    assert_eq!(condition(&namespace, "NamespaceDeletionContentFailure").1, "ContentDeleted");

    // Nothing more is written while nothing happens.
    let before = world.rest.store().revision().await.unwrap();
    settle().await;
    assert_eq!(world.rest.store().revision().await.unwrap(), before);

    world.edit("configmaps", "a", "held", |map| map["metadata"]["finalizers"] = json!([])).await;
    settle().await;
    assert!(world.get("namespaces", "", "a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn pods_go_before_the_rest() {
    let world = World::new().await;
    let mut pod = json!({
        "metadata": {"name": "p", "finalizers": ["example.com/hold"]},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    pod["metadata"]["namespace"] = json!("a");
    world.create("pods", "a", pod).await.unwrap();
    world.create("configmaps", "a", named("one")).await.unwrap();
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;
    assert_eq!(world.names("configmaps", "a").await, ["one"]);
    world.edit("pods", "a", "p", |pod| pod["metadata"]["finalizers"] = json!([])).await;
    settle().await;
    assert!(world.get("namespaces", "", "a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn content_that_appears_meanwhile_goes_too() {
    let world = World::new().await;
    let mut held = named("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.create("secrets", "a", held).await.unwrap();
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;
    // A write that passed admission before the namespace was to go.
    let late = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "late", "namespace": "a", "uid": "6f2d7a5e-0000-4000-8000-000000000001"},
    });
    let key = "/registry/configmaps/a/late".to_owned();
    let create = Write::Create { key, value: late.to_string().into(), lease: 0 };
    world.rest.store().write(create).await.unwrap();
    settle().await;
    assert!(world.names("configmaps", "a").await.is_empty());
    assert!(world.get("namespaces", "", "a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn other_finalizers_of_the_namespace_are_left_to_others() {
    let world = World::new().await;
    world
        .edit("namespaces/finalize", "", "a", |namespace| {
            namespace["spec"]["finalizers"] = json!(["kubernetes", "example.com/mine"]);
        })
        .await;
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;
    let namespace = world.get("namespaces", "", "a").await.unwrap();
    assert_eq!(namespace["spec"]["finalizers"], json!(["example.com/mine"]));
}

/// Refuses the deletion of one object.
struct Guard;

#[async_trait]
impl Plugin for Guard {
    async fn validate(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        if write.operation == Operation::Delete && write.name == "guarded" {
            return Err(ApiError::forbidden(write.resource.group_resource(), write.name, "it is guarded"));
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_deleted_is_told_of_and_keeps_nothing_else() {
    let world = World::on(Arc::new(MemoryStore::new()), |_| vec![Arc::new(Guard)]).await;
    for name in ["a-map", "guarded", "other"] {
        world.create("configmaps", "a", named(name)).await.unwrap();
    }
    world.create("secrets", "a", named("one")).await.unwrap();
    start(&world);
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    settle().await;
    assert_eq!(world.names("configmaps", "a").await, ["guarded"]);
    assert!(world.names("secrets", "a").await.is_empty());
    let namespace = world.get("namespaces", "", "a").await.unwrap();
    assert_eq!(
        condition(&namespace, "NamespaceDeletionContentFailure"),
        (
            "True",
            "ContentDeletionFailed",
            "Failed to delete all resource types, 1 remaining: configmaps \"guarded\" is forbidden: it is guarded"
        )
    );
}
