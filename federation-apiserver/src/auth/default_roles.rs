//! The ClusterRoles and ClusterRoleBindings that a server starts with.
//!
//! They are kube-apiserver's, without the resources that a server does not have and without the roles of parts that it
//! does not have (nodes, schedulers, controllers outside the process). The server's own loops act as members of
//! `system:masters` and need none.

mod namespaced;
mod reconcile;

pub use reconcile::reconciled;

use serde_json::{Value, json};

use crate::auth::{
    ALL_SERVICE_ACCOUNTS, AUTHENTICATED, MASTERS, Policy, PolicyRule, RbacKind, UNAUTHENTICATED,
};

const GROUP: &str = "rbac.authorization.k8s.io";
/// What may be asked without knowing anything: whether the server lives, and which one it is.
const PUBLIC: [&str; 5] = ["/livez", "/readyz", "/healthz", "/version", "/version/"];

/// The ClusterRoles. `serves` says whether the server has a resource (`group`, `resource` or `resource/subresource`);
/// rules name only those. Aggregated roles come with their rules.
pub fn cluster_roles(serves: &dyn Fn(&str, &str) -> bool) -> Vec<Value> {
    let aggregated = |name: &str| Some(format!("{GROUP}/aggregate-to-{name}"));
    let mut roles = vec![
        role("cluster-admin", None, vec![resources("*", "*", "*"), paths(&["*"], "*")]),
        role(
            "system:discovery",
            None,
            vec![paths(
                &[&PUBLIC[..], &["/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"]].concat(),
                "get",
            )],
        ),
        role("system:monitoring", None, monitoring()),
        role(
            "system:basic-user",
            None,
            vec![
                resources(
                    "create",
                    "authorization.k8s.io",
                    "selfsubjectaccessreviews selfsubjectrulesreviews",
                ),
                resources("create", "authentication.k8s.io", "selfsubjectreviews"),
            ],
        ),
        role("system:public-info-viewer", None, vec![paths(&PUBLIC, "get")]),
        aggregating("admin", None),
        aggregating("edit", aggregated("admin")),
        aggregating("view", aggregated("edit")),
        role("system:aggregate-to-admin", aggregated("admin"), namespaced::admin()),
        role("system:aggregate-to-edit", aggregated("edit"), namespaced::edit()),
        role("system:aggregate-to-view", aggregated("view"), namespaced::view()),
        role(
            "system:auth-delegator",
            None,
            vec![
                resources("create", "authentication.k8s.io", "tokenreviews"),
                resources("create", "authorization.k8s.io", "subjectaccessreviews"),
            ],
        ),
        role(
            "system:service-account-issuer-discovery",
            None,
            vec![paths(
                &[
                    "/.well-known/openid-configuration",
                    "/.well-known/openid-configuration/",
                    "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ],
                "get",
            )],
        ),
    ];
    for role in &mut roles {
        if let Some(rules) = role["rules"].as_array_mut() {
            *rules = rules.iter().filter_map(|rule| served(rule, serves)).collect();
        }
    }
    with_aggregated_rules(roles)
}

/// The ClusterRoleBindings.
pub fn cluster_role_bindings() -> Vec<Value> {
    vec![
        binding("cluster-admin", &[MASTERS]),
        binding("system:monitoring", &["system:monitoring"]),
        binding("system:discovery", &[AUTHENTICATED]),
        binding("system:basic-user", &[AUTHENTICATED]),
        binding("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        binding("system:service-account-issuer-discovery", &[ALL_SERVICE_ACCOUNTS]),
    ]
}

fn monitoring() -> Vec<PolicyRule> {
    let urls = [
        "/metrics",
        "/metrics/slis",
        "/livez",
        "/readyz",
        "/healthz",
        "/livez/*",
        "/readyz/*",
        "/healthz/*",
        "/flagz",
        "/statusz",
    ];
    vec![paths(&urls, "get"), resources("get", "", "nodes/metrics")]
}

/// A rule of words with spaces between; kube-apiserver's rules have them sorted.
fn resources(verbs: &str, groups: &str, resources: &str) -> PolicyRule {
    let groups = if groups.is_empty() { vec![String::new()] } else { words(groups) };
    PolicyRule {
        verbs: words(verbs),
        api_groups: groups,
        resources: words(resources),
        ..PolicyRule::default()
    }
}

fn paths(urls: &[&str], verbs: &str) -> PolicyRule {
    PolicyRule {
        verbs: words(verbs),
        non_resource_urls: sorted(urls.iter().copied()),
        ..PolicyRule::default()
    }
}

fn words(text: &str) -> Vec<String> {
    sorted(text.split_whitespace())
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<_> = words.map(str::to_owned).collect();
    words.sort_unstable();
    words
}

fn role(name: &str, label: Option<String>, rules: Vec<PolicyRule>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, label),
        "rules": rules,
    })
}

fn aggregating(name: &str, label: Option<String>) -> Value {
    let mut role = role(name, label, Vec::new());
    let own = format!("{GROUP}/aggregate-to-{name}");
    role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {own: "true"}}]});
    role
}

fn binding(role: &str, groups: &[&str]) -> Value {
    let subject = |name| json!({"apiGroup": GROUP, "kind": "Group", "name": name});
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata(role, None),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": groups.iter().map(subject).collect::<Vec<_>>(),
    })
}

fn metadata(name: &str, label: Option<String>) -> Value {
    let mut labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    if let Some(label) = label {
        labels[label] = json!("true");
    }
    json!({"name": name, "labels": labels, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}})
}

/// The rule without what the server does not have; none if nothing is left.
fn served(rule: &Value, serves: &dyn Fn(&str, &str) -> bool) -> Option<Value> {
    let has = |group: &Value, resource: &Value| match (group.as_str(), resource.as_str()) {
        (Some("*"), _) | (_, Some("*")) => true,
        (Some(group), Some(resource)) => serves(group, resource),
        _ => false,
    };
    let (Some(groups), Some(resources)) = (rule["apiGroups"].as_array(), rule["resources"].as_array()) else {
        return Some(rule.clone());
    };
    let kept_groups: Vec<_> =
        groups.iter().filter(|group| resources.iter().any(|resource| has(group, resource))).collect();
    let kept: Vec<_> =
        resources.iter().filter(|resource| groups.iter().any(|group| has(group, resource))).collect();
    let mut rule = rule.clone();
    rule["apiGroups"] = json!(kept_groups);
    rule["resources"] = json!(kept);
    (!kept_groups.is_empty()).then_some(rule)
}

/// Fills in the aggregated roles, the inner before the outer.
fn with_aggregated_rules(mut roles: Vec<Value>) -> Vec<Value> {
    loop {
        let mut policy = Policy::default();
        for role in &roles {
            // Written above: a role that cannot be read would be found by the tests.
            let _readable = policy.apply(RbacKind::ClusterRole, role);
        }
        let stale = policy.stale_aggregates();
        if stale.is_empty() {
            return roles;
        }
        for (name, rules) in stale {
            if let Some(role) = roles.iter_mut().find(|role| role["metadata"]["name"] == *name) {
                role["rules"] = json!(rules);
            }
        }
    }
}

#[cfg(test)]
mod tests;
