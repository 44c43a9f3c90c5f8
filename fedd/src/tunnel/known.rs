//! Which clusters are reached by tunnel: for others no agent is let in, whatever certificate it still has.

use std::time::Duration;

use async_trait::async_trait;
use cluster_tunnel::server::{
    Authenticator, CertificateField, CertificateNames, Claim, Identity, Presented, Refusal,
};
use federation_model::KubeFedCluster;
use futures::StreamExt as _;
use kube::Client;
use kube::api::Api;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio_util::task::AbortOnDropHandle;

use super::authority::CLUSTER_PREFIX;

/// How long an agent waits for the first list of clusters.
const PATIENCE: Duration = Duration::from_secs(5);

/// Agents are who their certificate says, if that cluster is one of the federation's.
pub(super) struct MembersAgents {
    names: CertificateNames,
    clusters: Store<KubeFedCluster>,
    _following: AbortOnDropHandle<()>,
}

impl MembersAgents {
    /// Follows the clusters of a federation.
    pub(super) fn follow(client: &Client, namespace: &str) -> Self {
        let (clusters, writer) = reflector::store();
        let api: Api<KubeFedCluster> = Api::namespaced(client.clone(), namespace);
        let events = watcher(api, watcher::Config::default()).default_backoff().reflect(writer);
        let following = tokio::spawn(events.for_each(|_| std::future::ready(())));
        Self {
            names: CertificateNames {
                field: CertificateField::CommonName,
                prefix: CLUSTER_PREFIX.to_owned(),
            },
            clusters,
            _following: AbortOnDropHandle::new(following),
        }
    }
}

#[async_trait]
impl Authenticator for MembersAgents {
    async fn identify(&self, presented: &Presented, claim: &Claim) -> Result<Identity, Refusal> {
        let identity = self.names.identify(presented, claim).await?;
        if !identity.clusters.contains(&claim.cluster) {
            return Ok(identity); // a stolen name, which the server reports as such
        }
        if tokio::time::timeout(PATIENCE, self.clusters.wait_until_ready()).await.is_err() {
            return Err(Refusal::Unavailable("the clusters are not listed yet".to_owned()));
        }
        let cluster = claim.cluster.as_str();
        if self.clusters.state().iter().any(|known| known.tunnel() == Some(cluster)) {
            Ok(identity)
        } else {
            Err(Refusal::Invalid(format!("no KubeFedCluster is reached by the tunnel of {cluster}")))
        }
    }
}
