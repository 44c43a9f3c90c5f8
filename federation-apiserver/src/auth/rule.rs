//! One rule of a role, and what it allows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::auth::{Attributes, ResourceTarget, Target, quote::quoted_list};

/// rbac.authorization.k8s.io's `PolicyRule`: verbs on resources, or verbs on paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// Verbs; `*` is any.
    #[serde(deserialize_with = "null_is_empty")]
    pub verbs: Vec<String>,
    /// API groups; `*` is any, the empty text the core group.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources, `resource/subresource`, `*/subresource`, or `*` for all of both.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The only names that the rule is about; none means any.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths; one that ends in `*` is all that begin so.
    #[serde(rename = "nonResourceURLs", deserialize_with = "null_is_empty")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

impl PolicyRule {
    /// Whether the rule allows this.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        contains_or_star(&self.verbs, attributes.verb)
            && match attributes.target {
                Target::Resource(target) => self.allows_resource(&target),
                Target::Path(path) => self.non_resource_urls.iter().any(|url| path_covers(url, path)),
            }
    }

    fn allows_resource(&self, target: &ResourceTarget<'_>) -> bool {
        contains_or_star(&self.api_groups, target.group)
            && self.resources.iter().any(|resource| resource_matches(resource, target))
            && (self.resource_names.is_empty() || contains(&self.resource_names, target.name))
    }
}

/// The form that messages about escalation use: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`.
impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let parts: Vec<_> = parts
            .iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| format!("{name}:{}", quoted_list(values)))
            .collect();
        write!(f, "{{{}}}", parts.join(", "))
    }
}

/// Whether a rule's path means this one: the same, or a beginning that ends in `*`.
pub(super) fn path_covers(rule: &str, path: &str) -> bool {
    rule == path || (rule.ends_with('*') && path.starts_with(rule.trim_end_matches('*')))
}

pub(super) fn contains(values: &[String], value: &str) -> bool {
    values.iter().any(|own| own == value)
}

pub(super) fn contains_or_star(values: &[String], value: &str) -> bool {
    values.iter().any(|own| own == "*" || own == value)
}

fn resource_matches(rule: &str, target: &ResourceTarget<'_>) -> bool {
    match target.subresource {
        _ if rule == "*" => true,
        "" => rule == target.resource,
        subresource => [target.resource, "*"].iter().any(|resource| {
            rule.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/')) == Some(subresource)
        }),
    }
}

/// Kubernetes writes an absent list as `null` in places.
pub(super) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
