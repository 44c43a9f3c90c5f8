//! `Cell` and `TopologyType`.

use kube::ResourceExt as _;

use super::{Violation, is_dns_label, is_dns_subdomain};
use crate::{CELL_TOPOLOGY, CLUSTER_TOPOLOGY, Cell, TopologyType};

/// What is wrong with a cell; `old` is the one that it replaces.
pub fn validate_cell(new: &Cell, old: Option<&Cell>) -> Vec<Violation> {
    let mut found = Vec::new();
    if !is_dns_label(&new.name_any()) {
        found.push(Violation::new(
            "metadata.name",
            "must be a DNS label (lower-case letters, digits, -; no dot), since its cluster is named <cell>.<namespace>",
        ));
    }
    if new.spec.cluster_name.is_empty() {
        found.push(Violation::new("spec.clusterName", "is required: the KubeFedCluster that the cell is on"));
    }
    if let Some(target) = &new.spec.target
        && let Err((field, error)) = target.parse()
    {
        found.push(Violation::new(format!("spec.target.{field}"), error.to_string()));
    }
    if let Some(old) = old {
        if old.spec.cluster_name != new.spec.cluster_name {
            found.push(Violation::new(
                "spec.clusterName",
                "cannot change: make a new cell, widen the placements to it, then take this one out",
            ));
        }
        if old.spec.target != new.spec.target {
            found.push(Violation::new(
                "spec.target",
                "cannot change: objects would be left behind under their old names",
            ));
        }
    }
    found
}

/// What is wrong with a declared topology type.
pub fn validate_topology_type(topology_type: &TopologyType) -> Vec<Violation> {
    let mut found = Vec::new();
    let name = topology_type.name_any();
    if name == CELL_TOPOLOGY || name == CLUSTER_TOPOLOGY {
        found.push(Violation::new("metadata.name", format!("{name} is built in; choose another name")));
    } else if !is_dns_label(&name) {
        found.push(Violation::new("metadata.name", "must be a DNS label"));
    }
    match topology_type.spec.parse() {
        Err(error) => found.push(Violation::new("spec.clusterNameTemplate", error.to_string())),
        Ok(template) => {
            let sample = template.render(|_| "a");
            if !is_dns_subdomain(&sample) {
                found.push(Violation::new(
                    "spec.clusterNameTemplate",
                    format!("makes names such as {sample:?}, which no cluster can have"),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellSpec, CellTarget, TopologyTypeSpec};

    #[test]
    fn a_cells_rules() {
        let cell = |name: &str, cluster: &str, target: Option<&str>| {
            Cell::new(
                name,
                CellSpec {
                    cluster_name: cluster.to_owned(),
                    target: target.map(|t| CellTarget { namespace: Some(t.to_owned()), name: None }),
                    ..CellSpec::default()
                },
            )
        };
        let fields =
            |new: &Cell, old| validate_cell(new, old).into_iter().map(|v| v.field).collect::<Vec<_>>();
        let good = cell("rz00a", "m1", Some("{namespace}-{cell}"));
        assert!(fields(&good, None).is_empty());
        assert_eq!(
            fields(&cell("rz.00a", "", Some("{cell}")), None),
            ["metadata.name", "spec.clusterName", "spec.target.namespace"]
        );
        assert_eq!(fields(&cell("rz00a", "m2", None), Some(&good)), ["spec.clusterName", "spec.target"]);
    }

    #[test]
    fn a_topology_types_rules() {
        let fields = |name: &str, template: &str| {
            let spec = TopologyTypeSpec { cluster_name_template: template.to_owned() };
            validate_topology_type(&TopologyType::new(name, spec))
                .into_iter()
                .map(|v| v.field)
                .collect::<Vec<_>>()
        };
        assert!(fields("zone", "{name}-{namespace}").is_empty());
        assert_eq!(fields("cell", "{namespace}"), ["metadata.name", "spec.clusterNameTemplate"]);
        assert_eq!(fields("Zone", "{name}_x"), ["metadata.name", "spec.clusterNameTemplate"]);
    }
}
