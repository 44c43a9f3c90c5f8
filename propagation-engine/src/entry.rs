//! A federated object, with what is worked out from it once per version.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use federation_model::{
    CompiledPlacement, Feature, FeatureGates, FederatedObject, Mask, ObjectKey, Placement, PlacementError,
    annotation, finalizer,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use kube::ResourceExt as _;

use crate::version::{TemplateRevision, overrides_version, template_version};

/// A federated object and what follows from it alone.
#[derive(Debug)]
pub struct Entry {
    /// The object.
    pub object: FederatedObject,
    /// Its name.
    pub key: ObjectKey,
    /// Its placement.
    pub placement: Result<CompiledPlacement, PlacementError>,
    /// Its mask; open while it is being deleted, since deletion is everywhere.
    pub mask: Mask,
    /// Its revision in clusters without overrides.
    revision: String,
    /// Its revision in the others.
    revisions: HashMap<String, String>,
    /// KubeFed's versions of template and overrides, once somebody asked.
    kubefed_versions: OnceLock<(String, String)>,
}

impl Entry {
    /// Works out what follows from an object.
    pub fn new(mut object: FederatedObject, gates: &FeatureGates) -> Arc<Self> {
        // managedFields are as large as the object and no decision needs them.
        object.metadata.managed_fields = None;
        let spec = &object.spec;
        let template = TemplateRevision::of(spec.template.as_ref(), spec.retain_replicas.unwrap_or(false));
        let revisions = spec
            .overrides
            .iter()
            .flatten()
            .map(|o| (o.cluster_name.clone(), template.with(o.cluster_overrides.as_deref())))
            .collect();
        let deleting = object.metadata.deletion_timestamp.is_some();
        let mask = if deleting || !gates.is_on(Feature::PlacementMask) {
            Mask::Open
        } else {
            Mask::compile(spec.placement_mask.as_ref())
        };
        Arc::new(Self {
            key: ObjectKey::of(&object.metadata),
            placement: Placement::compile(spec.placement.as_ref()),
            mask,
            revision: template.with(None),
            revisions,
            kubefed_versions: OnceLock::new(),
            object,
        })
    }

    /// The same wants, with an object of which only status or bookkeeping changed.
    pub fn with_bookkeeping_of(&self, mut object: FederatedObject) -> Arc<Self> {
        object.metadata.managed_fields = None;
        Arc::new(Self {
            key: self.key.clone(),
            placement: self.placement.clone(),
            mask: self.mask.clone(),
            revision: self.revision.clone(),
            revisions: self.revisions.clone(),
            kubefed_versions: self.kubefed_versions.clone(),
            object,
        })
    }

    /// Its revision in a cluster: the hash of the template and of that cluster's overrides.
    pub fn revision(&self, cluster: &str) -> &str {
        self.revisions.get(cluster).unwrap_or(&self.revision)
    }

    /// KubeFed's versions of its template and of its overrides, as `PropagatedVersion` has them.
    pub fn kubefed_versions(&self) -> &(String, String) {
        self.kubefed_versions.get_or_init(|| {
            let spec = &self.object.spec;
            (template_version(spec.template.as_ref()), overrides_version(spec.overrides.as_deref()))
        })
    }

    /// Whether it is being deleted.
    pub fn is_deleting(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// Whether members may be written to for it: the engine's finalizer is on it.
    pub fn has_finalizer(&self) -> bool {
        self.object.finalizers().iter().any(|f| f == finalizer::SYNC)
    }

    /// Whether its deletion leaves the members' objects.
    pub fn orphans(&self) -> bool {
        self.annotations().get(annotation::ORPHAN).is_some_and(|v| v == "true")
    }

    /// The options for deletions that its own deletion causes.
    ///
    /// # Errors
    /// The annotation is no JSON `DeleteOptions`; the words say so.
    pub fn delete_options(&self) -> Result<DeleteOptions, String> {
        match self.annotations().get(annotation::DELETE_OPTION) {
            None => Ok(DeleteOptions::default()),
            Some(text) => serde_json::from_str(text).map_err(|e| {
                format!(
                    "annotation {} is not a JSON DeleteOptions ({e}); correct it or take it off",
                    annotation::DELETE_OPTION
                )
            }),
        }
    }

    /// Its annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        self.object.annotations()
    }

    /// Its uid.
    pub fn uid(&self) -> &str {
        self.object.metadata.uid.as_deref().unwrap_or_default()
    }
}
