//! TLS between agents and the server: each side shows a certificate, and HTTP/2 is spoken.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use federation_apiserver::auth::Identity;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

/// What a server shows to agents, whose certificates are of `agents`. One that has none yet comes without, to get one.
///
/// # Errors
/// A text is no PEM of what it should be, or TLS does not take it.
pub fn server(shown: &Identity, agents: &str) -> anyhow::Result<rustls::ServerConfig> {
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots(agents)?));
    let verifier = verifier.allow_unauthenticated().build()?;
    let builder = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    let mut config = builder.with_single_cert(chain(&shown.certificate)?, key(&shown.key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// What an agent shows, and which servers it trusts: those with a certificate of `servers`.
///
/// # Errors
/// As for [`server()`].
pub fn agent(shown: &Identity, servers: &str) -> anyhow::Result<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder().with_root_certificates(roots(servers)?);
    let mut config = builder.with_client_auth_cert(chain(&shown.certificate)?, key(&shown.key)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// What a server shows to engines, which have certificates of `engines`.
///
/// # Errors
/// As for [`server()`].
pub fn for_engines(shown: &Identity, engines: &str) -> anyhow::Result<rustls::ServerConfig> {
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots(engines)?)).build()?;
    let builder = rustls::ServerConfig::builder().with_client_cert_verifier(verifier);
    Ok(builder.with_single_cert(chain(&shown.certificate)?, key(&shown.key)?)?)
}

/// What an engine shows to servers, and which it trusts.
///
/// # Errors
/// As for [`server()`].
pub fn engine(shown: &Identity, servers: &str) -> anyhow::Result<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder().with_root_certificates(roots(servers)?);
    Ok(builder.with_client_auth_cert(chain(&shown.certificate)?, key(&shown.key)?)?)
}

/// For an agent that has no certificate yet.
///
/// # Errors
/// As for [`server()`].
pub fn unknown_agent(servers: &str) -> anyhow::Result<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder().with_root_certificates(roots(servers)?);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Certificate and key as two files have them.
///
/// # Errors
/// One cannot be read.
pub fn identity(certificate: &Path, key: &Path) -> anyhow::Result<Identity> {
    Ok(Identity { certificate: read(certificate)?, key: read(key)? })
}

/// A text file.
///
/// # Errors
/// It cannot be read.
pub fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn chain(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.context("the certificate is not PEM")?;
    anyhow::ensure!(!chain.is_empty(), "the certificate is not PEM: there is none in it");
    Ok(chain)
}

fn key(pem: &str) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).context("the key is not PEM")
}

fn roots(pem: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(pem).context("the authority")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}
