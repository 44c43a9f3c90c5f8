//! A federated type, as the engine runs it.

use std::sync::Arc;

use annotation_policy::{AnnotationPolicy, PatternError};
use federation_model::{Feature, FeatureGates, FederatedTypeConfig, Mode, ObjectKey, Scope, Settings};
use kube::ResourceExt as _;
use kube::core::ApiResource;

use crate::retain::RetainedKind;

/// What a `FederatedTypeConfig` says, compiled.
#[derive(Clone, Debug)]
pub struct FederatedType {
    /// Name of the type config.
    pub name: Arc<str>,
    /// The type on the members.
    pub target: ApiResource,
    /// Whether the target lives in namespaces.
    pub namespaced: bool,
    /// Whether the target is the core `Namespace`.
    pub namespaces: bool,
    /// The federated type, in the cluster form.
    pub federated: ApiResource,
    /// Whose annotations are whose.
    pub policy: AnnotationPolicy,
    /// What updates keep.
    pub retained: RetainedKind,
    /// Whether the members' status is brought back.
    pub collect_status: bool,
}

impl FederatedType {
    /// Whether the federated objects live in namespaces: a `FederatedNamespace` lives in the one that it stands for.
    pub fn is_federated_namespaced(&self) -> bool {
        self.namespaced || self.namespaces
    }

    /// The name of an object on members that name objects as the host does.
    pub fn plain_target(&self, key: &ObjectKey) -> ObjectKey {
        if self.namespaced && !self.namespaces { key.clone() } else { ObjectKey::cluster(key.name.clone()) }
    }

    /// Compiles a type config (with its defaults filled in).
    ///
    /// # Errors
    /// A pattern of `propagatingAnnotations` is none.
    pub fn compile(config: &FederatedTypeConfig, gates: &FeatureGates) -> Result<Self, PatternError> {
        let spec = &config.spec;
        let policy = match &spec.propagating_annotations {
            Some(patterns) if gates.is_on(Feature::AnnotationPolicy) => AnnotationPolicy::compile(patterns)?,
            _ => AnnotationPolicy::kubefed(),
        };
        let collect_status = match spec.status_collection {
            Some(Mode::Disabled) => false,
            Some(Mode::Enabled) => {
                gates.is_on(Feature::RawResourceStatusCollection) || gates.is_on(Feature::RealTimeStatus)
            }
            None => gates.is_on(Feature::RealTimeStatus),
        };
        Ok(Self {
            name: config.name_any().into(),
            target: spec.target_type.api_resource(),
            namespaced: spec.target_type.scope == Scope::Namespaced,
            namespaces: config.is_namespaces(),
            federated: spec.federated_type.api_resource(),
            policy,
            retained: RetainedKind::of(&spec.target_type.group, &spec.target_type.kind),
            collect_status,
        })
    }
}

/// Whether a type is of a scope that a control plane does not propagate: it has one namespace, and the type has none.
pub fn is_out_of_scope(config: &FederatedTypeConfig, settings: &Settings) -> bool {
    settings.scope == Scope::Namespaced
        && config.spec.target_type.scope == Scope::Cluster
        && !config.is_namespaces()
}

/// Whether a control plane with these settings is to propagate a type (its config with the defaults filled in).
pub fn is_propagated(config: &FederatedTypeConfig, settings: &Settings) -> bool {
    config.metadata.deletion_timestamp.is_none()
        && config.spec.propagation == Mode::Enabled
        && settings.gates.is_on(Feature::PushReconciler)
        && !is_out_of_scope(config, settings)
}
