//! The certificates and keys of one API server.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Result;

/// What one API server trusts and shows. Every server has its own, so that no member's credentials open another.
pub(crate) struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate of the authority that signed all others, as PEM.
    pub(crate) authority: String,
    /// What the server shows.
    pub(crate) server: Identity,
    /// The key that signs and checks service account tokens, as PEM.
    pub(crate) token_key: String,
    /// Its public half; kube-apiserver reads no private key of this form as one that checks.
    pub(crate) token_public_key: String,
}

/// A certificate and its key, both as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Certificates {
    pub(crate) fn generate(server: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{server}-ca"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let server = signed(params, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
        let tokens = KeyPair::generate()?;
        let (token_key, token_public_key) = (tokens.serialize_pem(), tokens.public_key_pem());
        Ok(Self { issuer, authority, server, token_key, token_public_key })
    }

    /// A client certificate. Kubernetes reads the user from the common name and the group from the organisation
    /// (Kubernetes documentation, "Authenticating", X509 client certificates).
    pub(crate) fn client(&self, user: &str, group: &str) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        signed(params, ExtendedKeyUsagePurpose::ClientAuth, &self.issuer)
    }
}

fn signed(
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'static, KeyPair>,
) -> Result<Identity> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok(Identity { certificate: params.signed_by(&key, issuer)?.pem(), key: key.serialize_pem() })
}
