//! The federation's clusters as a server knows them: for those that are not reached by tunnel no agent is let in, whatever
//! certificate it still has, and those that are in are thrown out; and by their scopes callers are judged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cluster_tunnel::server::{
    Authenticator, Caller, CertificateField, CertificateNames, Claim, Identity, Policy, Presented, Refusal,
};
use cluster_tunnel::{ClusterName, Target};
use federation_model::KubeFedCluster;
use futures::StreamExt as _;
use kube::Client;
use kube::api::Api;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::agent_certificate::{CLUSTER_PREFIX, Certified};
use super::tenants::Tenancy;

/// How long an agent waits for the first list of clusters.
const PATIENCE: Duration = Duration::from_secs(5);

/// Agents are who their certificate says, if that cluster is one of the federation's. Callers reach the clusters of their
/// scope.
pub(super) struct KnownClusters {
    names: CertificateNames,
    namespace: String,
    clusters: Store<KubeFedCluster>,
    tenancy: Tenancy,
    admitted: Arc<Admitted>,
    _following: AbortOnDropHandle<()>,
}

/// The clusters that agents were let in for.
#[derive(Default)]
struct Admitted(Mutex<HashMap<ClusterName, Admission>>);

/// What ends the agents of a cluster.
struct Admission {
    uid: String,
    withdrawn: CancellationToken,
}

impl Admitted {
    /// Takes an agent in, and says what ends it.
    fn admit(&self, cluster: &ClusterName, uid: &str) -> CancellationToken {
        let mut admitted = self.0.lock();
        let new = || Admission { uid: uid.to_owned(), withdrawn: CancellationToken::new() };
        let admission = admitted.entry(cluster.clone()).or_insert_with(new);
        if admission.uid != uid {
            std::mem::replace(admission, new()).withdrawn.cancel();
        }
        admission.withdrawn.clone()
    }

    /// Throws out agents of clusters that `stays` knows no more.
    fn sweep(&self, stays: impl Fn(&ClusterName, &str) -> bool) {
        self.0.lock().retain(|cluster, admission| {
            let stays = stays(cluster, &admission.uid);
            if !stays {
                admission.withdrawn.cancel();
            }
            stays
        });
    }
}

impl KnownClusters {
    /// Follows the clusters of a federation.
    pub(super) fn follow(client: &Client, namespace: &str, tenancy: Tenancy) -> Self {
        let (clusters, writer) = reflector::store();
        let api: Api<KubeFedCluster> = Api::namespaced(client.clone(), namespace);
        let events = watcher(api, watcher::Config::default()).default_backoff().reflect(writer);
        let admitted = Arc::new(Admitted::default());
        let (known, to_sweep, kept) = (clusters.clone(), admitted.clone(), tenancy.clone());
        let following = tokio::spawn(events.for_each(move |_| {
            let state = known.state();
            to_sweep.sweep(|cluster, uid| kept.admits(&state, cluster, uid).is_ok());
            std::future::ready(())
        }));
        Self {
            names: CertificateNames {
                field: CertificateField::CommonName,
                prefix: CLUSTER_PREFIX.to_owned(),
            },
            namespace: namespace.to_owned(),
            clusters,
            tenancy,
            admitted,
            _following: AbortOnDropHandle::new(following),
        }
    }
}

#[async_trait]
impl Authenticator for KnownClusters {
    async fn identify(&self, presented: &Presented, claim: &Claim) -> Result<Identity, Refusal> {
        let identity = self.names.identify(presented, claim).await?;
        if !identity.clusters.contains(&claim.cluster) {
            return Ok(identity); // a stolen name, which the server reports as such
        }
        let certified = presented.certificates.first().and_then(Certified::read);
        let uid = certified.map(|certified| certified.uid).ok_or(Refusal::NoCredentials)?;
        if tokio::time::timeout(PATIENCE, self.clusters.wait_until_ready()).await.is_err() {
            return Err(Refusal::Unavailable("the clusters are not listed yet".to_owned()));
        }
        // First taken in, then looked at: a cluster that leaves in between is seen by one of the two.
        let withdrawn = Some(self.admitted.admit(&claim.cluster, &uid));
        self.tenancy.admits(&self.clusters.state(), &claim.cluster, &uid)?;
        Ok(Identity { withdrawn, ..identity })
    }
}

impl Policy for KnownClusters {
    fn may_dial(&self, caller: &Caller, cluster: &ClusterName, _: &Target) -> Result<(), String> {
        let found = self.clusters.get(&ObjectRef::new(cluster.as_str()).within(&self.namespace));
        self.tenancy.may_dial(caller, cluster, found.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_thrown_out_with_their_cluster_and_when_it_is_another() {
        let (admitted, m1, m2) = (Admitted::default(), "m1".parse().unwrap(), "m2".parse().unwrap());
        let (first, same, stays) =
            (admitted.admit(&m1, "a"), admitted.admit(&m1, "a"), admitted.admit(&m2, "c"));
        assert!(!first.is_cancelled());
        let second = admitted.admit(&m1, "b");
        assert!(first.is_cancelled() && same.is_cancelled() && !second.is_cancelled());
        admitted.sweep(|cluster, uid| *cluster == m2 && uid == "c");
        assert!(second.is_cancelled() && !stays.is_cancelled());
    }
}
