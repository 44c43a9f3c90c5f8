//! A federated object, with what is worked out from it once per version.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use federation_model::{
    CompiledPlacement, Feature, FeatureGates, FederatedObject, Mask, ObjectKey, Placement, PlacementError,
    annotation, finalizer,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use kube::ResourceExt as _;
use kube::core::SelectorExt as _;
use parking_lot::Mutex;
use tenancy::Scope;

use crate::registry::{ClusterInfo, Clusters};
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
    /// Where it was placed when somebody last asked.
    placed: Mutex<Option<Placed>>,
}

/// The clusters that a placement names, for one scope, among one generation of clusters.
#[derive(Clone, Debug)]
struct Placed {
    generation: u64,
    scope: Option<Scope>,
    clusters: Arc<[Arc<ClusterInfo>]>,
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
            placed: Mutex::default(),
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
            placed: Mutex::new(self.placed.lock().clone()),
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

    /// The clusters in a scope's reach that its placement names, whatever its namespace says. Labels are compared
    /// once for each change of the object or of the clusters.
    pub fn placed(&self, clusters: &Clusters, scope: Option<&Scope>) -> Arc<[Arc<ClusterInfo>]> {
        let mut known = self.placed.lock();
        if let Some(placed) = known.as_ref()
            && placed.generation == clusters.generation()
            && placed.scope.as_ref() == scope
        {
            return placed.clusters.clone();
        }
        let found: Arc<[Arc<ClusterInfo>]> = match &self.placement {
            Err(_) | Ok(CompiledPlacement::Nothing) => Arc::default(),
            Ok(CompiledPlacement::Names(names)) => names
                .iter()
                .filter_map(|name| clusters.get(name))
                .filter(|c| scope.is_none_or(|scope| scope.reaches(&c.scope)))
                .cloned()
                .collect(),
            Ok(CompiledPlacement::Labels(selector)) => {
                clusters.reached_by(scope).filter(|c| selector.matches(&c.labels)).cloned().collect()
            }
        };
        *known = Some(Placed {
            generation: clusters.generation(),
            scope: scope.cloned(),
            clusters: found.clone(),
        });
        found
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clusters(count: usize) -> Clusters {
        (0..count).fold(Clusters::default(), |clusters, i| {
            let name = format!("c{i}");
            let info = ClusterInfo {
                labels: BTreeMap::from([("odd".to_owned(), (i % 2).to_string())]),
                scope: if i < 10 { Scope::Shared } else { tenant() },
                ..ClusterInfo::of(
                    &federation_model::KubeFedCluster::new(
                        &name,
                        federation_model::KubeFedClusterSpec::default(),
                    ),
                    &tenancy::ScopeKeys::default(),
                    true,
                )
            };
            clusters.with(&name, Some(info))
        })
    }

    fn tenant() -> Scope {
        Scope::Tenant { tenant: "t".to_owned(), workspace_group: "w".to_owned() }
    }

    fn entry(placement: serde_json::Value) -> Arc<Entry> {
        let object = json!({"metadata": {"name": "x"}, "spec": {"placement": placement}});
        Entry::new(serde_json::from_value(object).unwrap(), &FeatureGates::default())
    }

    fn names(placed: &[Arc<ClusterInfo>]) -> Vec<&str> {
        placed.iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn names_are_looked_up_and_labels_are_compared_once() {
        let mut known = clusters(20);
        let by_name = entry(json!({"clusters": [{"name": "c3"}, {"name": "c15"}, {"name": "gone"}]}));
        assert_eq!(names(&by_name.placed(&known, None)), ["c15", "c3"]);
        assert_eq!(names(&by_name.placed(&known, Some(&Scope::Shared))), ["c3"]);
        assert_eq!(names(&by_name.placed(&known, Some(&Scope::Incomplete))), Vec::<&str>::new());

        let odd = entry(json!({"clusterSelector": {"matchLabels": {"odd": "1"}}}));
        let first = odd.placed(&known, Some(&tenant()));
        assert_eq!(names(&first), ["c11", "c13", "c15", "c17", "c19"]);
        let again = odd.with_bookkeeping_of(odd.object.clone()).placed(&known, Some(&tenant()));
        assert!(Arc::ptr_eq(&first, &again), "nothing changed: nothing is compared again");
        known = known.with("c11", None);
        assert_eq!(names(&odd.placed(&known, Some(&tenant()))), ["c13", "c15", "c17", "c19"]);
        assert_eq!(odd.placed(&known, None).len(), 9);
    }
}
