//! `Cell` and `TopologyType`.

use kube::ResourceExt as _;

use super::{Violation, brought_in, is_dns_label, is_dns_subdomain, is_label_key, is_label_value};
use crate::{CELL_TOPOLOGY, CLUSTER_TOPOLOGY, Cell, CellTarget, TopologyType};

/// What is wrong with a cell; `old` is the one that it replaces.
pub fn validate_cell(new: &Cell, old: Option<&Cell>) -> Vec<Violation> {
    let Some(old) = old else { return all(new) };
    let mut found = brought_in(all(new), &all(old));
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
    found
}

fn all(new: &Cell) -> Vec<Violation> {
    let mut found = Vec::new();
    if !is_dns_label(&new.name_any()) {
        found.push(Violation::new(
            "metadata.name",
            "must be a DNS label (lower-case letters, digits, -; no dot), since its cluster is named <cell>.<namespace>",
        ));
    }
    if new.spec.cluster_name.is_empty() {
        found.push(Violation::new("spec.clusterName", "is required: the KubeFedCluster that the cell is on"));
    } else if !is_dns_subdomain(&new.spec.cluster_name) {
        let message = format!("{:?} is no KubeFedCluster's name", new.spec.cluster_name);
        found.push(Violation::new("spec.clusterName", message));
    }
    for (key, value) in &new.spec.labels {
        if !is_label_key(key) {
            let message =
                format!("{key:?} is no label key; write name or domain/name, letters, digits, -, _ and .");
            found.push(Violation::new("spec.labels", message));
        } else if !is_label_value(value) {
            let message =
                format!("{value:?} is no label value; write at most 63 letters, digits, -, _ and .");
            found.push(Violation::new(format!("spec.labels[{key}]"), message));
        }
    }
    if let Some(target) = &new.spec.target {
        found.extend(target_trouble(target));
    }
    found
}

/// A template that cannot be read, or that makes names which no object can have.
fn target_trouble(target: &CellTarget) -> Option<Violation> {
    let (namespace, name) = match target.parse() {
        Ok(templates) => templates,
        Err((field, error)) => {
            return Some(Violation::new(format!("spec.target.{field}"), error.to_string()));
        }
    };
    let sample = |template: Option<crate::NameTemplate>| template.map(|t| t.render(|_| "a"));
    if let Some(sample) = sample(namespace).filter(|s| !is_dns_label(s)) {
        let message = format!("makes names such as {sample:?}, which no namespace can have");
        return Some(Violation::new("spec.target.namespace", message));
    }
    let sample = sample(name).filter(|s| !is_dns_subdomain(s))?;
    let message = format!("makes names such as {sample:?}, which no object can have");
    Some(Violation::new("spec.target.name", message))
}

/// What is wrong with a declared topology type; `old` is the one that it replaces.
pub fn validate_topology_type(new: &TopologyType, old: Option<&TopologyType>) -> Vec<Violation> {
    match old {
        Some(old) => brought_in(topology_type_trouble(new), &topology_type_trouble(old)),
        None => topology_type_trouble(new),
    }
}

fn topology_type_trouble(topology_type: &TopologyType) -> Vec<Violation> {
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
        assert_eq!(
            fields(&cell("rz00a", "M_1", Some("{namespace}.x")), None),
            ["spec.clusterName", "spec.target.namespace"]
        );
        let mut labelled = good.clone();
        labelled.spec.labels = [("a b", "x"), ("zone", "x/y"), ("fedd.io/tier", "gold")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        assert_eq!(fields(&labelled, None), ["spec.labels", "spec.labels[zone]"]);
        // What was wrong before may stay; what is added may not be.
        assert!(fields(&labelled, Some(&labelled)).is_empty());
        assert_eq!(fields(&labelled, Some(&good)), ["spec.labels", "spec.labels[zone]"]);
    }

    #[test]
    fn a_topology_types_rules() {
        let declared = |name: &str, template: &str| {
            TopologyType::new(name, TopologyTypeSpec { cluster_name_template: template.to_owned() })
        };
        let fields = |name: &str, template: &str| {
            let found = validate_topology_type(&declared(name, template), None);
            found.into_iter().map(|v| v.field).collect::<Vec<_>>()
        };
        assert!(fields("zone", "{name}-{namespace}").is_empty());
        assert_eq!(fields("cell", "{namespace}"), ["metadata.name", "spec.clusterNameTemplate"]);
        assert_eq!(fields("Zone", "{name}_x"), ["metadata.name", "spec.clusterNameTemplate"]);
        let old = declared("Zone", "{name}");
        assert_eq!(validate_topology_type(&old, Some(&old)), []);
        assert_eq!(validate_topology_type(&declared("Zone", "{name}_x"), Some(&old)).len(), 1);
    }
}
