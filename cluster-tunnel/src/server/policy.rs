//! Who may reach which cluster.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{ClusterName, Target, TraceParent};

/// Who asks for a tunnel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The common name of the client certificate; whatever an embedding program gives its connectors; or empty.
    pub name: String,
    /// The organisations of the client certificate, or whatever an embedding program gives.
    pub groups: Vec<String>,
    /// Where it came from; `None` in process and by Unix sockets.
    pub address: Option<SocketAddr>,
    /// What its dial belongs to, if it says so.
    pub trace: Option<TraceParent>,
}

impl Caller {
    /// A caller in this process.
    pub fn in_process(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A caller by a socket, with the certificate that it showed, if any.
    pub(crate) fn by_socket(address: Option<SocketAddr>, certificate: Option<&CertificateDer<'_>>) -> Self {
        let parsed = certificate.and_then(|one| X509Certificate::from_der(one).ok());
        let Some((_, certificate)) = parsed else { return Self { address, ..Self::default() } };
        let subject = certificate.subject();
        let name = subject.iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
        let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
        Self { name: name.to_owned(), groups: groups.map(str::to_owned).collect(), address, trace: None }
    }
}

/// Says who may reach which cluster: asked at every dial, before any agent is.
pub trait Policy: Send + Sync {
    /// Whether this caller may have a tunnel there; if not, what to tell it.
    fn may_dial(&self, caller: &Caller, cluster: &ClusterName, target: &Target) -> Result<(), String>;
}

/// Everybody who reaches the server may reach every cluster.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn may_dial(&self, _: &Caller, _: &ClusterName, _: &Target) -> Result<(), String> {
        Ok(())
    }
}

impl<F> Policy for F
where
    F: Fn(&Caller, &ClusterName, &Target) -> Result<(), String> + Send + Sync,
{
    fn may_dial(&self, caller: &Caller, cluster: &ClusterName, target: &Target) -> Result<(), String> {
        self(caller, cluster, target)
    }
}
