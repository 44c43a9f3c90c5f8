//! What a topology type is, and the three that there are.

use std::fmt;

use federation_model::{
    CELL_TOPOLOGY, CLUSTER_TOPOLOGY, NameTemplate, NameTemplateError, TopologyTypeSpec, cell_cluster_name,
    split_cell_cluster_name,
};

use crate::dns::is_label;

/// How the names of a kind of topology become cluster names, and back.
///
/// Both methods are pure. They need not be each other's inverse: conversion uses a pair of names only where they agree,
/// and writes all other names out (see the crate's documentation). `None` means "no such name": an answer, not an error.
pub trait TopologyType: fmt::Debug + Send + Sync {
    /// What users write as `spec.topologyType`.
    fn name(&self) -> &str;

    /// Whether the names mean something in a namespace only, so that objects without one cannot use the type.
    fn per_namespace(&self) -> bool;

    /// The cluster that stands for a topology, for objects of this namespace.
    fn to_cluster(&self, topology: &str, namespace: Option<&str>) -> Option<String>;

    /// The topology that a cluster stands for, for objects of this namespace.
    fn to_topology(&self, cluster: &str, namespace: Option<&str>) -> Option<String>;
}

/// `cluster`: topologies are clusters.
#[derive(Clone, Copy, Debug)]
pub struct Cluster;

impl TopologyType for Cluster {
    fn name(&self) -> &str {
        CLUSTER_TOPOLOGY
    }

    fn per_namespace(&self) -> bool {
        false
    }

    fn to_cluster(&self, topology: &str, _namespace: Option<&str>) -> Option<String> {
        Some(topology.to_owned())
    }

    fn to_topology(&self, cluster: &str, _namespace: Option<&str>) -> Option<String> {
        Some(cluster.to_owned())
    }
}

/// `cell`: topologies are the cells of the object's namespace, and the cluster of a cell is `<cell>.<namespace>`.
///
/// A cell's name is a DNS label, so `a.b.ns` is no cell of `ns`, and a cluster of another namespace's cell is none here.
#[derive(Clone, Copy, Debug)]
pub struct Cell;

impl TopologyType for Cell {
    fn name(&self) -> &str {
        CELL_TOPOLOGY
    }

    fn per_namespace(&self) -> bool {
        true
    }

    fn to_cluster(&self, topology: &str, namespace: Option<&str>) -> Option<String> {
        if is_label(topology) { namespace.map(|n| cell_cluster_name(topology, n)) } else { None }
    }

    fn to_topology(&self, cluster: &str, namespace: Option<&str>) -> Option<String> {
        let (cell, of) = split_cell_cluster_name(cluster)?;
        (Some(of) == namespace && is_label(cell)).then(|| cell.to_owned())
    }
}

/// A type that a platform declares by a `TopologyType` object.
#[derive(Clone, Debug)]
pub struct Declared {
    name: String,
    template: NameTemplate,
    per_namespace: bool,
}

impl Declared {
    /// The type of a `TopologyType` object of this name.
    pub fn new(name: impl Into<String>, spec: &TopologyTypeSpec) -> Result<Self, NameTemplateError> {
        let template = spec.parse()?;
        // A template that names the namespace makes different names in different namespaces, and only such a one does.
        let in_namespace = |namespace| template.render(|p| if p == "namespace" { namespace } else { "" });
        let per_namespace = in_namespace("a") != in_namespace("b");
        Ok(Self { name: name.into(), template, per_namespace })
    }

    /// The namespace to put into the template, unless it needs one and there is none.
    fn namespace_for<'a>(&self, namespace: Option<&'a str>) -> Option<&'a str> {
        if self.per_namespace { namespace } else { Some("") }
    }
}

impl TopologyType for Declared {
    fn name(&self) -> &str {
        &self.name
    }

    fn per_namespace(&self) -> bool {
        self.per_namespace
    }

    fn to_cluster(&self, topology: &str, namespace: Option<&str>) -> Option<String> {
        let namespace = self.namespace_for(namespace)?;
        (!topology.is_empty())
            .then(|| self.template.render(|p| if p == "name" { topology } else { namespace }))
    }

    fn to_topology(&self, cluster: &str, namespace: Option<&str>) -> Option<String> {
        let namespace = self.namespace_for(namespace)?;
        self.template.invert(cluster, "name", |_| namespace).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(template: &str) -> Declared {
        Declared::new("zone", &TopologyTypeSpec { cluster_name_template: template.to_owned() }).unwrap()
    }

    #[test]
    fn a_cell_is_a_label_in_a_namespace() {
        assert_eq!(Cell.to_cluster("rz00a", Some("bank")).as_deref(), Some("rz00a.bank"));
        assert_eq!(Cell.to_topology("rz00a.bank", Some("bank")).as_deref(), Some("rz00a"));
        for (cluster, namespace) in [
            ("rz00a.bank", None),
            ("rz00a.bank", Some("shop")),
            ("a.b.bank", Some("bank")),
            ("member1", Some("bank")),
        ] {
            assert_eq!(Cell.to_topology(cluster, namespace), None, "{cluster} in {namespace:?}");
        }
        assert_eq!(Cell.to_cluster("a.b", Some("bank")), None);
        assert_eq!(Cell.to_cluster("rz00a", None), None);
    }

    #[test]
    fn a_declared_type_follows_its_template() {
        let zone = declared("{name}-{namespace}");
        assert!(zone.per_namespace());
        assert_eq!(zone.to_cluster("z1", Some("bank")).as_deref(), Some("z1-bank"));
        assert_eq!(zone.to_topology("z1-bank", Some("bank")).as_deref(), Some("z1"));
        assert_eq!(zone.to_topology("-bank", Some("bank")), None);
        assert_eq!(zone.to_cluster("z1", None), None);

        let site = declared("site-{name}");
        assert!(!site.per_namespace());
        assert_eq!(site.to_cluster("north", None).as_deref(), Some("site-north"));
        assert_eq!(site.to_topology("site-north", Some("bank")).as_deref(), Some("north"));
    }
}
