//! The authorizer's policy follows what is stored.

use std::sync::Arc;

use federation_apiserver::auth::{Attributes, Policy, ResourceTarget, Target, User};
use federation_apiserver::control::policy::PolicyControl;
use parking_lot::RwLock;
use serde_json::json;

use super::world::{World, settle};

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

fn may_get(policy: &RwLock<Policy>, resource: &str) -> bool {
    let target = ResourceTarget { resource, namespace: "a", ..ResourceTarget::default() };
    let attributes = Attributes { verb: "get", target: Target::Resource(target) };
    policy.read().authorize(&User::new("eve", ["system:authenticated"]), &attributes).allowed
}

async fn role(world: &World, name: &str, resource: &str) {
    let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": [resource]});
    let metadata = json!({"name": name, "labels": {"sum": "yes"}});
    world.create(ROLES, "", json!({"metadata": metadata, "rules": [rule]})).await.unwrap();
}

async fn bind(world: &World, role: &str) {
    let binding = json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve"}],
    });
    world.create(BINDINGS, "a", binding).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_holds_before_and_after_the_start() {
    let world = World::new().await;
    role(&world, "reader", "secrets").await;
    bind(&world, "reader").await;
    let policy = Arc::new(RwLock::new(Policy::default()));
    let mut control = PolicyControl::new(Arc::clone(&world.rest), Arc::clone(&policy));
    assert!(!may_get(&policy, "secrets"));
    control.load().await;
    assert!(may_get(&policy, "secrets"));

    tokio::spawn(control.run(world.stop.clone()));
    world.edit(ROLES, "", "reader", |role| role["rules"][0]["resources"] = json!(["configmaps"])).await;
    settle().await;
    assert!(!may_get(&policy, "secrets") && may_get(&policy, "configmaps"));
    world.delete(BINDINGS, "a", "reader", "Background").await.unwrap();
    settle().await;
    assert!(!may_get(&policy, "configmaps"));
}

#[tokio::test(start_paused = true)]
async fn aggregated_roles_follow_the_roles_that_they_select() {
    let world = World::new().await;
    let policy = Arc::new(RwLock::new(Policy::default()));
    let control = PolicyControl::new(Arc::clone(&world.rest), Arc::clone(&policy));
    tokio::spawn(control.run(world.stop.clone()));
    let selects = |label: &str| json!({"clusterRoleSelectors": [{"matchLabels": {label: "yes"}}]});
    // Two deep: `outer` takes its rules from `inner`, and that from the others.
    let outer = json!({"metadata": {"name": "outer"}, "aggregationRule": selects("outer"), "rules": []});
    let labels = json!({"outer": "yes"});
    let inner = json!({"metadata": {"name": "inner", "labels": labels}, "aggregationRule": selects("sum"), "rules": []});
    world.create(ROLES, "", outer).await.unwrap();
    world.create(ROLES, "", inner).await.unwrap();
    bind(&world, "outer").await;
    role(&world, "one", "secrets").await;
    role(&world, "two", "pods").await;
    settle().await;
    assert!(may_get(&policy, "secrets") && may_get(&policy, "pods"));
    let stored = world.get(ROLES, "", "outer").await.unwrap();
    assert_eq!(stored["rules"].as_array().unwrap().len(), 2);

    world.delete(ROLES, "", "one", "Background").await.unwrap();
    settle().await;
    assert!(!may_get(&policy, "secrets") && may_get(&policy, "pods"));
}
