//! Federated objects: what to run, where, and how that goes.
//!
//! [`FederatedObject`] is the cluster form (`types.kubefed.io/v1beta1`, KubeFed's), which is stored and which the engine
//! reads; [`TopologyObject`] is the topology form (`v1beta2`) of the same object.

mod mask;
mod overrides;
mod placement;
mod status;
mod topology;

use std::borrow::Cow;

use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope, ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::mask::{ClusterMask, Mask, Step, step};
pub use self::overrides::{ClusterOverride, Override, OverrideOp};
pub use self::placement::{ClusterReference, CompiledPlacement, Placement, PlacementError};
pub use self::status::{ClusterStatus, FederatedCondition, FederatedStatus, reason};
pub use self::topology::{
    TopologyFormStatus, TopologyMask, TopologyObject, TopologyOverride, TopologyPlacement, TopologyReference,
    TopologySpec, TopologyStatus,
};

/// A federated object in the cluster form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedObject {
    /// `types.kubefed.io/v1beta1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The federated kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Kubernetes metadata.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: FederatedSpec,
    /// How it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<FederatedStatus>,
}

/// What is wanted, by cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedSpec {
    /// The plain object, without kind, name and namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Value>,
    /// Clusters that are to hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Clusters that may be touched; absent: all, empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement_mask: Option<ClusterMask>,
    /// What differs per cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Vec<ClusterOverride>>,
    /// Whether the members' own `spec.replicas` stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_replicas: Option<bool>,
}

impl Resource for FederatedObject {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
