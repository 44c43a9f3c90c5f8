//! Labels, annotations, finalizers, groups and well-known names: every string that another program can see.
//!
//! `kubefed.io/…` and `core.kubefed.io/…` are KubeFed v0.10's and mean what they mean there; `fedd.io/…` are ours.

/// API group of the federated kinds (`FederatedService`, …).
pub const TYPES_GROUP: &str = "types.kubefed.io";
/// Version of the cluster form; the stored one.
pub const CLUSTER_FORM_VERSION: &str = "v1beta1";
/// Version of the topology form.
pub const TOPOLOGY_FORM_VERSION: &str = "v1beta2";
/// API group of KubeFed's own kinds (`KubeFedCluster`, …).
pub const CORE_GROUP: &str = "core.kubefed.io";
/// API group of the kinds that KubeFed does not have (`Cell`, `TopologyType`).
pub const FEDD_GROUP: &str = "fedd.io";
/// Namespace that holds clusters, type configs, the config and credentials, unless told otherwise (KubeFed's default).
pub const DEFAULT_FEDERATION_NAMESPACE: &str = "kube-federation-system";
/// Name of the one `KubeFedConfig` that is read (KubeFed's).
pub const CONFIG_NAME: &str = "kubefed";
/// Name of the `FederatedTypeConfig` that namespaced types depend on.
pub const NAMESPACES_TYPE_CONFIG: &str = "namespaces";
/// The topology type whose names are cluster names.
pub const CLUSTER_TOPOLOGY: &str = "cluster";
/// The topology type whose names are cells of the object's namespace.
pub const CELL_TOPOLOGY: &str = "cell";
/// Key of the bearer token in a member's credential `Secret` (KubeFed's).
pub const TOKEN_KEY: &str = "token";

/// Labels.
pub mod label {
    /// On every propagated object: `"true"`. `"false"`, set by a user on a member, is a refusal to be managed.
    pub const MANAGED: &str = "kubefed.io/managed";
    /// Default key of the first half of a scope: the tenant.
    pub const TENANT: &str = "fedd.io/tenant";
    /// Default key of the second half of a scope: the workspace group.
    pub const WORKSPACE_GROUP: &str = "fedd.io/workspace-group";
    /// On a `KubeFedCluster` that stands for a cell: the cell's name.
    pub const CELL: &str = "fedd.io/cell";
    /// On a `KubeFedCluster` that stands for a cell: the cell's namespace.
    pub const CELL_NAMESPACE: &str = "fedd.io/cell-namespace";
}

/// Annotations.
pub mod annotation {
    /// On a federated object, exactly `"true"`: its deletion leaves the member objects.
    pub const ORPHAN: &str = "kubefed.io/orphan";
    /// On a federated object: JSON `DeleteOptions` for deletions that its own deletion causes.
    pub const DELETE_OPTION: &str = "kubefed.io/deleteoption";
    /// On the stored cluster form: the topology type that the object is written in. Absent means `cluster`.
    pub const TOPOLOGY_TYPE: &str = "fedd.io/topology-type";
    /// On a `KubeFedCluster` that stands for a cell: the cluster whose access it uses.
    pub const ACCESS_OF: &str = "fedd.io/access-of";
    /// On a `KubeFedCluster`: it is reached by a reverse tunnel, that of its own name (`"true"`) or of the cluster that the
    /// value names.
    pub const TUNNEL: &str = "fedd.io/tunnel";
    /// On a `KubeFedCluster`: why its token is not rotated, for people. Whoever rotates tokens writes it; who checks the
    /// cluster's health makes a condition of it, so that a status has one writer.
    pub const TOKEN_NOT_ROTATED: &str = "fedd.io/token-not-rotated";
    /// On a `KubeFedCluster`: name template of the namespaces of its objects on the member.
    pub const TARGET_NAMESPACE: &str = "fedd.io/target-namespace";
    /// On a `KubeFedCluster`: name template of its objects on the member.
    pub const TARGET_NAME: &str = "fedd.io/target-name";
}

/// Finalizers.
pub mod finalizer {
    /// On a federated object while members may hold its objects (KubeFed's).
    pub const SYNC: &str = "kubefed.io/sync-controller";
    /// On a `FederatedTypeConfig` while its controllers run (KubeFed's).
    pub const TYPE_CONFIG: &str = "core.kubefed.io/federated-type-config";
    /// On a `Cell` while its `KubeFedCluster` exists.
    pub const CELL: &str = "fedd.io/cell";
}

/// Namespaces of a member that a `FederatedNamespace` never touches (KubeFed's list).
pub const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "default"];
