//! What the engine needs from outside: a host, members, a clock and chance.
//!
//! They are arguments, so that the engine runs unchanged in a simulation: over members that are maps, on paused time,
//! with a seed. [`crate::kube_ports`] holds the real ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use federation_model::{FederatedObject, ObjectKey};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use kube::core::ApiResource;
use serde_json::Value;

use crate::observed::Observed;
use crate::registry::NamespaceInfo;
use crate::version_record::VersionRecord;

/// Why an API server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiFailure {
    /// It answered with an error; the message is its own.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Kubernetes' reason, such as `AlreadyExists`.
        reason: String,
        /// The server's own words.
        message: String,
    },
    /// It could not be reached, or the answer could not be read.
    #[error("cannot reach the API server: {0}")]
    Unreachable(String),
    /// The reverse tunnel to it is down: nothing is known of the API server itself.
    #[error("the tunnel is down: {0}")]
    TunnelDown(String),
    /// It did not answer in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
}

impl ApiFailure {
    /// The object, or what it stands in, does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// An object of that name exists.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// The object is not the one, or not at the version, that the write was made for.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason != "AlreadyExists")
    }

    /// The credentials may not do it. Admission refuses with the same code, and with other words.
    pub fn lacks_rights(&self) -> bool {
        matches!(self, Self::Refused { code: 403, message, .. }
            if OF_THE_AUTHORIZER.iter().any(|words| message.contains(words)))
    }

    /// The server as a whole is in trouble, rather than this object: other requests are likely to fail too.
    ///
    /// A webhook of the member that fails or refuses is not: it concerns the objects that it is asked about, whatever
    /// code the server answers with.
    pub fn is_server_trouble(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TunnelDown(_) | Self::TimedOut(_) => true,
            Self::Refused { code, message, .. } => {
                (*code == 401 || *code == 429 || *code >= 500)
                    && !OF_A_WEBHOOK.iter().any(|words| message.contains(words))
            }
        }
    }
}

/// kube-apiserver's words when its authorizer refuses (`k8s.io/apiserver`, package `endpoints/handlers/responsewriters`:
/// `User "u" cannot create resource "configmaps" ...`), and when somebody gives rights that they do not have
/// (`k8s.io/kubernetes`, package `registry/rbac/validation`).
const OF_THE_AUTHORIZER: [&str; 2] =
    ["\" cannot ", "is attempting to grant RBAC permissions not currently held"];

/// kube-apiserver's words when an admission webhook cannot be called or refuses (`k8s.io/apiserver`, package
/// `admission/plugin/webhook/errors`), and when a conversion webhook fails (`k8s.io/apiextensions-apiserver`, package
/// `apiserver/conversion`). The code that comes with them is 500, or the webhook's choice.
const OF_A_WEBHOOK: [&str; 3] =
    ["failed calling webhook \"", "admission webhook \"", "conversion webhook for "];

/// One event of a watch that lists first, and again whenever it lost its place.
#[derive(Clone, Debug)]
pub enum WatchEvent<T> {
    /// A full list begins.
    Restarted,
    /// One object of that list.
    Listed(T),
    /// The list is complete: what was not in it is gone.
    Synced,
    /// An object was created or changed.
    Applied(T),
    /// An object was deleted; this was its last state.
    Deleted(T),
    /// The watch failed; it goes on by itself.
    Failed(ApiFailure),
}

/// A member object, with its name.
#[derive(Clone, Debug)]
pub struct NamedObserved {
    /// Its name on the member.
    pub key: ObjectKey,
    /// What the engine keeps of it.
    pub observed: Observed,
}

/// What a health check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Body of `/healthz`.
    pub healthz: String,
    /// `gitVersion`.
    pub version: Option<String>,
    /// The uid of the `kube-system` namespace.
    pub cluster_uid: Option<String>,
    /// Region of the nodes.
    pub region: Option<String>,
    /// Zones of the nodes, sorted.
    pub zones: Vec<String>,
}

/// Field manager of the engine's writes to members.
pub const FIELD_MANAGER: &str = "fedd";

/// Access to one member's API server with one set of credentials.
///
/// Every call has a time-out of its own; none hangs.
pub trait Member: Send + Sync + 'static {
    /// Creates an object; answers what was stored.
    fn create(&self, ty: &ApiResource, object: Value) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>>;
    /// Replaces an object at the resource version that it names; answers what was stored.
    fn update(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        object: Value,
    ) -> BoxFuture<'_, Result<NamedObserved, ApiFailure>>;
    /// Reads an object, managed or not, as a whole.
    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<Value, ApiFailure>>;
    /// Deletes an object.
    fn delete(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        options: DeleteOptions,
    ) -> BoxFuture<'_, Result<(), ApiFailure>>;
    /// Takes the managed label off an object.
    fn remove_label(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>>;
    /// Lists and watches the managed objects of a type.
    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<NamedObserved>>;
    /// Checks the server's health.
    fn probe(&self) -> BoxFuture<'_, Result<Probe, ApiFailure>>;
}

