//! `KubeFedConfig`: KubeFed's rules, and names of features that exist.

use super::{Violation, brought_in, is_label_key};
use crate::{Feature, KubeFedConfig};

/// What is wrong with a config; `old` is the one that it replaces.
pub fn validate_config(new: &KubeFedConfig, old: Option<&KubeFedConfig>) -> Vec<Violation> {
    let mut found = match old {
        Some(old) => brought_in(all(new), &all(old)),
        None => all(new),
    };
    if let Some(old) = old
        && old.spec.scope.is_some()
        && old.spec.scope != new.spec.scope
    {
        found.push(Violation::new("spec.scope", "cannot change: set up another control plane"));
    }
    found
}

fn all(new: &KubeFedConfig) -> Vec<Violation> {
    let mut found = new.spec.settings().err().unwrap_or_default();
    let gates = new.spec.feature_gates.as_deref().unwrap_or_default();
    for (i, gate) in gates.iter().enumerate() {
        let field = format!("spec.featureGates[{i}].name");
        if Feature::by_name(&gate.name).is_none() {
            let known: Vec<_> = Feature::ALL.iter().map(|f| f.name()).collect();
            found.push(Violation::new(
                field,
                format!("there is no feature {:?}; known are {}", gate.name, known.join(", ")),
            ));
        } else if gates[..i].iter().any(|g| g.name == gate.name) {
            found.push(Violation::new(field, format!("feature {} stands twice; keep one", gate.name)));
        }
    }
    let lock = new.spec.leader_elect.as_ref().and_then(|l| l.resource_lock.as_deref());
    if lock.is_some_and(|l| !["configmaps", "endpoints", "leases"].contains(&l)) {
        found.push(Violation::new(
            "spec.leaderElect.resourceLock",
            "must be leases (or, for KubeFed's sake, configmaps or endpoints)",
        ));
    }
    let tenancy = new.spec.tenancy.clone().unwrap_or_default();
    for (field, key) in
        [("tenantLabel", &tenancy.tenant_label), ("workspaceGroupLabel", &tenancy.workspace_group_label)]
    {
        if let Some(key) = key.as_ref().filter(|key| !is_label_key(key)) {
            found.push(Violation::new(
                format!("spec.tenancy.{field}"),
                format!("{key:?} is no label key; write one such as fedd.io/tenant"),
            ));
        }
    }
    if tenancy.tenant_label.is_some() && tenancy.tenant_label == tenancy.workspace_group_label {
        found.push(Violation::new(
            "spec.tenancy.workspaceGroupLabel",
            "is the tenant's label; the two halves of a scope need a label each",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(spec: Value) -> KubeFedConfig {
        KubeFedConfig::new("kubefed", serde_json::from_value(spec).unwrap())
    }

    fn one(spec: Value) -> Violation {
        let mut found = validate_config(&config(spec.clone()), None);
        assert_eq!(found.len(), 1, "{spec}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (spec, field, part) in [
            (
                json!({"clusterHealthCheck": {"period": "often"}}),
                "spec.clusterHealthCheck.period",
                "write 1h",
            ),
            (
                json!({"clusterHealthCheck": {"timeout": "0s"}}),
                "spec.clusterHealthCheck.timeout",
                "more than 0",
            ),
            (
                json!({"controllerDuration": {"availableDelay": "-1s"}}),
                "spec.controllerDuration.availableDelay",
                "write 1h",
            ),
            (
                json!({"syncController": {"maxConcurrentReconciles": 0}}),
                "spec.syncController.maxConcurrentReconciles",
                "from 1",
            ),
            (
                json!({"leaderElect": {"leaseDuration": "10s"}}),
                "spec.leaderElect.leaseDuration",
                "renewDeadline",
            ),
            (json!({"leaderElect": {"retryPeriod": "9s"}}), "spec.leaderElect.renewDeadline", "1.2 times"),
            (json!({"leaderElect": {"resourceLock": "files"}}), "spec.leaderElect.resourceLock", "leases"),
            (
                json!({"featureGates": [{"name": "Cels", "configuration": "Enabled"}]}),
                "spec.featureGates[0].name",
                "known are AnnotationPolicy, Cells",
            ),
            (
                json!({"featureGates": [{"name": "Cells", "configuration": "Enabled"}, {"name": "Cells", "configuration": "Disabled"}]}),
                "spec.featureGates[1].name",
                "keep one",
            ),
            (json!({"tenancy": {"tenantLabel": "a b"}}), "spec.tenancy.tenantLabel", "label key"),
            (
                json!({"tenancy": {"tenantLabel": "a", "workspaceGroupLabel": "a"}}),
                "spec.tenancy.workspaceGroupLabel",
                "a label each",
            ),
        ] {
            let found = one(spec);
            assert_eq!(found.field, field);
            assert!(found.message.contains(part), "{found}");
        }
    }

    #[test]
    fn on_an_update_only_what_it_brings_in_is_refused() {
        assert_eq!(validate_config(&config(json!({})), None), []);
        let old = config(json!({"scope": "Cluster", "clusterHealthCheck": {"period": "often"}}));
        assert_eq!(validate_config(&old, Some(&old)), []);
        let mut new = old.clone();
        new.spec.scope = Some(crate::Scope::Namespaced);
        let fields: Vec<_> = validate_config(&new, Some(&old)).into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["spec.scope"]);
    }
}
