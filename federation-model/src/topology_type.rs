//! `TopologyType`: a kind of topology that a platform declares for itself.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{NameTemplate, NameTemplateError};

/// A kind of topology (a zone, a site, …): how its names become cluster names. `cluster` and `cell` are built in.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "fedd.io",
    version = "v1alpha1",
    kind = "TopologyType",
    plural = "topologytypes",
    singular = "topologytype",
    shortname = "tt",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Template","type":"string","jsonPath":".spec.clusterNameTemplate"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct TopologyTypeSpec {
    /// Template of the cluster's name, over `{name}` (the topology's; required) and `{namespace}` (the object's).
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name_template: String,
}

/// Placeholders of [`TopologyTypeSpec::cluster_name_template`].
pub const TOPOLOGY_PLACEHOLDERS: [&str; 2] = ["name", "namespace"];

impl TopologyTypeSpec {
    /// Reads the template.
    pub fn parse(&self) -> Result<NameTemplate, NameTemplateError> {
        NameTemplate::parse(&self.cluster_name_template, &TOPOLOGY_PLACEHOLDERS, "name")
    }
}
