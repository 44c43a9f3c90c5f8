//! What may be written where there is no namespace, or none for long.

use serde_json::json;

use super::world::World;

#[tokio::test(start_paused = true)]
async fn content_needs_a_namespace_that_stays() {
    let world = World::new().await;
    let content = || json!({"metadata": {"name": "one"}});
    let error = world.create("configmaps", "nowhere", content()).await.unwrap_err();
    assert_eq!(error.to_string(), "namespaces \"nowhere\" not found");
    assert_eq!(error.code(), 404);

    world.create("configmaps", "a", content()).await.unwrap();
    world.delete("namespaces", "", "a", "Background").await.unwrap();
    let error = world.create("secrets", "a", content()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "secrets \"one\" is forbidden: unable to create new content in namespace a because it is being terminated"
    );
    let status = error.to_value();
    assert_eq!(status["code"], 403);
    assert_eq!(
        status["details"]["causes"],
        json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace", "message": "namespace a is being terminated"}])
    );
    // What is there may still be changed and deleted, and what has no namespace is not concerned.
    world.edit("configmaps", "a", "one", |map| map["data"] = json!({"k": "v"})).await;
    world.delete("configmaps", "a", "one", "Background").await.unwrap();
    let class = json!({"metadata": {"name": "c"}, "provisioner": "example.com/p"});
    world.create("storageclasses.storage.k8s.io", "", class).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn some_namespaces_may_not_be_deleted() {
    let world = World::new().await;
    for name in ["default", "kube-system", "kube-public"] {
        world.create("namespaces", "", json!({"metadata": {"name": name}})).await.unwrap();
        let error = world.delete("namespaces", "", name, "Background").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("namespaces \"{name}\" is forbidden: this namespace may not be deleted")
        );
    }
    assert!(world.delete("namespaces", "", "a", "Background").await.is_ok());
}
