use super::*;
use crate::auth::{Attributes, ResourceTarget, User};

/// A server with config maps, secrets, namespaces and roles alone.
fn policy() -> Policy {
    let serves = |group: &str, resource: &str| {
        matches!(
            (group, resource),
            ("", "configmaps" | "secrets" | "namespaces") | (GROUP, "roles" | "rolebindings")
        ) || group == "authorization.k8s.io"
    };
    let mut policy = Policy::default();
    for role in cluster_roles(&serves) {
        policy.apply(RbacKind::ClusterRole, &role).unwrap();
    }
    for binding in cluster_role_bindings() {
        policy.apply(RbacKind::ClusterRoleBinding, &binding).unwrap();
    }
    for (user, role) in [("v", "view"), ("e", "edit"), ("a", "admin")] {
        let subject = json!({"kind": "User", "name": user});
        let role = json!({"kind": "ClusterRole", "name": role});
        let metadata = json!({"name": user, "namespace": "n"});
        let binding = json!({"metadata": metadata, "subjects": [subject], "roleRef": role});
        policy.apply(RbacKind::RoleBinding, &binding).unwrap();
    }
    policy
}

#[test]
fn each_role_of_a_namespace_holds_the_one_below() {
    let policy = policy();
    let may = |user: &str, verb: &str, group: &str, resource: &str| {
        let target = ResourceTarget { group, resource, namespace: "n", ..Default::default() };
        let user = User::new(user, [AUTHENTICATED]);
        policy.authorize(&user, &Attributes::resource(verb, target)).allowed
    };
    for (user, read, secrets, write, roles) in
        [("v", true, false, false, false), ("e", true, true, true, false), ("a", true, true, true, true)]
    {
        assert_eq!(may(user, "get", "", "configmaps"), read, "{user}");
        assert_eq!(may(user, "list", "", "secrets"), secrets, "{user}");
        assert_eq!(may(user, "delete", "", "configmaps"), write, "{user}");
        assert_eq!(may(user, "create", GROUP, "rolebindings"), roles, "{user}");
        // Not served, so no rule names it.
        assert!(!may(user, "get", "apps", "deployments"), "{user}");
        assert!(may(user, "create", "authorization.k8s.io", "selfsubjectaccessreviews"), "{user}");
    }
}

#[test]
fn anonymous_requests_see_health_and_version_alone() {
    let policy = policy();
    let may = |user: &User, path: &str| policy.authorize(user, &Attributes::path("get", path)).allowed;
    let (anonymous, known) = (User::anonymous(), User::new("x", [AUTHENTICATED]));
    for (path, open, to_known) in [
        ("/healthz", true, true),
        ("/version", true, true),
        ("/apis/apps", false, true),
        ("/metrics", false, false),
    ] {
        assert_eq!(may(&anonymous, path), open, "{path}");
        assert_eq!(may(&known, path), to_known, "{path}");
    }
}

#[test]
fn nothing_is_left_of_a_rule_without_resources() {
    let roles = cluster_roles(&|_, _| false);
    let named = |name: &str| roles.iter().find(|role| role["metadata"]["name"] == name).unwrap();
    assert_eq!(named("admin")["rules"], json!([]));
    assert_eq!(named("cluster-admin")["rules"].as_array().unwrap().len(), 2);
}

#[test]
fn a_newer_server_adds_and_takes_nothing_away() {
    let roles = cluster_roles(&|_, _| true);
    for object in roles.iter().chain(&cluster_role_bindings()) {
        assert_eq!(reconciled(object, object), None, "{object}");
    }
    let edit = roles.iter().find(|role| role["metadata"]["name"] == "system:aggregate-to-edit").unwrap();
    let mut old = edit.clone();
    let rules = old["rules"].as_array_mut().unwrap();
    let lost = rules.remove(1);
    rules.push(json!({"verbs": ["get"], "apiGroups": ["mine"], "resources": ["things"]}));
    old["metadata"]["labels"] = json!({"mine": "too"});
    let new = reconciled(&old, edit).unwrap();
    let rules = new["rules"].as_array().unwrap();
    assert_eq!(rules.last(), Some(&lost));
    assert!(rules.iter().any(|rule| rule["apiGroups"] == json!(["mine"])));
    assert_eq!(new["metadata"]["labels"]["mine"], "too");
    assert_eq!(new["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults");
    assert_eq!(reconciled(&new, edit), None);

    old["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = json!("false");
    assert_eq!(reconciled(&old, edit), None);

    let mut binding = cluster_role_bindings().remove(4);
    binding["subjects"] = json!([{"kind": "User", "name": "x"}]);
    let new = reconciled(&binding, &cluster_role_bindings()[4]).unwrap();
    assert_eq!(new["subjects"].as_array().unwrap().len(), 3);
}
