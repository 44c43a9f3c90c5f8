//! `KubeFedConfig`: KubeFed's rules, and names of features that exist.

use super::Violation;
use crate::{Feature, KubeFedConfig};

/// What is wrong with a config; `old` is the one that it replaces.
pub fn validate_config(new: &KubeFedConfig, old: Option<&KubeFedConfig>) -> Vec<Violation> {
    let mut found = new.spec.settings().err().unwrap_or_default();
    if let Some(old) = old
        && old.spec.scope.is_some()
        && old.spec.scope != new.spec.scope
    {
        found.push(Violation::new("spec.scope", "cannot change: set up another control plane"));
    }
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
    found
}
