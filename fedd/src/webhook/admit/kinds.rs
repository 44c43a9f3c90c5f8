//! The kinds around the federated ones: thin, since each rule is the model's or the tenancy's.

use annotation_policy::AnnotationPolicy;
use federation_model::{
    Cell, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, TopologyType, Violation, annotation,
    brought_in, validate_cell as cell_rules, validate_cluster as cluster_rules,
    validate_config as config_rules, validate_topology_type as topology_type_rules,
    validate_type_config as type_config_rules,
};
use kube::ResourceExt as _;
use serde_json::json;
use tenancy::{CellFacts, Labels, Scope, ScopeKeys};

use super::typed;
use crate::webhook::review::{Operation, Request, Verdict};

fn verdict(found: Result<Vec<String>, String>) -> Verdict {
    Verdict::from_findings(&found.unwrap_or_else(|finding| vec![finding]))
}

fn words(found: &[Violation]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

/// `KubeFedCluster`. A cell's own follows its cell, whose scope labels the namespace says. `scope_of` is the scope of a
/// cluster, if there is one of that name.
pub fn validate_cluster(
    request: &Request,
    keys: Option<&ScopeKeys>,
    scope_of: impl Fn(&str) -> Option<Scope>,
) -> Verdict {
    verdict(typed::<KubeFedCluster>(request).map(|(new, old)| {
        let mut found = words(&cluster_rules(&new, old.as_ref()));
        // Nobody turns a cluster into a cell's to get around its scope.
        let is_cells = [Some(&new), old.as_ref()]
            .into_iter()
            .flatten()
            .all(|cluster| cluster.annotations().contains_key(annotation::ACCESS_OF));
        if let Some(keys) = keys.filter(|_| !is_cells) {
            let refusals = keys.check_cluster(new.labels(), old.as_ref().map(kube::ResourceExt::labels));
            found.extend(refusals.iter().map(ToString::to_string));
            let trouble = |cluster| tunnel_trouble(cluster, keys, &scope_of).into_iter().collect::<Vec<_>>();
            let before = old.as_ref().map(trouble).unwrap_or_default();
            found.extend(words(&brought_in(trouble(&new), &before)));
        }
        found
    }))
}

/// A tunnel of another tenant: a cluster goes through its own, a shared one, or one of its scope.
fn tunnel_trouble(
    cluster: &KubeFedCluster,
    keys: &ScopeKeys,
    scope_of: impl Fn(&str) -> Option<Scope>,
) -> Option<Violation> {
    let tunnel = cluster.tunnel().filter(|tunnel| cluster.metadata.name.as_deref() != Some(*tunnel))?;
    let (own, of) = (keys.of_labels(cluster.labels()), scope_of(tunnel)?);
    if own.may_put_a_cell_on(&of) {
        return None;
    }
    let field = format!("metadata.annotations[{}]", annotation::TUNNEL);
    let words = format!(
        "the tunnel of {tunnel} is {of}, and this cluster {own}; name one of the same scope, or \"true\""
    );
    Some(Violation::new(field, words))
}

/// `FederatedTypeConfig`.
pub fn validate_type_config(request: &Request) -> Verdict {
    verdict(typed::<FederatedTypeConfig>(request).map(|(new, old)| {
        let mut found = type_config_rules(&new, old.as_ref());
        let before: Vec<_> = old.as_ref().and_then(policy_trouble).into_iter().collect();
        found.extend(brought_in(policy_trouble(&new).into_iter().collect(), &before));
        words(&found)
    }))
}

/// A pattern that cannot be read: the first one.
fn policy_trouble(config: &FederatedTypeConfig) -> Option<Violation> {
    let patterns = config.spec.propagating_annotations.as_ref()?;
    let error = AnnotationPolicy::compile(patterns).err()?;
    let index = error.index().map(|i| format!("[{i}]")).unwrap_or_default();
    Some(Violation::new(format!("spec.propagatingAnnotations{index}"), error.to_string()))
}

/// `KubeFedConfig`.
pub fn validate_config(request: &Request) -> Verdict {
    verdict(typed::<KubeFedConfig>(request).map(|(new, old)| words(&config_rules(&new, old.as_ref()))))
}

/// `KubeFedConfig`, when it is made: every default is written out, as KubeFed does.
pub fn default_config(request: &Request) -> Verdict {
    if request.operation != Operation::Create {
        return Verdict::Allow;
    }
    match typed::<KubeFedConfig>(request) {
        Ok((config, _)) => {
            Verdict::Patch(vec![json!({"op": "add", "path": "/spec", "value": config.spec.with_defaults()})])
        }
        Err(finding) => Verdict::from_findings(&[finding]),
    }
}

/// What the rules of a cell look up.
pub struct CellRules<'a> {
    /// Whether there are cells; where there are none, nothing would come of one that is written.
    pub cells: bool,
    /// Keys of the scope labels; none when tenant isolation is off.
    pub keys: Option<&'a ScopeKeys>,
    /// Labels of the cell's namespace.
    pub namespace: &'a Labels,
    /// The scope of the cluster that it names, if that exists.
    pub cluster: Option<&'a Scope>,
}

