//! The first step of every selection: the clusters that exist for an object at all.

use crate::{Labels, Scope, ScopeKeys};

/// The names of the clusters that a scope reaches, of all by name and labels, in their order.
///
/// Placement, existence checks, deletion checks and status work on what this leaves, so that a cluster of another scope
/// can neither be written to nor hold anything up.
pub fn preselect<'a>(
    scope: &'a Scope,
    keys: &'a ScopeKeys,
    clusters: impl IntoIterator<Item = (&'a str, &'a Labels)>,
) -> impl Iterator<Item = &'a str> {
    clusters.into_iter().filter(|(_, labels)| scope.pair().reaches(keys.pair(labels))).map(|(name, _)| name)
}
