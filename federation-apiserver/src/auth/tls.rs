//! What a server needs for TLS.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::auth::{CertificatesError, Identity};

/// TLS with this certificate, HTTP/2 before HTTP/1.1. With an authority (PEM), a client may show a certificate that it
/// has signed; one that it has not signed, or whose time is over, ends the handshake.
pub fn server_config(
    serving: &Identity,
    client_authority: Option<&str>,
) -> Result<ServerConfig, CertificatesError> {
    let chain = certificates("serving certificate", &serving.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(serving.key.as_bytes())
        .map_err(|error| CertificatesError::Pem { what: "serving key", detail: error.to_string() })?;
    let provider = provider();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client authority", authority)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The provider is named, so that no other crate's choice for the process matters.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, CertificatesError> {
    let unreadable = |detail: String| CertificatesError::Pem { what, detail };
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    if certificates.is_empty() {
        Err(unreadable("no certificate in it".to_owned()))
    } else {
        Ok(certificates)
    }
}
