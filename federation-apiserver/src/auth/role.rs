//! Roles as objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::auth::{PolicyRule, rule::null_is_empty};
use crate::select::LabelSelector;

/// A Role or a ClusterRole: what matters of it to authorization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// Name, namespace and labels.
    pub metadata: RoleMeta,
    /// What the role allows.
    #[serde(deserialize_with = "null_is_empty")]
    pub rules: Vec<PolicyRule>,
    /// A ClusterRole only: take the rules from others.
    pub aggregation_rule: Option<AggregationRule>,
}

/// The part of a role's or binding's metadata that authorization reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RoleMeta {
    /// The name.
    pub name: String,
    /// The namespace; empty for cluster kinds.
    pub namespace: String,
    /// The labels, by which other roles aggregate this one.
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Which ClusterRoles' rules a ClusterRole takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    /// A role that any of these selects is taken; `None` is one that cannot be read, and selects nothing.
    #[serde(deserialize_with = "selectors")]
    pub cluster_role_selectors: Vec<Option<LabelSelector>>,
}

fn selectors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<LabelSelector>>, D::Error> {
    let selectors: Vec<serde_json::Value> = null_is_empty(deserializer)?;
    Ok(selectors.iter().map(LabelSelector::of_object).collect())
}
