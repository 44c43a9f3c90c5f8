//! KubeFed's `PropagatedVersion` and `ClusterPropagatedVersion`: what is to be written into them, and what they tell
//! after a restart. Pure; used with the gate `VersionsInStatus` off (docs/adr/0002).

use federation_model::{ClusterObjectVersion, ObjectKey, PropagatedVersionStatus, propagated_version_name};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::entry::Entry;
use crate::federated_type::FederatedType;
use crate::plan::Recorded;
use crate::status::ClusterView;

/// One record: what was last written to each member for one federated object.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRecord {
    /// Its name; a `PropagatedVersion` in a namespace, a `ClusterPropagatedVersion` without.
    pub key: ObjectKey,
    /// The federated object, for the host's garbage collection. As in KubeFed it neither controls nor blocks deletion.
    pub owner: Option<OwnerReference>,
    /// What was written.
    pub status: PropagatedVersionStatus,
}

/// What is due for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordStep {
    /// It is as it should be.
    Keep,
    /// There is none of this owner.
    Create,
    /// Its status is to be written.
    Update,
}

impl VersionRecord {
    /// The record that an object is to have.
    ///
    /// KubeFed's form names the template and the overrides once for all clusters, so only clusters that run exactly
    /// these are listed. One that waits behind a mask, or failed, is not: after a restart it is written once more.
    pub fn of(entry: &Entry, ty: &FederatedType, views: &[ClusterView]) -> Self {
        let (template_version, overrides_version) = entry.kubefed_versions().clone();
        let runs = |view: &&ClusterView| {
            view.recorded.as_ref().is_some_and(|r| r.revision == entry.revision(&view.cluster.name))
        };
        let mut cluster_versions: Vec<_> = views
            .iter()
            .filter(runs)
            .filter_map(|view| {
                let version = view.recorded.as_ref()?.version.clone();
                Some(ClusterObjectVersion { cluster_name: view.cluster.name.clone(), version })
            })
            .collect();
        cluster_versions.sort_by(|a, b| a.cluster_name.cmp(&b.cluster_name));
        Self {
            key: ObjectKey {
                namespace: entry.key.namespace.clone(),
                name: propagated_version_name(&ty.target.kind, &entry.key.name),
            },
            owner: Some(OwnerReference {
                api_version: ty.federated.api_version.clone(),
                kind: ty.federated.kind.clone(),
                name: entry.key.name.clone(),
                uid: entry.uid().to_owned(),
                ..OwnerReference::default()
            }),
            status: PropagatedVersionStatus { template_version, overrides_version, cluster_versions },
        }
    }

    /// The federated object of a type that a record is about, by its name; none when it is of another type.
    pub fn origin(&self, ty: &FederatedType) -> Option<ObjectKey> {
        let prefix = propagated_version_name(&ty.target.kind, "");
        let owned_by_type = self
            .owner
            .as_ref()
            .is_none_or(|o| o.kind == ty.federated.kind && group_of(&o.api_version) == ty.federated.group);
        let name = self.key.name.strip_prefix(&prefix).filter(|_| owned_by_type)?;
        Some(ObjectKey { namespace: self.key.namespace.clone(), name: name.to_owned() })
    }

    /// What it tells of each cluster. A record of another object of that name tells nothing. One of an earlier template
    /// or earlier overrides tells who was written to, but no revision.
    pub fn recorded(&self, entry: &Entry) -> Vec<(String, Recorded)> {
        if self.owner.as_ref().is_some_and(|o| o.uid != entry.uid()) {
            return Vec::new();
        }
        let (template, overrides) = entry.kubefed_versions();
        let current =
            self.status.template_version == *template && self.status.overrides_version == *overrides;
        let of = |cluster: &ClusterObjectVersion| Recorded {
            revision: if current { entry.revision(&cluster.cluster_name).to_owned() } else { String::new() },
            version: cluster.version.clone(),
            ..Recorded::default()
        };
        self.status.cluster_versions.iter().map(|c| (c.cluster_name.clone(), of(c))).collect()
    }

    /// What is due, given what is known to be on the host. An object that was written nowhere gets no record.
    pub fn step(&self, written: Option<&Self>) -> RecordStep {
        match written {
            Some(written) if written.owner == self.owner => {
                if written.status == self.status {
                    RecordStep::Keep
                } else {
                    RecordStep::Update
                }
            }
            None if self.status.cluster_versions.is_empty() => RecordStep::Keep,
            // None yet, or one of another object that had this name.
            _ => RecordStep::Create,
        }
    }
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use federation_model::{FeatureGates, FederatedObject, FederatedTypeConfig};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::registry::ClusterInfo;

