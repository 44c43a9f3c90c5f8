//! Every namespace has its default account and its authority's certificate.

use std::sync::Arc;

use federation_apiserver::control::accounts::AccountControl;
use serde_json::json;

use super::world::{World, settle};

#[tokio::test(start_paused = true)]
async fn namespaces_old_and_new_get_both_and_get_them_back() {
    let world = World::new().await;
    tokio::spawn(AccountControl::new(Arc::clone(&world.rest), "PEM").run(world.stop.clone()));
    settle().await;
    world.create("namespaces", "", json!({"metadata": {"name": "b"}})).await.unwrap();
    settle().await;
    for namespace in ["a", "b"] {
        assert!(world.get("serviceaccounts", namespace, "default").await.is_some());
        let map = world.get("configmaps", namespace, "kube-root-ca.crt").await.unwrap();
        assert_eq!(map["data"], json!({"ca.crt": "PEM"}));
        assert!(map["metadata"]["annotations"]["kubernetes.io/description"].is_string());
    }

    world.delete("serviceaccounts", "a", "default", "Background").await.unwrap();
    world.delete("configmaps", "a", "kube-root-ca.crt", "Background").await.unwrap();
    world.edit("configmaps", "b", "kube-root-ca.crt", |map| map["data"] = json!({"ca.crt": "other"})).await;
    settle().await;
    assert!(world.get("serviceaccounts", "a", "default").await.is_some());
    for namespace in ["a", "b"] {
        let map = world.get("configmaps", namespace, "kube-root-ca.crt").await.unwrap();
        assert_eq!(map["data"], json!({"ca.crt": "PEM"}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_to_go_gets_nothing() {
    let world = World::new().await;
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    let before = world.rest.store().revision().await.unwrap();
    tokio::spawn(AccountControl::new(Arc::clone(&world.rest), "PEM").run(world.stop.clone()));
    settle().await;
    assert_eq!(world.rest.store().revision().await.unwrap(), before);
}
