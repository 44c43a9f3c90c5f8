//! `KubeFedCluster`: a member cluster, and how to reach it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::annotation;

/// A member cluster: where its API server is, and which credentials open it. Its labels are what selectors match.
///
/// Only those in the federation's namespace are read (KubeFed).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "core.kubefed.io",
    version = "v1beta1",
    kind = "KubeFedCluster",
    plural = "kubefedclusters",
    singular = "kubefedcluster",
    shortname = "kfc",
    namespaced,
    status = "KubeFedClusterStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"kubernetes-version","type":"string","jsonPath":".status.kubernetesVersion"}"#,
    printcolumn = r#"{"name":"access-of","type":"string","jsonPath":".metadata.annotations.fedd\\.io/access-of","priority":1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedClusterSpec {
    /// Address of the API server: a host, host:port, or an http/https URL with an optional path.
    pub api_endpoint: String,
    /// PEM certificates that sign the API server's, as base64 bytes. The system's roots when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "byte"))]
    pub ca_bundle: Option<k8s_openapi::ByteString>,
    /// The Secret, in the same namespace, whose key `token` holds the bearer token.
    pub secret_ref: LocalSecretReference,
    /// TLS checks to leave out: `*` (all of them, alone), `SubjectName`, `ValidityPeriod`.
    #[serde(default, rename = "disabledTLSValidations", skip_serializing_if = "Vec::is_empty")]
    pub disabled_tls_validations: Vec<String>,
    /// Proxy to reach the API server through: an http, https or socks5 URL.
    #[serde(default, rename = "proxyURL", skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
}

/// A Secret in the namespace of what refers to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocalSecretReference {
    /// Name of the Secret.
    pub name: String,
}

/// What the last health checks found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeFedClusterStatus {
    /// `Ready`, `Offline` and `ConfigMalformed`, as KubeFed has them.
    #[serde(default)]
    pub conditions: Vec<ClusterCondition>,
    /// Zones of the member's nodes (label `topology.kubernetes.io/zone`), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Region of the member's nodes (label `topology.kubernetes.io/region`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Version of the member's API server, such as `v1.36.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// Identity of the member: the uid of its `kube-system` namespace. Clusters with one identity are one API server.
    #[serde(default, rename = "clusterUID", skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
}

/// One condition of a `KubeFedCluster`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCondition {
    /// `Ready`, `Offline` or `ConfigMalformed`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When it was last looked at, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_probe_time: String,
    /// When the status last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
    /// One CamelCase word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl KubeFedCluster {
    /// Whether the last health checks found the member ready: the `Ready` condition is `True`; nothing else counts.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|c| c.status == "True")
    }

    /// The condition of a type.
    pub fn condition(&self, type_: &str) -> Option<&ClusterCondition> {
        self.status.as_ref()?.conditions.iter().find(|c| c.type_ == type_)
    }

    /// The cluster whose reverse tunnel leads to the member, if one does ([`annotation::TUNNEL`]).
    pub fn tunnel(&self) -> Option<&str> {
        match self.metadata.annotations.as_ref()?.get(annotation::TUNNEL)?.as_str() {
            "" | "false" => None,
            "true" => self.metadata.name.as_deref(),
            cluster => Some(cluster),
        }
    }

    /// Identity of the member's API server, once it was reached.
    pub fn cluster_uid(&self) -> Option<&str> {
        self.status.as_ref()?.cluster_uid.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, CellSpec};

    fn annotated(value: &str) -> KubeFedCluster {
        let mut cluster = KubeFedCluster::new("m1", KubeFedClusterSpec::default());
        cluster.metadata.annotations = Some([(annotation::TUNNEL.to_owned(), value.to_owned())].into());
        cluster
    }

    #[test]
    fn a_tunnel_is_its_own_or_the_one_that_is_named() {
        assert_eq!(KubeFedCluster::new("m1", KubeFedClusterSpec::default()).tunnel(), None);
        for (value, tunnel) in [("true", Some("m1")), ("m2", Some("m2")), ("false", None), ("", None)] {
            assert_eq!(annotated(value).tunnel(), tunnel, "{value:?}");
        }
    }

    #[test]
    fn a_cell_has_the_tunnel_of_its_cluster() {
        let cell = Cell::new("a", CellSpec { cluster_name: "m1".to_owned(), ..CellSpec::default() });
        for (value, tunnel) in [("true", Some("m1")), ("m2", Some("m2")), ("false", None)] {
            assert_eq!(cell.derive_cluster(&annotated(value), [].into()).tunnel(), tunnel, "{value:?}");
        }
    }
}
