//! KubeFed's records of what was last written to each member. They have no spec.

use std::borrow::Cow;

use kube::core::{ClusterResourceScope, NamespaceResourceScope, ObjectMeta};
use serde::{Deserialize, Serialize};

/// Versions of what was written, per cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropagatedVersionStatus {
    /// Hash of the template that was written.
    pub template_version: String,
    /// Hash of the overrides that were applied.
    pub overrides_version: String,
    /// The member objects' versions after the write, sorted by cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_versions: Vec<ClusterObjectVersion>,
}

/// The version of one member object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterObjectVersion {
    /// The cluster.
    pub cluster_name: String,
    /// `gen:<generation>`, or `rv:<resourceVersion>` for kinds without a generation.
    pub version: String,
}

macro_rules! propagated_version {
    ($(#[$doc:meta])* $kind:ident, $plural:literal, $scope:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $kind {
            /// `core.kubefed.io/v1alpha1`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub api_version: Option<String>,
            /// The kind.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub kind: Option<String>,
            /// Kubernetes metadata.
            #[serde(default)]
            pub metadata: ObjectMeta,
            /// What was written.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub status: Option<PropagatedVersionStatus>,
        }

        impl $kind {
            /// A record of this name, with nothing in it yet.
            pub fn new(name: &str) -> Self {
                Self {
                    api_version: Some(<Self as kube::Resource>::api_version(&()).into_owned()),
                    kind: Some(stringify!($kind).to_owned()),
                    metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
                    status: None,
                }
            }
        }

        impl kube::Resource for $kind {
            type DynamicType = ();
            type Scope = $scope;
            fn kind((): &()) -> Cow<'_, str> {
                stringify!($kind).into()
            }
            fn group((): &()) -> Cow<'_, str> {
                crate::CORE_GROUP.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                "v1alpha1".into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

propagated_version! {
    /// What was last written to each member for one namespaced federated object.
    PropagatedVersion, "propagatedversions", NamespaceResourceScope
}
propagated_version! {
    /// What was last written to each member for one cluster-scoped federated object.
    ClusterPropagatedVersion, "clusterpropagatedversions", ClusterResourceScope
}

/// Name of the record of a federated object: `<lowercase target kind>-<name>` (KubeFed).
pub fn propagated_version_name(target_kind: &str, name: &str) -> String {
    format!("{}-{name}", target_kind.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_is_written_as_kubefed_does() {
        let mut record = PropagatedVersion::new(&propagated_version_name("ConfigMap", "web"));
        record.metadata.namespace = Some("bank".to_owned());
        record.status = Some(PropagatedVersionStatus {
            template_version: "t".to_owned(),
            overrides_version: "o".to_owned(),
            cluster_versions: vec![ClusterObjectVersion {
                cluster_name: "a".to_owned(),
                version: "gen:1".to_owned(),
            }],
        });
        let json = json!({
            "apiVersion": "core.kubefed.io/v1alpha1", "kind": "PropagatedVersion",
            "metadata": {"name": "configmap-web", "namespace": "bank"},
            "status": {"templateVersion": "t", "overridesVersion": "o", "clusterVersions": [{"clusterName": "a", "version": "gen:1"}]},
        });
        assert_eq!(serde_json::to_value(&record).unwrap(), json);
        assert_eq!(serde_json::from_value::<PropagatedVersion>(json).unwrap(), record);
        assert_eq!(
            ClusterPropagatedVersion::new("namespace-a").kind.as_deref(),
            Some("ClusterPropagatedVersion")
        );
    }
}
