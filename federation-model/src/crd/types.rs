//! The types that are federated out of the box, and the type config of any other.

use crate::{
    ApiResourceReference, CLUSTER_FORM_VERSION, FederatedTypeConfig, FederatedTypeConfigSpec, Mode, Scope,
    TYPES_GROUP,
};

use super::FederatedKind;

/// A type that is federated out of the box.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultType {
    /// The target.
    pub target: ApiResourceReference,
    /// What the definition says besides.
    pub kind: FederatedKind,
}

/// The types that are federated out of the box.
pub fn default_types() -> Vec<DefaultType> {
    // group, version, kind, plural, short names, cluster-scoped?, replicas?
    const TYPES: [(&str, &str, &str, &str, &[&str], bool, bool); 20] = [
        ("", "v1", "Namespace", "namespaces", &["ns"], true, false),
        ("", "v1", "ConfigMap", "configmaps", &["cm"], false, false),
        ("", "v1", "Secret", "secrets", &[], false, false),
        ("", "v1", "Service", "services", &["svc"], false, false),
        ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], false, false),
        ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], false, false),
        ("apps", "v1", "Deployment", "deployments", &["deploy"], false, true),
        ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], false, true),
        ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], false, true),
        ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], false, false),
        ("batch", "v1", "Job", "jobs", &[], false, false),
        ("batch", "v1", "CronJob", "cronjobs", &["cj"], false, false),
        ("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"], false, false),
        ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"], false, false),
        ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], false, false),
        ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], false, false),
        ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], false, false),
        ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], false, false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[], true, false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[], true, false),
    ];
    TYPES
        .into_iter()
        .map(|(group, version, kind, plural, short_names, cluster, with_replicas)| DefaultType {
            target: ApiResourceReference {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.to_owned(),
                plural_name: plural.to_owned(),
                scope: if cluster { Scope::Cluster } else { Scope::Namespaced },
            },
            kind: FederatedKind {
                target_short_names: short_names.iter().map(|s| (*s).to_owned()).collect(),
                with_replicas,
            },
        })
        .collect()
}

/// The type config of a target, as `kubefedctl enable` makes it: named after the target, `Federated<Kind>` in group
/// `types.kubefed.io`.
pub fn type_config(target: &ApiResourceReference, namespace: &str) -> FederatedTypeConfig {
    let name = if target.group.is_empty() {
        target.plural_name.clone()
    } else {
        format!("{}.{}", target.plural_name, target.group)
    };
    let namespaced = target.scope == Scope::Namespaced || name == crate::NAMESPACES_TYPE_CONFIG;
    let spec = FederatedTypeConfigSpec {
        federated_type: ApiResourceReference {
            group: TYPES_GROUP.to_owned(),
            version: CLUSTER_FORM_VERSION.to_owned(),
            kind: format!("Federated{}", target.kind),
            plural_name: format!("federated{}", target.plural_name),
            scope: if namespaced { Scope::Namespaced } else { Scope::Cluster },
        },
        target_type: target.clone(),
        propagation: Mode::Enabled,
        ..FederatedTypeConfigSpec::default()
    };
    let mut config = FederatedTypeConfig::new(&name, spec);
    config.metadata.namespace = Some(namespace.to_owned());
    config
}
