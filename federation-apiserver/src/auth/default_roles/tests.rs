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