/// An event to be shown on a federated object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The federated object's type.
    pub ty: ApiResource,
    /// Its name.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// KubeFed's reason, such as `CreateInCluster`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

/// The federation's own API server, as far as one type's propagation needs it.
pub trait Host: Send + Sync + 'static {
    /// Lists and watches the federated objects of a type, in the cluster form.
    fn watch(&self, ty: &ApiResource) -> BoxStream<'static, WatchEvent<FederatedObject>>;
    /// Whether an object is there, now: asked where a watch that lags would mislead.
    fn has(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<bool, ApiFailure>>;
    /// Reads an object, in the cluster form.
    fn get(&self, ty: &ApiResource, key: &ObjectKey) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>>;
    /// A namespace as it is now; `None` when there is none of that name. An answer older than the question misleads.
    fn namespace(&self, name: &str) -> BoxFuture<'_, Result<Option<NamespaceInfo>, ApiFailure>>;
    /// Applies a JSON merge patch to an object; answers the result. One that names a resource version is refused when
    /// the object is not at it.
    fn patch(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>>;
    /// Applies a JSON merge patch to an object's status; answers the result. As for [`Host::patch`].
    fn patch_status(
        &self,
        ty: &ApiResource,
        key: &ObjectKey,
        patch: Value,
    ) -> BoxFuture<'_, Result<FederatedObject, ApiFailure>>;
    /// Lists the records of what was last written: all `PropagatedVersion`s, or all `ClusterPropagatedVersion`s.
    fn versions(&self, namespaced: bool) -> BoxFuture<'_, Result<Vec<VersionRecord>, ApiFailure>>;
    /// Creates a record with its owner and its status, or makes the one that has its name so.
    fn create_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>>;
    /// Writes the status of a record that exists.
    fn update_version(&self, record: VersionRecord) -> BoxFuture<'_, Result<(), ApiFailure>>;
    /// Deletes a record.
    fn delete_version(&self, key: &ObjectKey) -> BoxFuture<'_, Result<(), ApiFailure>>;
    /// Takes an event to be shown; it may be dropped when there are too many.
    fn notice(&self, notice: Notice);
}

/// Whether this process may write, asked before every write: a replica that lost its lease may not, whatever is under
/// way. Answers at once.
pub type MayWrite = Arc<dyn Fn() -> bool + Send + Sync>;

/// Wall-clock time, for the time stamps in statuses. Waiting is tokio's, which tests can pause.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> jiff::Timestamp;
}

/// Chance, for jitter only: a seeded sequence (SplitMix64), so that a run can be repeated.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The sequence of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number in `[0, 1)`.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn fraction(&self) -> f64 {
        let mut z =
            self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_told_from_what_admission_refuses() {
        let lacks = |code, message: &str| {
            let (reason, message) = ("Forbidden".to_owned(), message.to_owned());
            ApiFailure::Refused { code, reason, message }.lacks_rights()
        };
        assert!(lacks(
            403,
            "configmaps is forbidden: User \"u\" cannot list resource \"configmaps\" in API group \"\" at the cluster scope"
        ));
        assert!(lacks(
            403,
            "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"u\" (groups=[\"g\"]) is attempting to grant RBAC \
             permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}"
        ));
        assert!(!lacks(403, "pods \"p\" is forbidden: exceeded quota: q"));
        assert!(!lacks(409, "User \"u\" cannot"));
    }

    #[test]
    fn a_failing_webhook_is_not_the_servers_trouble() {
        let refused = |code, message: &str| {
            let (reason, message) = ("InternalError".to_owned(), message.to_owned());
            ApiFailure::Refused { code, reason, message }.is_server_trouble()
        };
        assert!(
            refused(500, "Internal error occurred: etcdserver: no leader") && refused(401, "Unauthorized")
        );
        assert!(!refused(500, "Internal error occurred: failed calling webhook \"w.example.com\": EOF"));
        assert!(!refused(503, "admission webhook \"w.example.com\" denied the request: not now"));
        assert!(!refused(500, "conversion webhook for example.com/v1, Kind=Gauge failed: EOF"));
        assert!(!refused(422, "spec.replicas: Invalid value"));
    }
}
