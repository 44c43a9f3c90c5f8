//! `FederatedTypeConfig`: which types are federated, and how.

use kube::core::ApiResource;
use kube::{CustomResource, ResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::NAMESPACES_TYPE_CONFIG;

/// One federated type: its target on the members, its federated kind on the host, and what is done with it.
///
/// The name is `<target plural>` or `<target plural>.<target group>` (KubeFed).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "FederatedTypeConfig",
    plural = "federatedtypeconfigs",
    singular = "federatedtypeconfig",
    shortname = "ftc",
    namespaced,
    status = "FederatedTypeConfigStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Propagation","type":"string","jsonPath":".spec.propagation"}"#,
    printcolumn = r#"{"name":"Controller","type":"string","jsonPath":".status.propagationController"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedTypeConfigSpec {
    /// The type on the members.
    pub target_type: ApiResourceReference,
    /// The federated type on the host.
    pub federated_type: ApiResourceReference,
    /// Whether objects of the type are propagated.
    pub propagation: Mode,
    /// KubeFed's separate status type (`FederatedServiceStatus`), where one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_type: Option<ApiResourceReference>,
    /// Whether the members' status is collected. Absent: as the feature gates say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_collection: Option<Mode>,
    /// Globs over annotation keys that are pushed from the template; `!` takes away, later ones win, `*` crosses `/`.
    /// Absent: none is pushed, the members' are kept (KubeFed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagating_annotations: Option<Vec<String>>,
}

/// On or off, in KubeFed's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// On.
    #[default]
    Enabled,
    /// Off.
    Disabled,
}

/// Whether a type's objects live in namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// They do.
    #[default]
    Namespaced,
    /// They do not.
    Cluster,
}

/// A resource type as KubeFed names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiResourceReference {
    /// API group; empty or absent for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Plural name, as in URLs; empty means the one that the kind suggests.
    #[serde(default)]
    pub plural_name: String,
    /// Scope.
    pub scope: Scope,
}

/// What runs for a type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedTypeConfigStatus {
    /// Generation that the rest speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// Whether objects are being propagated.
    #[serde(default)]
    pub propagation_controller: ControllerState,
    /// Whether status is being collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_controller: Option<ControllerState>,
    /// Why something is not running, for people; absent when all is as the spec says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether a type's controller runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ControllerState {
    /// It does.
    Running,
    /// It does not.
    #[default]
    NotRunning,
}

impl ApiResourceReference {
    /// `group/version`, or the version alone for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The type for kube's dynamic API.
    pub fn api_resource(&self) -> ApiResource {
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version: self.api_version(),
            kind: self.kind.clone(),
            plural: self.plural_name.clone(),
        }
    }
}

impl FederatedTypeConfig {
    /// The config with KubeFed's in-controller defaults filled in: names that can be told from others.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        let name = self.name_any();
        let (plural, group) = name.split_once('.').unwrap_or((name.as_str(), ""));
        let target = &mut self.spec.target_type;
        if target.plural_name.is_empty() {
            plural.clone_into(&mut target.plural_name);
        }
        if target.group.is_empty() {
            group.clone_into(&mut target.group);
        }
        let federated = &mut self.spec.federated_type;
        if federated.plural_name.is_empty() {
            federated.plural_name = plural_of(&federated.kind);
        }
        let (federated_group, federated_version) = (federated.group.clone(), federated.version.clone());
        if let Some(status) = &mut self.spec.status_type {
            if status.group.is_empty() {
                status.group = federated_group;
            }
            if status.version.is_empty() {
                status.version = federated_version;
            }
            if status.plural_name.is_empty() {
                status.plural_name = plural_of(&status.kind);
            }
        }
        self
    }

    /// The name that the target type asks for.
    pub fn expected_name(&self) -> String {
        let target = &self.spec.target_type;
        if target.group.is_empty() {
            target.plural_name.clone()
        } else {
            format!("{}.{}", target.plural_name, target.group)
        }
    }

    /// Whether the target is the core `Namespace`.
    pub fn is_namespaces(&self) -> bool {
        self.name_any() == NAMESPACES_TYPE_CONFIG
    }

    /// Whether the federated objects live in namespaces. `FederatedNamespace` does, though its target does not.
    pub fn is_federated_namespaced(&self) -> bool {
        self.is_namespaces() || self.spec.target_type.scope == Scope::Namespaced
    }
}

/// The plural that a kind suggests: KubeFed's (and apimachinery's) rule of thumb.
pub fn plural_of(kind: &str) -> String {
    let lower = kind.to_lowercase();
    if ["s", "x", "z", "ch", "sh", "o"].iter().any(|end| lower.ends_with(end)) {
        lower + "es"
    } else if let Some(stem) = lower.strip_suffix('y') {
        format!("{stem}ies")
    } else {
        lower + "s"
    }
}
