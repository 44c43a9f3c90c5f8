//! What differs from the template in one cluster.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What differs in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterOverride {
    /// The cluster.
    pub cluster_name: String,
    /// Patches, applied in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_overrides: Option<Vec<Override>>,
}

/// One patch of a template: a JSON patch operation (RFC 6902), with KubeFed's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What to do; absent or empty: replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<OverrideOp>,
    /// The value, for add and replace; absent: null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What a patch does. KubeFed has these three, and the empty string for the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverrideOp {
    /// Adds a field or a list item.
    Add,
    /// Removes one.
    Remove,
    /// Replaces one.
    Replace,
    /// The empty string: replace.
    #[serde(rename = "")]
    Default,
}
