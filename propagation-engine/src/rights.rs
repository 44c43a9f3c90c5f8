//! What the engine asks of members, as the rights that it takes: pure, from the type configs.
//!
//! Kept beside [`crate::ports::Member`]: a method there that asks for something else needs another verb here.

use std::collections::{BTreeMap, BTreeSet};

use federation_model::{FederatedTypeConfig, Scope, Settings};
use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::federated_type::is_propagated;
use crate::registry::ClusterInfo;

/// What is done to objects of a federated type on a member: they are read and watched; created, updated (by PUT) and
/// deleted; and the managed label is taken off by a patch. No subresource is asked for: a status comes with its object.
pub const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// The paths of a health check.
const HEALTH: [&str; 2] = ["/healthz", "/version"];

/// The rights that a control plane needs on a member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRights {
    /// Of a ClusterRole.
    pub everywhere: Vec<PolicyRule>,
    /// Of a Role in the federation's namespace, where the control plane is of one namespace; else empty.
    pub in_namespace: Vec<PolicyRule>,
}

impl MemberRights {
    /// What propagation of these types takes, by a control plane with these settings, whose namespace it is.
    ///
    /// A type that is not propagated takes nothing.
    pub fn of(configs: &[FederatedTypeConfig], settings: &Settings, namespace: &str) -> Self {
        let configs: Vec<_> = configs.iter().cloned().map(FederatedTypeConfig::with_defaults).collect();
        let types: Vec<_> = configs.iter().filter(|config| is_propagated(config, settings)).collect();
        match settings.scope {
            Scope::Cluster => {
                let mut everywhere = health();
                if !types.iter().any(|config| is_core_namespace(config)) {
                    everywhere.push(identity());
                }
                everywhere.extend(of_types(types));
                Self { everywhere, in_namespace: Vec::new() }
            }
            Scope::Namespaced => {
                let mut everywhere = health();
                everywhere.push(identity());
                // The namespace itself may be federated; the control plane only looks whether it is there.
                if types.iter().any(|config| is_core_namespace(config)) {
                    everywhere.push(PolicyRule {
                        resource_names: Some(vec![namespace.to_owned()]),
                        ..rule("", ["namespaces"], ["get", "list", "watch"])
                    });
                }
                let types = types.into_iter().filter(|config| !is_core_namespace(config));
                Self { everywhere, in_namespace: of_types(types) }
            }
        }
    }
}

/// Health checks. Nodes tell region and zones.
fn health() -> Vec<PolicyRule> {
    vec![
        PolicyRule {
            non_resource_urls: Some(HEALTH.map(str::to_owned).to_vec()),
            verbs: vec!["get".to_owned()],
            ..PolicyRule::default()
        },
        rule("", ["nodes"], ["list"]),
    ]
}

/// The identity of a member is the uid of its namespace `kube-system`.
fn identity() -> PolicyRule {
    PolicyRule { resource_names: Some(vec!["kube-system".to_owned()]), ..rule("", ["namespaces"], ["get"]) }
}

/// One rule for each group, all in order, so that the same types make the same role.
fn of_types<'c>(types: impl IntoIterator<Item = &'c FederatedTypeConfig>) -> Vec<PolicyRule> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for config in types {
        let target = &config.spec.target_type;
        groups.entry(&target.group).or_default().insert(&target.plural_name);
    }
    groups.into_iter().map(|(group, plurals)| rule(group, plurals, VERBS)).collect()
}

fn rule<'s>(
    group: &str,
    resources: impl IntoIterator<Item = &'s str>,
    verbs: impl IntoIterator<Item = &'s str>,
) -> PolicyRule {
    let owned = |texts: &mut dyn Iterator<Item = &'s str>| texts.map(str::to_owned).collect();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(&mut resources.into_iter())),
        verbs: owned(&mut verbs.into_iter()),
        ..PolicyRule::default()
    }
}

fn is_core_namespace(config: &FederatedTypeConfig) -> bool {
    let target = &config.spec.target_type;
    target.group.is_empty() && target.plural_name == "namespaces"
}

/// What to do about a cluster whose member forbids something, for people.
pub(crate) fn advice(cluster: &ClusterInfo) -> String {
    // A cell has the access of a cluster, whose name it does not tell.
    let name = if cluster.cell.is_empty() { &cluster.name } else { "CLUSTER" };
    format!("`fedd permissions member {name}` prints the rights that it takes there")
}