    fn config_maps() -> FederatedType {
        let config = json!({"metadata": {"name": "configmaps"}, "spec": {
            "targetType": {"version": "v1", "kind": "ConfigMap", "pluralName": "configmaps", "scope": "Namespaced"},
            "federatedType": {"group": "types.kubefed.io", "version": "v1beta1", "kind": "FederatedConfigMap",
                "pluralName": "federatedconfigmaps", "scope": "Namespaced"},
            "propagation": "Enabled",
        }});
        let config: FederatedTypeConfig = serde_json::from_value(config).unwrap();
        FederatedType::compile(&config.with_defaults(), &FeatureGates::kubefed()).unwrap()
    }

    fn entry(uid: &str, value: u8) -> Arc<Entry> {
        let object = json!({
            "metadata": {"name": "cm", "namespace": "bank", "uid": uid},
            "spec": {"template": {"data": {"k": value.to_string()}}, "overrides": [
                {"clusterName": "b", "clusterOverrides": [{"path": "/data/k", "value": "b"}]},
            ]},
        });
        Entry::new(serde_json::from_value::<FederatedObject>(object).unwrap(), &FeatureGates::kubefed())
    }

    /// Per cluster: the value whose revision it runs, if any, and the version of its object.
    fn views(runs: &BTreeMap<String, (u8, u8)>) -> Vec<ClusterView> {
        let view = |(name, (value, version)): (&String, &(u8, u8))| ClusterView {
            cluster: Arc::new(ClusterInfo {
                name: name.clone(),
                labels: BTreeMap::new(),
                scope: tenancy::Scope::Shared,
                ready: true,
                trouble: String::new(),
                server: None,
                cell: String::new(),
                target_namespace: None,
                target_name: None,
            }),
            outcome: None,
            recorded: Some(Recorded {
                revision: entry("u", *value).revision(name).to_owned(),
                version: format!("rv:{version}"),
                ..Recorded::default()
            }),
            observed: None,
            synced: true,
        };
        runs.iter().map(view).collect()
    }

    proptest! {
        #[test]
        fn a_record_tells_what_it_was_made_of(runs in prop::collection::btree_map("[a-d]", (0..2_u8, any::<u8>()), 0..4)) {
            let (ty, entry, views) = (config_maps(), entry("u", 0), views(&runs));
            let record = VersionRecord::of(&entry, &ty, &views);
            let told: BTreeMap<_, _> = record.recorded(&entry).into_iter().collect();
            let written = views.iter().filter_map(|v| Some((v.cluster.name.clone(), v.recorded.clone()?)));
            let current = written.filter(|(cluster, r)| r.revision == entry.revision(cluster));
            prop_assert_eq!(told, current.collect::<BTreeMap<_, _>>());
            prop_assert_eq!(record.origin(&ty), Some(entry.key.clone()));
            prop_assert_eq!(record.step(Some(&record)), RecordStep::Keep, "written once, it is written no more");
        }

        #[test]
        fn a_record_of_something_else_makes_nothing_current(runs in prop::collection::btree_map("[a-d]", (0..1_u8, any::<u8>()), 1..4)) {
            let (ty, views) = (config_maps(), views(&runs));
            let record = VersionRecord::of(&entry("u", 0), &ty, &views);
            let changed = entry("u", 1);
            let told = record.recorded(&changed);
            prop_assert_eq!(told.len(), runs.len(), "who was written to is known");
            prop_assert!(told.iter().all(|(cluster, r)| r.revision != changed.revision(cluster)));
            let namesake = entry("v", 0);
            prop_assert!(record.recorded(&namesake).is_empty(), "the object was deleted and made anew");
            prop_assert_eq!(VersionRecord::of(&namesake, &ty, &views).step(Some(&record)), RecordStep::Create);
        }
    }

    #[test]
    fn a_kind_of_another_group_has_records_of_its_own() {
        let ty = config_maps();
        let mut record = VersionRecord::of(&entry("u", 0), &ty, &[]);
        record.owner.as_mut().unwrap().api_version = "types.example.org/v1".to_owned();
        assert_eq!(record.origin(&ty), None);
        assert_eq!(record.step(None), RecordStep::Keep, "what was written nowhere needs no record");
    }
}
