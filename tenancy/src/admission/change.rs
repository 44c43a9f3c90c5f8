//! Scope labels in themselves: whole, and final once set.

use super::{Refusal, Rule};
use crate::{Labels, ScopeKeys};

/// The field of a label.
pub(super) fn label_field(key: &str) -> String {
    format!("metadata.labels[{key}]")
}

impl ScopeKeys {
    /// What is wrong with the labels of a `KubeFedCluster`; `old` is what they replace.
    ///
    /// A cluster without a scope may get one: shared objects that are on it then stay there as they are, out of the reach
    /// of the federated objects that put them there.
    pub fn check_cluster(&self, new: &Labels, old: Option<&Labels>) -> Vec<Refusal> {
        self.check_labels(new, old, "unjoin the cluster and join it again with the other scope")
    }

    /// What is wrong with the labels of a namespace; `old` is what they replace.
    ///
    /// For platforms that let this control plane admit their namespaces. Those that do not have to see to it themselves:
    /// who may label a namespace decides whose clusters its objects reach.
    pub fn check_namespace(&self, new: &Labels, old: Option<&Labels>) -> Vec<Refusal> {
        self.check_labels(new, old, "make another namespace")
    }

    /// `instead` is what to do who wants another scope.
    pub(super) fn check_labels(&self, new: &Labels, old: Option<&Labels>, instead: &str) -> Vec<Refusal> {
        let before = old.map(|old| self.values(old));
        let after = self.values(new);
        let incomplete = before != Some(after) && self.of_labels(new).reaches_nothing();
        // Who has set one label already cannot leave both out any more.
        let free = before.is_none_or(|values| values.into_iter().flatten().all(str::is_empty));
        let or_neither = if free { ", or leave both labels out" } else { "" };
        let [tenant, workspace_group] = self.both();
        let mut found = Vec::new();
        for (i, (key, other)) in
            [(tenant, workspace_group), (workspace_group, tenant)].into_iter().enumerate()
        {
            let was = before.and_then(|values| values[i]).filter(|value| !value.is_empty());
            let (rule, message) = match (was, after[i]) {
                (Some(was), None) => (
                    Rule::ScopeIsFinal,
                    format!("cannot be taken off once set: write {was:?} again, or {instead}"),
                ),
                (Some(was), Some(is)) if is != was => (
                    Rule::ScopeIsFinal,
                    format!(
                        "cannot change from {was:?} to {is:?} once set: write {was:?} again, or {instead}"
                    ),
                ),
                (_, None) if incomplete => {
                    (Rule::ScopeIsWhole, format!("is missing while {other} is there: add it{or_neither}"))
                }
                (_, Some("")) if incomplete => {
                    (Rule::ScopeIsWhole, format!("is empty: give it a value{or_neither}"))
                }
                _ => continue,
            };
            found.push(Refusal { rule, field: label_field(key), message });
        }
        found
    }

    /// For what is new in a namespace whose labels are half a scope.
    pub(super) fn incomplete_namespace(&self) -> Refusal {
        Refusal {
            rule: Rule::ScopeIsWhole,
            field: "metadata.namespace".to_owned(),
            message: format!(
                "the namespace has no whole scope, so nothing in it reaches a cluster: give both its labels {} and {} a \
                 value first",
                self.tenant, self.workspace_group
            ),
        }
    }
}