#[cfg(test)]
mod tests {
    use federation_model::{ApiResourceReference, Feature, Mode, default_types, type_config};
    use serde_json::{Value, json};

    use super::*;

    fn config(group: &str, plural: &str, scope: Scope) -> FederatedTypeConfig {
        let target = ApiResourceReference {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: plural.to_owned(),
            plural_name: plural.to_owned(),
            scope,
        };
        type_config(&target, "fed")
    }

    fn defaults(plurals: &[&str]) -> Vec<FederatedTypeConfig> {
        let chosen = |plural: &&str| {
            let ty = default_types().into_iter().find(|ty| ty.target.plural_name == *plural).unwrap();
            type_config(&ty.target, "fed")
        };
        plurals.iter().map(chosen).collect()
    }

    fn written(rules: &[PolicyRule]) -> Value {
        serde_json::to_value(rules).unwrap()
    }

    #[test]
    fn rights_are_those_of_the_types_and_of_health_checks() {
        let types = defaults(&["services", "deployments", "namespaces", "configmaps"]);
        let rights = MemberRights::of(&types, &Settings::default(), "fed");
        let expected = json!([
            {"nonResourceURLs": ["/healthz", "/version"], "verbs": ["get"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["configmaps", "namespaces", "services"], "verbs": VERBS},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": VERBS},
        ]);
        assert_eq!(written(&rights.everywhere), expected);
        assert!(rights.in_namespace.is_empty());
        // Whatever the order in which they come.
        let backwards: Vec<_> = types.into_iter().rev().collect();
        assert_eq!(MemberRights::of(&backwards, &Settings::default(), "fed"), rights);
    }

    #[test]
    fn a_type_that_is_not_propagated_takes_nothing() {
        let mut off = config("example.com", "widgets", Scope::Namespaced);
        off.spec.propagation = Mode::Disabled;
        let rights = MemberRights::of(&[off.clone()], &Settings::default(), "fed");
        assert!(!written(&rights.everywhere).to_string().contains("widgets"));
        assert!(
            written(&rights.everywhere).to_string().contains("kube-system"),
            "the identity is needed all the same"
        );
        off.spec.propagation = Mode::Enabled;
        let rights = MemberRights::of(&[off.clone()], &Settings::default(), "fed");
        assert!(written(&rights.everywhere).to_string().contains("widgets"));
        let gates = Settings::default().gates.with(Feature::PushReconciler, false);
        let settings = Settings { gates, ..Settings::default() };
        let rights = MemberRights::of(&[off], &settings, "fed");
        assert!(!written(&rights.everywhere).to_string().contains("widgets"));
    }

    #[test]
    fn a_control_plane_of_one_namespace_has_its_rights_there() {
        let mut types = defaults(&["namespaces", "configmaps", "clusterroles"]);
        types.push(config("example.com", "gadgets", Scope::Cluster));
        let settings = Settings { scope: Scope::Namespaced, ..Settings::default() };
        let rights = MemberRights::of(&types, &settings, "fed");
        assert_eq!(
            written(&rights.in_namespace),
            json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": VERBS}])
        );
        let named = |name: &str, verbs: &[&str]| json!({"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [name], "verbs": verbs});
        let everywhere = written(&rights.everywhere);
        assert_eq!(everywhere.as_array().unwrap().len(), 4, "{everywhere}");
        assert_eq!(everywhere[2], named("kube-system", &["get"]));
        assert_eq!(everywhere[3], named("fed", &["get", "list", "watch"]));
    }

    #[test]
    fn nobody_is_given_more_by_any_choice_of_types() {
        let all: Vec<_> = default_types().iter().map(|ty| type_config(&ty.target, "fed")).collect();
        for scope in [Scope::Cluster, Scope::Namespaced] {
            let settings = Settings { scope, ..Settings::default() };
            let rights = MemberRights::of(&all, &settings, "fed");
            for rule in rights.everywhere.iter().chain(&rights.in_namespace) {
                let said = written(std::slice::from_ref(rule)).to_string();
                for much in ["\"*\"", "escalate", "bind\"", "impersonate"] {
                    assert!(!said.contains(much), "{said}");
                }
            }
        }
    }
}
