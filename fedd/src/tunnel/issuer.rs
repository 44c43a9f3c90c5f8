//! Issues agents' certificates: the first for a bootstrap token, the next ones for the one before.

use std::time::Duration;

use async_trait::async_trait;
use cluster_tunnel::ClusterName;
use cluster_tunnel::server::{CertificateRequest, Issuer, Presented, Refusal};
use federation_apiserver::auth::Identity;
use federation_model::KubeFedCluster;
use jiff::Timestamp;
use kube::Client;
use kube::api::Api;

use super::agent_certificate::{Certified, Request};
use super::bootstrap::{Token, Use, judge};
use super::tenants::Tenancy;
use super::tokens::Tokens;

/// Issues certificates of an authority to agents of a federation's clusters.
pub(super) struct AgentIssuer {
    authority: Identity,
    clusters: Api<KubeFedCluster>,
    tenancy: Tenancy,
    tokens: Tokens,
}

impl AgentIssuer {
    pub(super) fn new(client: &Client, namespace: &str, tenancy: Tenancy, authority: Identity) -> Self {
        let clusters = Api::namespaced(client.clone(), namespace);
        Self { authority, clusters, tenancy, tokens: Tokens::new(client, namespace) }
    }

    /// The uid of the cluster, if it is reached by its tunnel and served here. Asked for, since a copy may be behind.
    async fn uid(&self, cluster: &ClusterName) -> Result<String, Refusal> {
        let name = cluster.as_str();
        let found = self.clusters.get_opt(name).await.map_err(|error| unavailable(&error))?;
        let found = found.filter(|found| found.tunnel() == Some(name)).ok_or_else(|| {
            Refusal::Invalid(format!("no KubeFedCluster {name} is reached by a tunnel of its own"))
        })?;
        self.tenancy.serves(&found, cluster)?;
        found.metadata.uid.ok_or_else(|| Refusal::Unavailable(format!("KubeFedCluster {name} has no uid")))
    }

    /// Takes a token, and says how long certificates are good that come of it.
    async fn take(&self, token: &Token, at: Use<'_>) -> Result<Duration, Refusal> {
        let taken = self.tokens.change(|records| -> Result<_, Failure> {
            let record = records.get(token.id());
            let seconds = record.map(|record| record.certificate_seconds).unwrap_or_default();
            let new = judge(record, token, at, Timestamp::now())?;
            let is_changed = new.is_some();
            records.extend(new.map(|record| (token.id().to_owned(), record)));
            Ok((is_changed, Duration::from_secs(seconds)))
        });
        taken.await.map_err(|Failure(refusal)| refusal)
    }
}

/// Why there is no certificate.
struct Failure(Refusal);

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(Refusal::Unavailable(format!("{error:#}")))
    }
}

fn unavailable(error: &kube::Error) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

#[async_trait]
impl Issuer for AgentIssuer {
    async fn issue(&self, presented: &Presented, request: &CertificateRequest) -> Result<String, Refusal> {
        let CertificateRequest { cluster, der } = request;
        let request = Request::read(der).map_err(|error| Refusal::Request(format!("{error:#}")))?;
        let (uid, life) = match (&presented.token, presented.certificates.first()) {
            (Some(token), _) => {
                let token: Token = token.parse().map_err(|error| Refusal::Invalid(format!("{error}")))?;
                let (uid, key) = (self.uid(cluster).await?, request.key());
                let life = self.take(&token, Use { cluster, uid: &uid, key: &key }).await?;
                (uid, life)
            }
            (None, Some(certificate)) => {
                let shown = Certified::read(certificate).ok_or(Refusal::NoCredentials)?;
                if shown.cluster != cluster.as_str() {
                    return Err(Refusal::StolenName { identity: shown.cluster, cluster: cluster.clone() });
                }
                let uid = self.uid(cluster).await?;
                if shown.uid != uid {
                    return Err(left(cluster));
                }
                (uid, shown.validity.granted())
            }
            (None, None) => return Err(Refusal::NoCredentials),
        };
        let signed = request.sign(&self.authority, cluster.as_str(), &uid, Timestamp::now(), life);
        signed.map_err(|error| Refusal::Unavailable(format!("{error:#}")))
    }
}

/// What an agent hears whose certificate is of a time before its cluster left.
pub(super) fn left(cluster: &ClusterName) -> Refusal {
    Refusal::Invalid(format!("{cluster} has left the federation since the certificate was issued"))
}
