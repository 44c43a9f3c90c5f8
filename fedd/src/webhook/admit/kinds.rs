//! The kinds around the federated ones: thin, since each rule is the model's or the tenancy's.

use annotation_policy::AnnotationPolicy;
use federation_model::{
    Cell, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, TopologyType, Violation, annotation,
    validate_cell as cell_rules, validate_cluster as cluster_rules, validate_config as config_rules,
    validate_topology_type as topology_type_rules, validate_type_config as type_config_rules,
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

/// `KubeFedCluster`. A cell's own follows its cell, whose scope labels the namespace says.
pub fn validate_cluster(request: &Request, keys: Option<&ScopeKeys>) -> Verdict {
    verdict(typed::<KubeFedCluster>(request).map(|(new, old)| {
        let mut found = words(&cluster_rules(&new));
        // Nobody turns a cluster into a cell's to get around its scope.
        let is_cells = [Some(&new), old.as_ref()]
            .into_iter()
            .flatten()
            .all(|cluster| cluster.annotations().contains_key(annotation::ACCESS_OF));
        if let Some(keys) = keys.filter(|_| !is_cells) {
            let refusals = keys.check_cluster(new.labels(), old.as_ref().map(kube::ResourceExt::labels));
            found.extend(refusals.iter().map(ToString::to_string));
        }
        found
    }))
}

/// `FederatedTypeConfig`.
pub fn validate_type_config(request: &Request) -> Verdict {
    verdict(typed::<FederatedTypeConfig>(request).map(|(new, _)| {
        let mut found = words(&type_config_rules(&new));
        if let Some(patterns) = &new.spec.propagating_annotations
            && let Err(error) = AnnotationPolicy::compile(patterns)
        {
            let index = error.index().map(|i| format!("[{i}]")).unwrap_or_default();
            found.push(format!("spec.propagatingAnnotations{index}: {error}"));
        }
        found
    }))
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

/// `Cell`. `cluster` is the scope of the cluster that it names, if that exists.
pub fn validate_cell(
    request: &Request,
    keys: Option<&ScopeKeys>,
    namespace: &Labels,
    cluster: Option<&Scope>,
) -> Verdict {
    verdict(typed::<Cell>(request).map(|(new, old)| {
        let mut found = words(&cell_rules(&new, old.as_ref()));
        if let Some(keys) = keys {
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
    verdict(typed::<TopologyType>(request).map(|(new, _)| words(&topology_type_rules(&new))))
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
        assert!(denied(validate_cluster(&request(cluster), None)).starts_with("spec.apiEndpoint: "));
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
        let cell = json!({"metadata": {"name": "a.b", "namespace": "n"}, "spec": {"clusterName": "c"}});
        assert!(
            denied(validate_cell(&request(cell), Some(&ScopeKeys::default()), &Labels::new(), None))
                .starts_with("metadata.name: ")
        );
        let zone = json!({"metadata": {"name": "cell"}, "spec": {"clusterNameTemplate": "{name}"}});
        assert!(denied(validate_topology_type(&request(zone))).starts_with("metadata.name: "));
        assert!(
            denied(validate_cell(&request(json!({"spec": 1})), None, &Labels::new(), None))
                .contains("cannot be read")
        );
    }
}
