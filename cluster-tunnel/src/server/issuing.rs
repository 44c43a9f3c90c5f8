//! Agents' certificates, which they ask for where they connect.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use async_trait::async_trait;

use super::{Claim, Presented, Refusal, ServerEvent, TunnelServer};
use crate::ClusterName;

/// What an agent asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The cluster that it wants to speak for.
    pub cluster: ClusterName,
    /// PKCS#10, DER. Nobody has checked it.
    pub der: Vec<u8>,
}

/// Issues agents' certificates.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// The certificate and its chain, as PEM, for whoever presented this; or why there is none.
    async fn issue(&self, presented: &Presented, request: &CertificateRequest) -> Result<String, Refusal>;
}

/// Answers a request, and counts and reports what came of it.
pub(super) async fn issue(
    server: &TunnelServer,
    issuer: &Arc<dyn Issuer>,
    presented: &Presented,
    claim: Result<Claim, Refusal>,
    der: Vec<u8>,
) -> Result<String, Refusal> {
    let shared = &server.shared;
    let (cluster, issued) = match claim {
        Ok(Claim { cluster, .. }) => {
            let request = CertificateRequest { cluster, der };
            let issued = issuer.issue(presented, &request).await;
            (Some(request.cluster), issued)
        }
        Err(refusal) => (None, Err(refusal)),
    };
    match &issued {
        Ok(_) => {
            shared.counters.issued.fetch_add(1, Relaxed);
            cluster.into_iter().for_each(|cluster| shared.report(ServerEvent::CertificateIssued(cluster)));
        }
        Err(refusal) => {
            *shared.counters.not_issued.lock().entry(refusal.category()).or_default() += 1;
            shared.report(ServerEvent::CertificateRefused { cluster, refusal: refusal.clone() });
        }
    }
    issued
}
