//! Which clusters a federated object is to be on: placement, the namespace's placement and the scope, as one answer.

use std::sync::Arc;

use tenancy::Scope;

use crate::entry::Entry;
use crate::registry::ClusterInfo;

/// What the federated namespace of an object allows.
#[derive(Clone, Debug)]
pub enum NamespaceGate {
    /// The object's kind, or the control plane's scope, is not gated.
    Open,
    /// The namespace is not federated: nothing in it is placed.
    NotFederated,
    /// Only where the namespace is.
    Placed(Arc<Entry>),
}

impl NamespaceGate {
    fn admits(&self, cluster: &ClusterInfo) -> bool {
        match self {
            Self::Open => true,
            Self::NotFederated => false,
            Self::Placed(namespace) => {
                namespace.placement.as_ref().is_ok_and(|p| p.selects(&cluster.name, &cluster.labels))
            }
        }
    }
}

/// Everything that decides where a federated object goes.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The object.
    pub entry: Arc<Entry>,
    /// Its namespace's part.
    pub gate: NamespaceGate,
    /// Its scope; `None` when tenant isolation is off.
    pub scope: Option<Scope>,
}

impl Selection {
    /// Whether the object may know of a cluster at all: read, write or delete anything on it.
    pub fn reaches(&self, cluster: &ClusterInfo) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.reaches(&cluster.scope))
    }

    /// Whether the object is to be on a cluster.
    pub fn selects(&self, cluster: &ClusterInfo) -> bool {
        !self.entry.is_deleting()
            && self.reaches(cluster)
            && self.entry.placement.as_ref().is_ok_and(|p| p.selects(&cluster.name, &cluster.labels))
            && self.gate.admits(cluster)
    }

    /// Whether the object's own words place it on a cluster, whatever the namespace says and though it is being deleted:
    /// such a cluster may hold a copy.
    pub fn may_hold(&self, cluster: &ClusterInfo) -> bool {
        self.reaches(cluster)
            && self.entry.placement.as_ref().is_ok_and(|p| p.selects(&cluster.name, &cluster.labels))
    }
}
