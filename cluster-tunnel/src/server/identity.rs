//! Who an agent is, and for which clusters it may speak.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::{
    ClusterName, Identifiers,
    rpc::{Code, Status},
};

/// What an agent showed when it connected.
#[derive(Clone, Default)]
pub struct Presented {
    /// The chain of its client certificate, its own first; the handshake has checked it. Empty if it showed none.
    pub certificates: Arc<[CertificateDer<'static>]>,
    /// The bearer token, if one was sent. Nobody has checked it.
    pub token: Option<String>,
    /// Where it came from.
    pub address: Option<SocketAddr>,
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its id.
    pub agent: String,
    /// The cluster that it speaks for: its identifier `cluster`, or else its id.
    pub cluster: ClusterName,
    /// Everything that it says it can reach.
    pub identifiers: Identifiers,
}

/// What credentials allow.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whose credentials they are, for reports.
    pub name: String,
    /// The clusters that they may speak for.
    pub clusters: BTreeSet<ClusterName>,
    /// When they end; the agent's stream is ended then, so that it comes back with new ones.
    pub expires: Option<SystemTime>,
    /// Cancelled when they are good no more, though they have not ended: the agent's stream is ended at once.
    pub withdrawn: Option<CancellationToken>,
}

/// Why an agent is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is none of an agent.
    #[error("{0}")]
    Request(String),
    /// Nothing was shown that this server knows.
    #[error("no client certificate or token that names a cluster")]
    NoCredentials,
    /// What was shown is not valid.
    #[error("the credentials are not valid: {0}")]
    Invalid(String),
    /// A token that is good once was shown again: one of the two had no right to it.
    #[error("the token for the cluster {cluster} was used before, by somebody else")]
    UsedTwice {
        /// The cluster that it is for.
        cluster: ClusterName,
    },
    /// The credentials are good, and another cluster's.
    #[error("{identity} may not speak for the cluster {cluster}")]
    StolenName {
        /// Whose credentials they are.
        identity: String,
        /// The cluster that was claimed.
        cluster: ClusterName,
    },
    /// The credentials are good, and this server is not for that cluster.
    #[error("{cluster} is not among the clusters that this server serves")]
    NotServed {
        /// The cluster that was claimed.
        cluster: ClusterName,
    },
    /// Whoever checks credentials cannot be asked.
    #[error("credentials cannot be checked now: {0}")]
    Unavailable(String),
    /// The server is ending.
    #[error("the server is ending")]
    Ending,
}

impl Refusal {
    /// What an agent is answered.
    pub(super) fn status(&self) -> Status {
        let code = match self {
            Self::Request(_) => Code::InvalidArgument,
            Self::NoCredentials | Self::Invalid(_) => Code::Unauthenticated,
            Self::StolenName { .. } | Self::UsedTwice { .. } | Self::NotServed { .. } => {
                Code::PermissionDenied
            }
            Self::Unavailable(_) | Self::Ending => Code::Unavailable,
        };
        Status::new(code, self.to_string())
    }

    /// A fixed word for counters.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::NoCredentials => "no_credentials",
            Self::Invalid(_) => "invalid",
            Self::UsedTwice { .. } => "used_twice",
            Self::StolenName { .. } => "stolen_name",
            Self::NotServed { .. } => "not_served",
            Self::Unavailable(_) => "unavailable",
            Self::Ending => "ending",
        }
    }
}

/// Says what an agent's credentials allow. Whether its claim is within that, the server sees to.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// [`Refusal::NoCredentials`] if there are none of the kind that this one knows.
    async fn identify(&self, presented: &Presented, claim: &Claim) -> Result<Identity, Refusal>;
}

/// Which part of a client certificate names the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateField {
    /// The subject's common name.
    CommonName,
    /// An organisation of the subject.
    Organisation,
    /// A DNS name among the alternative names.
    DnsName,
}

/// Agents are who their client certificate says: those of `field` that begin with `prefix` name clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateNames {
    /// Where the names are.
    pub field: CertificateField,
    /// What comes before a cluster's name, such as `cluster:`.
    pub prefix: String,
}

#[async_trait]
impl Authenticator for CertificateNames {
    async fn identify(&self, presented: &Presented, _: &Claim) -> Result<Identity, Refusal> {
        let certificate = presented.certificates.first().ok_or(Refusal::NoCredentials)?;
        let (_, certificate) = X509Certificate::from_der(certificate)
            .map_err(|error| Refusal::Invalid(format!("the client certificate cannot be read: {error}")))?;
        let names: Vec<&str> = match self.field {
            CertificateField::CommonName => {
                certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect()
            }
            CertificateField::Organisation => {
                certificate.subject().iter_organization().filter_map(|name| name.as_str().ok()).collect()
            }
            CertificateField::DnsName => match certificate.subject_alternative_name() {
                Ok(Some(names)) => {
                    let dns = |name: &_| match name {
                        GeneralName::DNSName(name) => Some(*name),
                        _ => None,
                    };
                    names.value.general_names.iter().filter_map(dns).collect()
                }
                _ => Vec::new(),
            },
        };
        let clusters = names.iter().filter_map(|name| name.strip_prefix(self.prefix.as_str())?.parse().ok());
        let expires = u64::try_from(certificate.validity().not_after.timestamp()).ok();
        Ok(Identity {
            name: certificate.subject().to_string(),
            clusters: clusters.collect(),
            expires: expires.and_then(|seconds| {
                SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds))
            }),
            withdrawn: None,
        })
    }
}

/// The first of several that knows the kind of credentials: certificates, or else tokens, for instance.
#[derive(Clone)]
pub struct FirstOf(pub Vec<Arc<dyn Authenticator>>);

#[async_trait]
impl Authenticator for FirstOf {
    async fn identify(&self, presented: &Presented, claim: &Claim) -> Result<Identity, Refusal> {
        for authenticator in &self.0 {
            match authenticator.identify(presented, claim).await {
                Err(Refusal::NoCredentials) => {}
                other => return other,
            }
        }
        Err(Refusal::NoCredentials)
    }
}
