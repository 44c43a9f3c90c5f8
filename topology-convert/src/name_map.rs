//! One name for another, so that no two ever become one.

use federation_model::CLUSTER_TOPOLOGY;

use crate::registry::Registry;
use crate::topology::TopologyType;

/// What stands before a cluster's name where the topology type has no name for it: `cluster/member1`.
pub(crate) const WRITTEN_OUT: &str = "cluster/";

/// The names of one object's topology type.
///
/// Names *agree* when the type maps each to the other and neither has a slash. All other names are written out:
///
/// | topology | cluster | |
/// | --- | --- | --- |
/// | `t` | `c` | where they agree |
/// | `cluster/c` | `c` | any other cluster |
/// | `t` | `<type>/t` | any other topology; no cluster can be named so |
///
/// Every cluster name has its own topology name, which leads back to it. Every topology name has a cluster name; it is
/// the one that leads back to it, unless it is written out without need: `cluster/c` always means `c`, also where the
/// type has a name for `c`, because what it means must not depend on whether the type is known yet.
#[derive(Debug)]
pub(crate) enum NameMap<'a> {
    /// Topologies are clusters.
    Same,
    /// Topologies are of a type, which may be unknown.
    Typed {
        /// What the object says its type is.
        type_name: &'a str,
        /// The type, unless unknown; then no names agree.
        topology: Option<&'a dyn TopologyType>,
        /// The object's namespace.
        namespace: Option<&'a str>,
    },
}

impl<'a> NameMap<'a> {
    /// The names of the type `type_name` (none means `cluster`) in objects of this namespace.
    pub(crate) fn new(
        type_name: Option<&'a str>,
        namespace: Option<&'a str>,
        registry: &'a Registry,
    ) -> Self {
        match type_name {
            None | Some(CLUSTER_TOPOLOGY) => Self::Same,
            Some(type_name) => Self::Typed { type_name, topology: registry.get(type_name), namespace },
        }
    }

    /// The cluster name of a topology name.
    pub(crate) fn to_cluster(&self, topology: String) -> String {
        let Self::Typed { type_name, .. } = self else { return topology };
        if let Some(cluster) = topology.strip_prefix(WRITTEN_OUT) {
            return cluster.to_owned();
        }
        self.agreed_cluster(&topology).unwrap_or_else(|| format!("{type_name}/{topology}"))
    }

    /// The topology name of a cluster name.
    pub(crate) fn to_topology(&self, cluster: String) -> String {
        if matches!(self, Self::Same) {
            return cluster;
        }
        self.topology_of(&cluster).unwrap_or_else(|| format!("{WRITTEN_OUT}{cluster}"))
    }

    /// The topology that a cluster has without writing it out.
    pub(crate) fn topology_of(&self, cluster: &str) -> Option<String> {
        self.agreed_topology(cluster).or_else(|| self.unnameable(cluster).map(str::to_owned))
    }

    /// The cluster that agrees with a topology.
    pub(crate) fn agreed_cluster(&self, topology: &str) -> Option<String> {
        let Self::Typed { topology: Some(of), namespace, .. } = self else { return None };
        let cluster = plain(topology)?;
        let cluster = of.to_cluster(cluster, *namespace)?;
        plain(&cluster)?;
        (of.to_topology(&cluster, *namespace)? == topology).then_some(cluster)
    }

    /// The topology that agrees with a cluster.
    fn agreed_topology(&self, cluster: &str) -> Option<String> {
        let Self::Typed { topology: Some(of), namespace, .. } = self else { return None };
        let topology = of.to_topology(plain(cluster)?, *namespace)?;
        plain(&topology)?;
        (of.to_cluster(&topology, *namespace)? == cluster).then_some(topology)
    }

    /// The topology of which this cluster name was made for want of a real one.
    fn unnameable<'c>(&self, cluster: &'c str) -> Option<&'c str> {
        let Self::Typed { type_name, .. } = self else { return None };
        let topology = cluster.strip_prefix(*type_name)?.strip_prefix('/')?;
        (!topology.starts_with(WRITTEN_OUT) && self.agreed_cluster(topology).is_none()).then_some(topology)
    }
}

/// A name without a slash, so that it is not a written-out one.
fn plain(name: &str) -> Option<&str> {
    (!name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(type_name: &str, namespace: Option<&str>, expected: &[(&str, &str)]) {
        let registry = Registry::new();
        let names = NameMap::new(Some(type_name), namespace, &registry);
        for (topology, cluster) in expected {
            assert_eq!(names.to_cluster((*topology).to_owned()), *cluster, "the cluster of {topology}");
            assert_eq!(names.to_topology((*cluster).to_owned()), *topology, "the topology of {cluster}");
        }
    }

    #[test]
    fn every_name_has_one_on_the_other_side() {
        pairs(
            "cell",
            Some("ns"),
            &[
                ("a", "a.ns"),
                ("cluster/member1", "member1"),
                ("cluster/a.other", "a.other"),
                ("cluster/a.b.ns", "a.b.ns"),
                ("cluster/", ""),
                // Not what anybody means, but still apart from the names above.
                ("a.ns", "cell/a.ns"),
                ("", "cell/"),
                ("A", "cell/A"),
                ("cell/A", "cell/cell/A"),
                ("cluster/cell/a", "cell/a"),
                ("cluster/cluster/a.ns", "cluster/a.ns"),
                ("cluster/cell/cluster/A", "cell/cluster/A"),
            ],
        );
    }

    #[test]
    fn a_name_written_out_without_need_means_the_same_cluster() {
        let registry = Registry::new();
        let names = NameMap::new(Some("cell"), Some("ns"), &registry);
        assert_eq!(names.to_cluster("cluster/a.ns".to_owned()), "a.ns");
    }

    #[test]
    fn an_unknown_type_names_no_cluster() {
        pairs("zone", Some("ns"), &[("z1", "zone/z1"), ("cluster/z1-ns", "z1-ns"), ("cluster/a.ns", "a.ns")]);
    }

    #[test]
    fn a_cell_without_a_namespace_names_no_cluster() {
        pairs("cell", None, &[("a", "cell/a"), ("cluster/a.ns", "a.ns")]);
    }
}
