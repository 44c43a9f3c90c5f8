//! Feature gates: what fedd does beyond KubeFed can be taken away, one by one.

use std::collections::BTreeMap;

use crate::{FeatureGateConfig, Mode};

/// A feature that `KubeFedConfig.spec.featureGates` can turn on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// KubeFed's: propagate at all.
    PushReconciler,
    /// KubeFed's: collect status where the type config asks for it.
    RawResourceStatusCollection,
    /// KubeFed's: `ReplicaSchedulingPreference`.
    SchedulerPreferences,
    /// The form by topology, `types.kubefed.io/v1beta2`.
    TopologyForm,
    /// `Cell` objects, and name templates of cells.
    Cells,
    /// `placementMask`.
    PlacementMask,
    /// Scopes by tenancy labels.
    TenantIsolation,
    /// `propagatingAnnotations`.
    AnnotationPolicy,
    /// Status of every type, unless its type config says `Disabled`, as it changes.
    RealTimeStatus,
    /// What was last written is kept in the federated object's status, in the same write. Off, it is kept in KubeFed's
    /// `PropagatedVersion` and `ClusterPropagatedVersion` objects.
    VersionsInStatus,
    /// Members whose token lies readable in a Secret are not used; off unless asked for.
    SealedCredentialsOnly,
}

impl Feature {
    /// All of them, by name.
    pub const ALL: [Self; 11] = [
        Self::AnnotationPolicy,
        Self::Cells,
        Self::PlacementMask,
        Self::PushReconciler,
        Self::RawResourceStatusCollection,
        Self::RealTimeStatus,
        Self::SchedulerPreferences,
        Self::SealedCredentialsOnly,
        Self::TenantIsolation,
        Self::TopologyForm,
        Self::VersionsInStatus,
    ];

    /// The name in `featureGates`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PushReconciler => "PushReconciler",
            Self::RawResourceStatusCollection => "RawResourceStatusCollection",
            Self::SchedulerPreferences => "SchedulerPreferences",
            Self::TopologyForm => "TopologyForm",
            Self::Cells => "Cells",
            Self::PlacementMask => "PlacementMask",
            Self::TenantIsolation => "TenantIsolation",
            Self::AnnotationPolicy => "AnnotationPolicy",
            Self::RealTimeStatus => "RealTimeStatus",
            Self::VersionsInStatus => "VersionsInStatus",
            Self::SealedCredentialsOnly => "SealedCredentialsOnly",
        }
    }

    /// Whether it is on when nothing is said.
    pub fn default_on(self) -> bool {
        !matches!(self, Self::RawResourceStatusCollection | Self::SealedCredentialsOnly)
    }

    /// The feature of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// Which features are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGates(BTreeMap<Feature, bool>);

impl Default for FeatureGates {
    fn default() -> Self {
        Self(Feature::ALL.into_iter().map(|f| (f, f.default_on())).collect())
    }
}

impl FeatureGates {
    /// The gates that a config's list makes of the defaults; unknown names are left out (admission refuses them).
    pub fn from_config(list: &[FeatureGateConfig]) -> Self {
        let mut gates = Self::default();
        for gate in list {
            if let Some(feature) = Feature::by_name(&gate.name) {
                gates.0.insert(feature, gate.configuration == Mode::Enabled);
            }
        }
        gates
    }

    /// KubeFed v0.10: its own gates at their defaults, all of ours off.
    pub fn kubefed() -> Self {
        use Feature::{PushReconciler, SchedulerPreferences};
        Self(
            Feature::ALL
                .into_iter()
                .map(|f| (f, matches!(f, PushReconciler | SchedulerPreferences)))
                .collect(),
        )
    }

    /// Whether a feature is on.
    pub fn is_on(&self, feature: Feature) -> bool {
        self.0.get(&feature).copied().unwrap_or(false)
    }

    /// The same gates with one set.
    #[must_use]
    pub fn with(mut self, feature: Feature, on: bool) -> Self {
        self.0.insert(feature, on);
        self
    }
}
