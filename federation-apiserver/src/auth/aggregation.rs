//! ClusterRoles that take their rules from others.

use std::collections::HashSet;

use crate::auth::{PolicyRule, Role};

/// The rules that an aggregated role should have, or none if it is not one: those of every other role that a selector
/// picks, selector by selector, roles by name, each rule once.
pub fn rules<'a>(role: &Role, all: impl IntoIterator<Item = &'a Role>) -> Option<Vec<PolicyRule>> {
    let aggregation = role.aggregation_rule.as_ref()?;
    let mut others: Vec<_> =
        all.into_iter().filter(|other| other.metadata.name != role.metadata.name).collect();
    others.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let mut seen = HashSet::new();
    let rules = aggregation
        .cluster_role_selectors
        .iter()
        .flatten()
        .flat_map(|selector| {
            others
                .iter()
                .filter(|other| selector.matches_by(|key| other.metadata.labels.get(key).map(String::as_str)))
        })
        .flat_map(|other| other.rules.iter())
        .filter(|rule| seen.insert(*rule))
        .cloned()
        .collect();
    Some(rules)
}

#[cfg(test)]
mod tests;
