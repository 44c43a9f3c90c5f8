//! What a new server has.

use std::sync::Arc;

use federation_apiserver::builtin::Profile;
use federation_apiserver::control::bootstrap::bootstrap;
use serde_json::json;

use super::world::World;

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

#[tokio::test(start_paused = true)]
async fn a_second_start_writes_nothing() {
    let world = World::new().await;
    bootstrap(Arc::clone(&world.rest), Profile::Member).await.unwrap();
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let namespace = world.get("namespaces", "", namespace).await.unwrap();
        assert_eq!(namespace["status"]["phase"], "Active");
    }
    let roles = world.names(ROLES, "").await;
    assert!(
        ["cluster-admin", "admin", "edit", "view"].iter().all(|role| roles.contains(&(*role).to_owned()))
    );
    let bindings = world.names("clusterrolebindings.rbac.authorization.k8s.io", "").await;
    assert!(bindings.contains(&"cluster-admin".to_owned()));

    let before = world.rest.store().revision().await.unwrap();
    bootstrap(Arc::clone(&world.rest), Profile::Member).await.unwrap();
    assert_eq!(world.rest.store().revision().await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_later_start_adds_what_defaults_lack_and_keeps_what_was_added() {
    let world = World::new().await;
    bootstrap(Arc::clone(&world.rest), Profile::Federation).await.unwrap();
    let own = json!({"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["widgets"]});
    world.edit(ROLES, "", "system:basic-user", |role| role["rules"] = json!([own])).await;
    let frozen = "rbac.authorization.kubernetes.io/autoupdate";
    world
        .edit(ROLES, "", "system:discovery", |role| {
            role["metadata"]["annotations"][frozen] = json!("false");
            role["rules"] = json!([]);
        })
        .await;
    world.delete(ROLES, "", "system:monitoring", "Background").await.unwrap();

    bootstrap(Arc::clone(&world.rest), Profile::Federation).await.unwrap();
    let role = world.get(ROLES, "", "system:basic-user").await.unwrap();
    let rules = role["rules"].as_array().unwrap();
    assert!(rules.len() == 3 && rules.contains(&own), "{rules:?}");
    let frozen = world.get(ROLES, "", "system:discovery").await.unwrap();
    assert!(frozen["rules"].as_array().is_none_or(Vec::is_empty));
    assert!(world.get(ROLES, "", "system:monitoring").await.is_some());
}
