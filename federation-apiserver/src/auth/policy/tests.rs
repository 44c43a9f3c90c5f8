use serde_json::{Value, json};

use super::*;
use crate::auth::{MASTERS, ResourceTarget};

fn binding(kind: RbacKind, namespace: &str, subject: Value) -> Value {
    let kind = if kind == RbacKind::RoleBinding { "Role" } else { "ClusterRole" };
    json!({
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"},
        "subjects": [subject],
    })
}

fn role(namespace: &str) -> Value {
    let rule = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
    json!({"metadata": {"name": "r", "namespace": namespace}, "rules": [rule]})
}

fn get_pod(policy: &Policy, user: &User, namespace: &str) -> Decision {
    let pods = ResourceTarget { resource: "pods", namespace, ..Default::default() };
    policy.authorize(user, &Attributes::resource("get", pods))
}

#[test]
fn reasons_name_binding_role_and_subject() {
    for (kind, subject, user, reason) in [
        (
            RbacKind::ClusterRoleBinding,
            json!({"kind": "User", "name": "u"}),
            User::new("u", ["g"]),
            "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"r\" to User \"u\"",
        ),
        (
            RbacKind::RoleBinding,
            json!({"kind": "Group", "name": "g"}),
            User::new("u", ["g"]),
            "RBAC: allowed by RoleBinding \"b/n\" of Role \"r\" to Group \"g\"",
        ),
        (
            RbacKind::RoleBinding,
            json!({"kind": "ServiceAccount", "name": "s"}),
            User::service_account("n", "s", ""),
            "RBAC: allowed by RoleBinding \"b/n\" of Role \"r\" to ServiceAccount \"s/n\"",
        ),
    ] {
        let namespace = if kind.is_namespaced() { "n" } else { "" };
        let mut policy = Policy::default();
        let of = if kind.is_namespaced() { RbacKind::Role } else { RbacKind::ClusterRole };
        policy.apply(of, &role(namespace)).unwrap();
        policy.apply(kind, &binding(kind, namespace, subject)).unwrap();
        assert_eq!(get_pod(&policy, &user, "n"), Decision { allowed: true, reason: reason.to_owned() });
        assert_eq!(get_pod(&policy, &user, "other").allowed, !kind.is_namespaced());
        assert_eq!(get_pod(&policy, &User::new("v", ["h"]), "n"), Decision::default());

        policy.remove(of, namespace, "r");
        let what = if kind.is_namespaced() { "role" } else { "clusterrole" };
        let reason = format!("RBAC: {what}.rbac.authorization.k8s.io \"r\" not found");
        assert_eq!(get_pod(&policy, &user, "n"), Decision { allowed: false, reason });
        policy.remove(kind, namespace, "b");
        assert_eq!(get_pod(&policy, &user, "n"), Decision::default());
        assert!(policy.bindings.is_empty() && policy.roles.is_empty());
    }
}

#[test]
fn masters_may_do_everything_without_a_reason() {
    let master = User::new("m", [MASTERS]);
    let everything = Decision { allowed: true, reason: String::new() };
    assert_eq!(get_pod(&Policy::default(), &master, "n"), everything);
    assert_eq!(Policy::default().authorize(&master, &Attributes::path("delete", "/x")), everything);
}

#[test]
fn what_cannot_be_read_grants_nothing() {
    let mut policy = Policy::default();
    let user = User::new("u", ["g"]);
    let subject = json!({"kind": "User", "name": "u"});
    policy.apply(RbacKind::Role, &role("n")).unwrap();
    let good = binding(RbacKind::RoleBinding, "n", subject.clone());
    policy.apply(RbacKind::RoleBinding, &good).unwrap();
    assert!(get_pod(&policy, &user, "n").allowed);
    let mut broken = good;
    broken["subjects"] = json!("everybody");
    assert!(policy.apply(RbacKind::RoleBinding, &broken).is_err());
    assert_eq!(get_pod(&policy, &user, "n"), Decision::default());

    // Without a namespace it would hold everywhere.
    policy.apply(RbacKind::ClusterRole, &role("")).unwrap();
    let mut nowhere = binding(RbacKind::ClusterRoleBinding, "", subject);
    assert!(policy.apply(RbacKind::RoleBinding, &nowhere).is_err());
    assert_eq!(get_pod(&policy, &user, "n"), Decision::default());
    // And a cluster's binding has none, whatever is written in it.
    nowhere["metadata"]["namespace"] = json!("n");
    policy.apply(RbacKind::ClusterRoleBinding, &nowhere).unwrap();
    assert!(get_pod(&policy, &user, "elsewhere").allowed);
    policy.remove(RbacKind::ClusterRoleBinding, "", "b");
    assert_eq!(get_pod(&policy, &user, "elsewhere"), Decision::default());
}