/// `Cell`.
pub fn validate_cell(request: &Request, rules: &CellRules<'_>) -> Verdict {
    verdict(typed::<Cell>(request).map(|(new, old)| {
        let mut found = words(&cell_rules(&new, old.as_ref()));
        if !rules.cells && request.operation == Operation::Create {
            found.push(
                "spec: the feature gate Cells is off, so that nothing would come of this cell; turn the gate on in the \
                 KubeFedConfig, or place objects by cluster"
                    .to_owned(),
            );
        }
        let CellRules { namespace, cluster, .. } = *rules;
        if let Some(keys) = rules.keys {
            fn facts(cell: &Cell) -> CellFacts<'_> {
                CellFacts { labels: &cell.spec.labels, cluster: &cell.spec.cluster_name }
            }
            let refusals = keys.check_cell(facts(&new), old.as_ref().map(facts), namespace, cluster);
            found.extend(refusals.iter().map(ToString::to_string));
        }
        found
    }))
}

/// `TopologyType`.
pub fn validate_topology_type(request: &Request) -> Verdict {
    verdict(typed::<TopologyType>(request).map(|(new, old)| words(&topology_type_rules(&new, old.as_ref()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn request(object: Value) -> Request {
        Request { object: Some(object), ..Request::default() }
    }

    fn denied(verdict: Verdict) -> String {
        match verdict {
            Verdict::Deny(denial) => denial.message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_kind_is_refused_with_its_field() {
        let cluster = json!({"metadata": {"name": "c"}, "spec": {"apiEndpoint": "ftp://x", "secretRef": {"name": "s"}}});
        assert!(
            denied(validate_cluster(&request(cluster), None, |_| None)).starts_with("spec.apiEndpoint: ")
        );
        let config = json!({"metadata": {"name": "configmaps"}, "spec": {
            "targetType": {"version": "v1", "kind": "ConfigMap", "pluralName": "configmaps", "scope": "Namespaced"},
            "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": "FederatedConfigMap", "pluralName": "federatedconfigmaps", "scope": "Namespaced"},
            "propagation": "Enabled", "propagatingAnnotations": ["a/*", ""]}});
        assert!(
            denied(validate_type_config(&request(config))).starts_with("spec.propagatingAnnotations[1]: ")
        );
        let kubefed = json!({"metadata": {"name": "kubefed"}, "spec": {"featureGates": [{"name": "Nope", "configuration": "Enabled"}]}});
        assert!(
            denied(validate_config(&request(kubefed.clone()))).starts_with("spec.featureGates[0].name: ")
        );
        assert!(matches!(default_config(&request(kubefed)), Verdict::Patch(p) if p.len() == 1));
        let (keys, namespace) = (ScopeKeys::default(), Labels::new());
        let rules = CellRules { cells: true, keys: Some(&keys), namespace: &namespace, cluster: None };
        let cell = json!({"metadata": {"name": "a.b", "namespace": "n"}, "spec": {"clusterName": "c"}});
        assert!(denied(validate_cell(&request(cell), &rules)).starts_with("metadata.name: "));
        let zone = json!({"metadata": {"name": "cell"}, "spec": {"clusterNameTemplate": "{name}"}});
        assert!(denied(validate_topology_type(&request(zone))).starts_with("metadata.name: "));
        assert!(denied(validate_cell(&request(json!({"spec": 1})), &rules)).contains("cannot be read"));
    }

    #[test]
    fn a_cluster_does_not_go_through_another_tenants_tunnel() {
        let keys = ScopeKeys::default();
        let labels = |tenant: &str| json!({"fedd.io/tenant": tenant, "fedd.io/workspace-group": "prod"});
        let judged = |tenant: &str, tunnel: &str| {
            let cluster = json!({"metadata": {"name": "c", "labels": labels(tenant),
                "annotations": {"fedd.io/tunnel": tunnel}},
                "spec": {"apiEndpoint": "https://c", "secretRef": {"name": "s"}}});
            let scope_of = |name: &str| match name {
                "shared" => Some(Scope::Shared),
                "banks" => Some(keys.of_labels(&serde_json::from_value(labels("bank")).unwrap())),
                _ => None,
            };
            validate_cluster(&request(cluster), Some(&keys), scope_of)
        };
        for tunnel in ["true", "false", "c", "shared", "banks", "unknown"] {
            assert_eq!(judged("bank", tunnel), Verdict::Allow, "{tunnel}");
        }
        let words = denied(judged("shop", "banks"));
        assert!(
            words.starts_with("metadata.annotations[fedd.io/tunnel]: ") && words.contains("bank/prod"),
            "{words}"
        );
    }

    #[test]
    fn where_there_are_no_cells_none_is_made_and_old_ones_stay_editable() {
        let namespace = Labels::new();
        let rules = CellRules { cells: false, keys: None, namespace: &namespace, cluster: None };
        let cell = json!({"metadata": {"name": "rz00a", "namespace": "n"}, "spec": {"clusterName": "c"}});
        let created = Request { operation: Operation::Create, ..request(cell.clone()) };
        assert!(denied(validate_cell(&created, &rules)).starts_with("spec: the feature gate Cells is off"));
        assert_eq!(validate_cell(&created, &CellRules { cells: true, ..rules }), Verdict::Allow);
        let updated =
            Request { operation: Operation::Update, old_object: Some(cell.clone()), ..request(cell) };
        assert_eq!(validate_cell(&updated, &rules), Verdict::Allow);
    }

    #[test]
    fn a_fault_that_was_there_before_does_not_hold_an_update_up() {
        let update = |old: &Value, new: &Value| Request {
            operation: Operation::Update,
            old_object: Some(old.clone()),
            ..request(new.clone())
        };
        let old = json!({"metadata": {"name": "c", "finalizers": ["a/b"]},
            "spec": {"apiEndpoint": "ftp://x", "secretRef": {"name": "s"}}});
        let mut new = old.clone();
        new["metadata"]["finalizers"] = json!([]);
        assert_eq!(validate_cluster(&update(&old, &new), None, |_| None), Verdict::Allow);
        let old = json!({"metadata": {"name": "widgets"}, "spec": {
            "targetType": {"group": "example.com", "version": "v1", "kind": "Widget", "pluralName": "widgets", "scope": "Namespaced"},
            "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": "FederatedWidget", "pluralName": "federatedwidgets", "scope": "Namespaced"},
            "propagation": "Enabled", "propagatingAnnotations": [""]}});
        let mut new = old.clone();
        new["metadata"]["labels"] = json!({"a": "b"});
        assert_eq!(validate_type_config(&update(&old, &new)), Verdict::Allow);
        new["spec"]["propagatingAnnotations"] = json!(["a", "!"]);
        assert!(
            denied(validate_type_config(&update(&old, &new))).starts_with("spec.propagatingAnnotations[1]: ")
        );
    }
}
