//! Terminating definitions lose their objects, and go.

use std::sync::Arc;

use federation_apiserver::control::definition_content::DefinitionContentControl;
use serde_json::{Value, json};

use super::world::{World, settle};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
const NAME: &str = "widgets.example.com";

/// Two widgets, one of which is held, and a definition that has its finalizer.
async fn world() -> World {
    let world = World::new().await;
    world.define_widgets().await;
    protect(&world, NAME).await;
    for (name, finalizers) in [("free", json!([])), ("held", json!(["example.com/hold"]))] {
        let metadata = json!({"name": name, "finalizers": finalizers});
        let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata});
        world.create(NAME, "a", widget).await.unwrap();
    }
    tokio::spawn(DefinitionContentControl::new(Arc::clone(&world.rest)).run(world.stop.clone()));
    world
}

/// Gives a definition the finalizer that it has when it is deleted.
async fn protect(world: &World, name: &str) {
    let finalizers = json!(["customresourcecleanup.apiextensions.k8s.io"]);
    world.edit(DEFINITIONS, "", name, |definition| definition["metadata"]["finalizers"] = finalizers).await;
}

fn terminating(definition: &Value) -> &Value {
    let conditions = definition["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|one| one["type"] == "Terminating").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_definition_waits_for_the_last_of_its_objects() {
    let world = world().await;
    world.delete(DEFINITIONS, "", NAME, "Background").await.unwrap();
    settle().await;
    assert_eq!(world.names(NAME, "a").await, ["held"]);
    let definition = world.get(DEFINITIONS, "", NAME).await.unwrap();
    assert_eq!(terminating(&definition)["reason"], "InstanceDeletionInProgress");
    let before = world.rest.store().revision().await.unwrap();
    settle().await;
    assert_eq!(world.rest.store().revision().await.unwrap(), before);

    world.edit(NAME, "a", "held", |widget| widget["metadata"]["finalizers"] = json!([])).await;
    settle().await;
    assert!(world.get(DEFINITIONS, "", NAME).await.is_none());
    assert_eq!(world.rest.store().count("/registry/example.com/widgets/").await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_was_never_established_goes_at_once() {
    let world = world().await;
    let mut second = world.get(DEFINITIONS, "", NAME).await.unwrap();
    second = json!({"metadata": {"name": "gadgets.example.com"}, "spec": second["spec"].take()});
    // Its kind is taken.
    second["spec"]["names"] =
        json!({"plural": "gadgets", "singular": "gadget", "kind": "Widget", "listKind": "GadgetList"});
    world.create(DEFINITIONS, "", second).await.unwrap();
    settle().await;
    protect(&world, "gadgets.example.com").await;
    world.delete(DEFINITIONS, "", "gadgets.example.com", "Background").await.unwrap();
    settle().await;
    assert!(world.get(DEFINITIONS, "", "gadgets.example.com").await.is_none());
    assert_eq!(world.names(NAME, "a").await, ["free", "held"]);
}
