//! Federated objects: their labels, and the clusters that they name.

use super::change::label_field;
use super::{Refusal, Rule};
use crate::{Labels, Scope, ScopeKeys};

/// What the rules need to know of a federated object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectFacts<'a> {
    /// Its labels.
    pub labels: &'a Labels,
    /// The clusters that it names in placement, mask and overrides.
    pub clusters: &'a [NamedCluster],
}

/// A cluster that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCluster {
    /// Where: `spec.placement.clusters[0].name`.
    pub field: String,
    /// The cluster's name.
    pub cluster: String,
}

impl ScopeKeys {
    /// What is wrong with a federated object; `old` is the one that it replaces.
    ///
    /// * `new` has been through initialisation ([`ScopeKeys::scope_labels_to_add`]): a label of the namespace's that is
    ///   missing counts as taken off.
    /// * `namespace` holds the labels of its namespace: `None` for a cluster-scoped object, and for nothing else.
    /// * `scope_of_cluster` says the scope of a cluster that exists. One that does not exist is no matter of scopes
    ///   (KubeFed drops it from the placement).
    ///
    /// A cluster out of reach is refused in words that do not tell whose it is.
    pub fn check_object(
        &self,
        new: ObjectFacts<'_>,
        old: Option<ObjectFacts<'_>>,
        namespace: Option<&Labels>,
        scope_of_cluster: &dyn Fn(&str) -> Option<Scope>,
    ) -> Vec<Refusal> {
        let mut found = self.check_own_labels(new.labels, old.map(|old| old.labels), namespace);
        if !found.is_empty() {
            // What is in reach is not settled yet.
            return found;
        }
        let scope = self.of_object(new.labels, namespace);
        let before = old.map(|old| (self.of_object(old.labels, namespace), old.clusters));
        for named in new.clusters {
            let Some(theirs) = scope_of_cluster(&named.cluster) else { continue };
            // Compared by cluster, since the place in a list moves.
            let stored = before.as_ref().is_some_and(|(scope, clusters)| {
                !scope.reaches(&theirs) && clusters.iter().any(|old| old.cluster == named.cluster)
            });
            if !stored && !scope.reaches(&theirs) {
                found.push(Refusal {
                    rule: Rule::ClusterIsInReach,
                    field: named.field.clone(),
                    message: self.out_of_reach(&named.cluster, &scope),
                });
            }
        }
        found
    }

    fn check_own_labels(
        &self,
        new: &Labels,
        old: Option<&Labels>,
        namespace: Option<&Labels>,
    ) -> Vec<Refusal> {
        let instead = "make a new object in a namespace of the other scope";
        let mut found = self.check_labels(new, old, instead);
        let Some(namespace) = namespace else { return found };
        match self.of_labels(namespace) {
            Scope::Incomplete if old.is_none() => found.push(self.incomplete_namespace()),
            Scope::Tenant { tenant, workspace_group }
                if old.map(|old| self.values(old)) != Some(self.values(new)) =>
            {
                for (key, theirs) in self.both().into_iter().zip([tenant, workspace_group]) {
                    let Some(own) = new.get(key).filter(|own| !own.is_empty() && **own != theirs) else {
                        continue;
                    };
                    let field = label_field(key);
                    if found.iter().all(|refusal| refusal.field != field) {
                        found.push(Refusal {
                            rule: Rule::ScopeIsTheNamespaces,
                            field,
                            message: format!(
                                "is {own:?}, and the namespace's is {theirs:?}: leave the label out, it is added, or \
                                 write the object into a namespace of its scope"
                            ),
                        });
                    }
                }
            }
            _ => {}
        }
        found
    }

    fn out_of_reach(&self, cluster: &str, scope: &Scope) -> String {
        match scope {
            Scope::Shared => format!(
                "cluster {cluster} is out of reach of an object without a scope: name clusters without one, or write the \
                 object into a namespace with the labels {} and {}",
                self.tenant, self.workspace_group
            ),
            Scope::Tenant { .. } => {
                format!("cluster {cluster} is out of reach of the scope {scope}: name clusters of that scope")
            }
            Scope::Incomplete | Scope::Contradictory => format!(
                "cluster {cluster} is out of reach, as every cluster is of an object whose labels {} and {} are {scope}: \
                 put those of the object or of its namespace right first",
                self.tenant, self.workspace_group
            ),
        }
    }
}
