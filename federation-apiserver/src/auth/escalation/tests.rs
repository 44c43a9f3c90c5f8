use serde_json::json;

use super::*;

/// `holder` may get pods; `escalator` may escalate; `binder` may bind ClusterRole `all`.
fn policy() -> Policy {
    let mut policy = Policy::default();
    let rule = |verb: &str, group: &str, resource: &str| json!({"verbs": [verb], "apiGroups": [group], "resources": [resource]});
    for (name, rule) in [
        ("holder", rule("get", "", "pods")),
        ("escalator", rule("escalate", GROUP, "clusterroles")),
        ("binder", rule("bind", GROUP, "clusterroles")),
        ("all", rule("*", "*", "*")),
    ] {
        let role = json!({"metadata": {"name": name}, "rules": [rule]});
        policy.apply(RbacKind::ClusterRole, &role).unwrap();
        if name != "all" {
            let binding = json!({
                "metadata": {"name": name},
                "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
                "subjects": [{"kind": "User", "name": name}],
            });
            policy.apply(RbacKind::ClusterRoleBinding, &binding).unwrap();
        }
    }
    policy
}

fn verdict(user: &str, kind: RbacKind, new: &Value, old: Option<&Value>) -> Result<(), String> {
    let groups = if user == "master" { vec!["system:masters"] } else { vec!["a", "b"] };
    let write = Write { kind, namespace: "", path_name: "new", new, old };
    check(&policy(), &User::new(user, groups), &write).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_role_takes_its_rules_or_the_verb_escalate() {
    let role = |verbs: &[&str]| {
        let rule = json!({"verbs": verbs, "apiGroups": [""], "resources": ["pods"]});
        json!({"metadata": {"name": "new"}, "rules": [rule]})
    };
    let kind = RbacKind::ClusterRole;
    assert_eq!(verdict("holder", kind, &role(&["get"]), None), Ok(()));
    assert_eq!(verdict("escalator", kind, &role(&["*"]), None), Ok(()));
    assert_eq!(verdict("master", kind, &role(&["*"]), None), Ok(()));
    assert_eq!(
        verdict("holder", kind, &role(&["get", "list", "watch"]), None).unwrap_err(),
        "clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: user \"holder\" (groups=[\"a\" \"b\"]) is \
         attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}"
    );
}

#[test]
fn an_aggregation_takes_the_right_to_everything_also_to_remove() {
    let plain = json!({"metadata": {"name": "new"}, "rules": []});
    let mut aggregating = plain.clone();
    aggregating["aggregationRule"] = json!({"clusterRoleSelectors": [{}]});
    let refusal = Err("clusterroles.rbac.authorization.k8s.io \"new\" is forbidden: \
         must have cluster-admin privileges to use the aggregationRule"
        .to_owned());
    let kind = RbacKind::ClusterRole;
    assert_eq!(verdict("holder", kind, &aggregating, None), refusal);
    assert_eq!(verdict("holder", kind, &plain, Some(&aggregating)), refusal);
    assert_eq!(verdict("holder", kind, &plain, Some(&plain)), Ok(()));
}

#[test]
fn a_binding_takes_the_roles_rules_or_the_verb_bind() {
    let binding = |role: &str| {
        let role = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": role});
        json!({"metadata": {"name": "new"}, "roleRef": role})
    };
    let kind = RbacKind::ClusterRoleBinding;
    assert_eq!(verdict("holder", kind, &binding("holder"), None), Ok(()));
    assert_eq!(verdict("binder", kind, &binding("all"), None), Ok(()));
    assert!(verdict("holder", kind, &binding("all"), None).unwrap_err().contains("not currently held"));
    assert!(verdict("escalator", kind, &binding("all"), None).is_err());
    assert_eq!(
        verdict("holder", kind, &binding("none"), None).unwrap_err(),
        "clusterrolebindings.rbac.authorization.k8s.io \"none\" not found"
    );
}

#[test]
fn garbage_collection_may_let_go_of_what_one_does_not_hold() {
    let rule = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    let old = json!({"metadata": {"name": "new", "finalizers": ["x"]}, "rules": [rule]});
    let mut new = old.clone();
    new["metadata"]["finalizers"] = json!([]);
    assert_eq!(verdict("holder", RbacKind::ClusterRole, &new, Some(&old)), Ok(()));
    new["metadata"]["labels"] = json!({"a": "b"});
    assert!(verdict("holder", RbacKind::ClusterRole, &new, Some(&old)).is_err());
}
