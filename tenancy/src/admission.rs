//! What admission refuses, so that scopes stay what they are. Pure: lookups are arguments.

use std::fmt;

use crate::scope::{Labels, Scope, ScopeKeys};

/// Why a write is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field, as a user writes it.
    pub field: String,
    /// What is wrong, and what to write.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Refusal {}

const FIELD: &str = "metadata.labels";

impl ScopeKeys {
    fn names(&self) -> String {
        format!("{} and {}", self.tenant, self.workspace_group)
    }

    /// A scope, once set, does not change; half a scope is refused where it is new.
    fn check_change(&self, new: &Labels, old: Option<&Labels>) -> Option<Refusal> {
        let before = old.map_or(Scope::Shared, |labels| self.of_labels(labels));
        let after = self.of_labels(new);
        if before == after {
            return None;
        }
        let message = if before != Scope::Shared {
            format!("the labels {} cannot change once set ({before}): make a new object", self.names())
        } else if self.is_half(new) {
            format!("the labels {} belong together: set both, or none", self.names())
        } else {
            return None;
        };
        Some(Refusal { field: FIELD.to_owned(), message })
    }

    /// The labels that initialisation adds to an object: its namespace's scope, where it says none itself.
    pub fn scope_labels_to_add(&self, own: &Labels, namespace: Option<&Labels>) -> Labels {
        match (self.of_labels(own), namespace) {
            (Scope::Shared, Some(namespace)) => self.labels_of(&self.of_labels(namespace)),
            _ => Labels::new(),
        }
    }

    /// A federated object: its labels, and the clusters that it names (`named`: the field and the cluster of each).
    ///
    /// A cluster that does not exist is no matter of scopes (KubeFed drops it). One that exists out of reach is refused
    /// in words that do not tell whose it is.
    pub fn check_object<'a>(
        &self,
        new: &Labels,
        old: Option<&Labels>,
        namespace: Option<&Labels>,
        named: impl IntoIterator<Item = (&'a str, &'a str)>,
        scope_of_cluster: &dyn Fn(&str) -> Option<Scope>,
    ) -> Vec<Refusal> {
        let mut refusals: Vec<Refusal> = self.check_change(new, old).into_iter().collect();
        let scope = self.of_object(new, namespace);
        if scope == Scope::Contradictory {
            let theirs = namespace.map(|labels| self.of_labels(labels)).unwrap_or(Scope::Shared);
            refusals.push(Refusal {
                field: FIELD.to_owned(),
                message: format!("the labels {} must be the namespace's ({theirs}): leave them out, they are added", self.names()),
            });
            return refusals;
        }
        for (field, cluster) in named {
            if scope_of_cluster(cluster).is_some_and(|theirs| !scope.reaches(&theirs)) {
                refusals.push(Refusal {
                    field: field.to_owned(),
                    message: format!("cluster {cluster} is out of the scope of this object ({scope}): name clusters of its scope"),
                });
            }
        }
        refusals
    }

    /// A cluster: its scope does not change once set. Setting one where there was none is allowed: objects of no scope
    /// then leave the cluster's objects as they are, out of their reach.
    pub fn check_cluster(&self, new: &Labels, old: Option<&Labels>) -> Option<Refusal> {
        self.check_change(new, old)
    }

    /// A namespace: its scope does not change once set.
    pub fn check_namespace(&self, new: &Labels, old: Option<&Labels>) -> Option<Refusal> {
        self.check_change(new, old)
    }

    /// A cell of a namespace may be on a cluster that is shared, or of the namespace's scope.
    pub fn check_cell(&self, namespace: Option<&Labels>, cluster: &str, cluster_scope: Option<&Scope>) -> Option<Refusal> {
        let scope = namespace.map_or(Scope::Shared, |labels| self.of_labels(labels));
        match cluster_scope {
            None | Some(Scope::Shared) => None,
            Some(theirs) if scope.reaches(theirs) => None,
            Some(_) => Some(Refusal {
                field: "spec.clusterName".to_owned(),
                message: format!("cluster {cluster} is out of the scope of this namespace ({scope}): name a shared cluster or one of its scope"),
            }),
        }
    }
}
