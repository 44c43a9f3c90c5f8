//! What a server needs for TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::auth::{CertificatesError, Identity};

/// TLS with this certificate, HTTP/2 before HTTP/1.1. With an authority (PEM), a client may show a certificate that it
/// has signed; one that it has not signed ends the handshake. Whether a certificate's time is over is asked at every
/// request ([`ClientCertificate::user`](crate::auth::ClientCertificate::user)), which is answered 401, as by
/// kube-apiserver.
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
            builder.with_client_cert_verifier(Arc::new(AtItsTime(verifier)))
        }
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies a certificate as of a moment at which it holds, if there is one: everything but its time.
#[derive(Debug)]
struct AtItsTime(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AtItsTime {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let unreadable = |_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, parsed) = x509_parser::parse_x509_certificate(end_entity).map_err(unreadable)?;
        let second = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
        let (from, until) = (second(parsed.validity().not_before), second(parsed.validity().not_after));
        let moment = now.as_secs().min(until).max(from);
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(moment));
        self.0.verify_client_cert(end_entity, intermediates, moment)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }
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
