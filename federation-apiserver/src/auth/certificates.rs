//! A server's own authority, and what it signs. Everything is PEM in and PEM out; the caller keeps it.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// An authority's certificate lasts ten years, as kubeadm's do.
const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// Clocks differ: a certificate begins a bit before it is made.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);

/// A certificate and its private key (PKCS#8), both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// A certificate or key that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// A certificate cannot be made, or the authority's cannot be read.
    #[error("certificate: {0}")]
    Certificate(#[from] Error),
    /// A time beyond what certificates can say.
    #[error("certificate's end: {0} is beyond the year 9999")]
    Time(Timestamp),
    /// A PEM text that is none, or has none of what it should have.
    #[error("{what}: not readable as PEM: {detail}")]
    Pem {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        detail: String,
    },
    /// Certificate and key that a TLS server cannot use.
    #[error("serving certificate: {0}")]
    Tls(#[from] rustls::Error),
    /// An authority that cannot verify clients.
    #[error("client authority: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// Makes an authority that signs others.
pub fn authority(name: &str, now: Timestamp) -> Result<Identity, CertificatesError> {
    let mut params = params(name, now, AUTHORITY_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    Ok(Identity { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

/// Makes a server's certificate for these DNS names and IP addresses, signed by the authority.
pub fn serving<S: Into<String>>(
    authority: &Identity,
    name: &str,
    hosts: impl IntoIterator<Item = S>,
    now: Timestamp,
    life: SignedDuration,
) -> Result<Identity, CertificatesError> {
    let mut params = params(name, now, life)?;
    let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
    params.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
    signed(authority, params, ExtendedKeyUsagePurpose::ServerAuth)
}

/// Makes a client's certificate: the user's name and group, signed by the authority.
pub fn client(
    authority: &Identity,
    user: &str,
    group: &str,
    now: Timestamp,
    life: SignedDuration,
) -> Result<Identity, CertificatesError> {
    let mut params = params(user, now, life)?;
    params.distinguished_name.push(DnType::OrganizationName, group);
    signed(authority, params, ExtendedKeyUsagePurpose::ClientAuth)
}

fn params(name: &str, now: Timestamp, life: SignedDuration) -> Result<CertificateParams, CertificatesError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let end = now.checked_add(life).map_err(|_| CertificatesError::Time(now))?;
    let time = |at: Timestamp| {
        // rcgen's time type is not re-exported; its days are, and the rest is added.
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
    };
    params.not_before = time(now - BACKDATED);
    params.not_after = time(end);
    Ok(params)
}

fn signed(
    authority: &Identity,
    mut params: CertificateParams,
    purpose: ExtendedKeyUsagePurpose,
) -> Result<Identity, CertificatesError> {
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok(Identity { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
}
