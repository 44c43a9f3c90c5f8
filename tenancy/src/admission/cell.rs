//! Cells: the cluster that one stands on, and the labels that it gives to its own.

use super::{Refusal, Rule};
use crate::{Labels, Scope, ScopeKeys};

/// What the rules need to know of a `Cell`.
#[derive(Clone, Copy, Debug)]
pub struct CellFacts<'a> {
    /// `spec.labels`: they go to the cell's `KubeFedCluster`.
    pub labels: &'a Labels,
    /// `spec.clusterName`: the cluster that it stands on.
    pub cluster: &'a str,
}

impl ScopeKeys {
    /// What is wrong with a cell; `old` is the one that it replaces, `namespace` the labels of its namespace, and
    /// `cluster` the scope of the cluster that `new` names, if that exists.
    ///
    /// A cell's own cluster has its namespace's scope ([`ScopeKeys::cell_cluster_labels`]), so the cell may say none, and
    /// may stand only where [`Scope::may_put_a_cell_on`] allows it.
    pub fn check_cell(
        &self,
        new: CellFacts<'_>,
        old: Option<CellFacts<'_>>,
        namespace: &Labels,
        cluster: Option<&Scope>,
    ) -> Vec<Refusal> {
        let mut found = Vec::new();
        for key in self.both() {
            let Some(value) = new.labels.get(key) else { continue };
            if old.and_then(|old| old.labels.get(key)) != Some(value) {
                found.push(Refusal {
                    rule: Rule::ScopeIsTheNamespaces,
                    field: format!("spec.labels[{key}]"),
                    message: "a cell's scope is that of its namespace: leave the label out".to_owned(),
                });
            }
        }
        if old.is_some_and(|old| old.cluster == new.cluster) {
            return found;
        }
        let scope = self.of_labels(namespace);
        if scope.reaches_nothing() {
            found.push(self.incomplete_namespace());
        } else if cluster.is_some_and(|theirs| !scope.may_put_a_cell_on(theirs)) {
            let name = new.cluster;
            let message = match scope {
                Scope::Tenant { .. } => {
                    format!(
                        "cluster {name} is out of reach of the scope {scope}: name one of that scope, or a shared one"
                    )
                }
                _ => format!(
                    "cluster {name} is out of reach of a namespace without a scope: name a shared one"
                ),
            };
            found.push(Refusal {
                rule: Rule::ClusterIsInReach,
                field: "spec.clusterName".to_owned(),
                message,
            });
        }
        found
    }
}
