//! `KubeFedConfig`: settings of the control plane.

mod settings;

use std::time::Duration;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FeatureGates, Mode, Scope};

/// Settings of the control plane; the object named `kubefed` in the federation's namespace is read.
///
/// Every field but the scope has a default, so that a config written for KubeFed, or none, is enough. Durations are Go's
/// (`1m30s`).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "KubeFedConfig",
    plural = "kubefedconfigs",
    singular = "kubefedconfig",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedConfigSpec {
    /// `Cluster`: all namespaces; `Namespaced`: the federation's own namespace only. Cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ControlPlaneScope>,
    /// Delays of the controllers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller_duration: Option<DurationConfig>,
    /// Leader election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader_elect: Option<LeaderElectConfig>,
    /// Features on or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGateConfig>>,
    /// Health checks of the members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_health_check: Option<ClusterHealthCheckConfig>,
    /// Propagation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_controller: Option<SyncControllerConfig>,
    /// Status collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_controller: Option<StatusControllerConfig>,
    /// Keys of the two labels that make a scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy: Option<TenancyConfig>,
}

/// What the control plane looks after. The same two words as for a type's scope.
pub type ControlPlaneScope = Scope;

/// Delays of the controllers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DurationConfig {
    /// Wait after a cluster became ready (default 20s in KubeFed; fedd acts at once and reads it for nothing else).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_delay: Option<String>,
    /// Wait after a cluster became unready (default 60s in KubeFed; fedd acts at once).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_delay: Option<String>,
    /// How long a member's informer may take to its first full list before its clusters' status says so (default 5m).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_sync_timeout: Option<String>,
}

/// Leader election.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaderElectConfig {
    /// How long a lease lasts without renewal (default 15s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_duration: Option<String>,
    /// How long a leader tries to renew before it gives up (default 10s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_deadline: Option<String>,
    /// Wait between tries (default 5s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_period: Option<String>,
    /// KubeFed's `configmaps` or `endpoints`, or `leases`. fedd always uses a Lease; the field is kept for KubeFed's sake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_lock: Option<String>,
}

/// One feature, on or off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureGateConfig {
    /// Name of the feature.
    pub name: String,
    /// On or off.
    pub configuration: Mode,
}

/// Health checks of the members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterHealthCheckConfig {
    /// Time between two checks of a cluster (default 10s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Checks that must fail in a row before a ready cluster is unready (default 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<i64>,
    /// Checks that must succeed in a row before an unready cluster is ready (default 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<i64>,
    /// How long one check may take (default 3s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// Propagation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncControllerConfig {
    /// Writes under way at once to one member, over all types (KubeFed: per type; default here 16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_reconciles: Option<i64>,
    /// Whether objects that a member has already are taken over (default Enabled).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt_resources: Option<Mode>,
}

/// Status collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusControllerConfig {
    /// Status writes under way at once, per type (KubeFed's default 1; here 8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_reconciles: Option<i64>,
}

/// Keys of the two labels that make a scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenancyConfig {
    /// Label of the tenant (default `fedd.io/tenant`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_label: Option<String>,
    /// Label of the workspace group (default `fedd.io/workspace-group`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_group_label: Option<String>,
}

/// The settings with every default filled in: what the control plane runs with.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the control plane looks after.
    pub scope: ControlPlaneScope,
    /// Longest first full list of a member's informer before the status says so.
    pub cache_sync_timeout: Duration,
    /// How long a lease lasts without renewal.
    pub lease_duration: Duration,
    /// How long a leader tries to renew.
    pub renew_deadline: Duration,
    /// Wait between tries.
    pub retry_period: Duration,
    /// Features.
    pub gates: FeatureGates,
    /// Time between two health checks.
    pub health_period: Duration,
    /// How long one health check may take.
    pub health_timeout: Duration,
    /// Failures in a row that make a cluster unready.
    pub failure_threshold: u32,
    /// Successes in a row that make a cluster ready.
    pub success_threshold: u32,
    /// Writes under way at once to one member.
    pub lane_workers: usize,
    /// Whether objects that a member has already are taken over.
    pub adopt: bool,
    /// Status writes under way at once, per type.
    pub status_workers: usize,
    /// Label of the tenant.
    pub tenant_label: String,
    /// Label of the workspace group.
    pub workspace_group_label: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scope: Scope::Cluster,
            cache_sync_timeout: Duration::from_secs(300),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(5),
            gates: FeatureGates::default(),
            health_period: Duration::from_secs(10),
            health_timeout: Duration::from_secs(3),
            failure_threshold: 3,
            success_threshold: 1,
            lane_workers: 16,
            adopt: true,
            status_workers: 8,
            tenant_label: crate::label::TENANT.to_owned(),
            workspace_group_label: crate::label::WORKSPACE_GROUP.to_owned(),
        }
    }
}
