//! The webhook's certificates: authorities that replicas share, and the short-lived leaf that each signs for itself.
//!
//! The authorities are in a Secret, so that every replica's leaf is good for one `caBundle`. A leaf is never stored:
//! it is cheap to make, and what is not written down cannot be stolen from there or fought over.

mod decide;
mod directory;
mod keeper;
mod secret;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use self::decide::{Held, HeldLeaf, Lifetimes, Step, Validity, next_step, signer};
pub use self::directory::CertificateDirectory;
pub use self::keeper::CertificateKeeper;
pub use self::secret::{SECRET_NAME, SharedAuthorities};

/// How far before their making certificates become valid, so that an API server whose clock is behind accepts them.
pub const BACKDATE: Duration = Duration::from_secs(3600);

/// Why a certificate could not be made, read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Making or signing failed.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS does not take the certificate or its key.
    #[error("{what}: {source}")]
    Tls {
        /// Where it comes from.
        what: String,
        /// What TLS says.
        source: rustls::Error,
    },
    /// A text that should be PEM is not, or lacks something.
    #[error("{what}: {problem}")]
    Unreadable {
        /// The file, or the Secret and key.
        what: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The Secret could not be read or written.
    #[error("secret {secret}: {source}")]
    Secret {
        /// Namespace and name.
        secret: String,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
}

/// A certificate authority of the webhook's own, with its key.
#[derive(Clone)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    validity: Validity,
}

impl std::fmt::Debug for Authority {
    /// The key is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("validity", &self.validity).finish_non_exhaustive()
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.certificate == other.certificate
    }
}

impl Authority {
    /// Makes an authority (ECDSA P-256) that is good until `now + lifetime`.
    pub fn make(now: SystemTime, lifetime: Duration) -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        // The time tells authorities apart for people who look at a bundle.
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("fedd webhook authority {}", unix_seconds(now)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, now + lifetime);
        let certificate = params.self_signed(&key)?.der().clone();
        Self::new(certificate, key.serialize_der())
    }

    fn new(certificate: CertificateDer<'static>, key: Vec<u8>) -> Result<Self, CertificateError> {
        let validity = Validity::of(&certificate)?;
        Ok(Self { certificate, key, validity })
    }

    /// When it was made, and until when it is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Signs a leaf for `names` (DNS names and IP addresses) that is good until `now + lifetime`, though never for
    /// longer than the authority.
    pub fn sign_leaf(
        &self,
        names: &[String],
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Leaf, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "fedd webhook");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, (now + lifetime).min(self.validity.until));
        let signing_key =
            KeyPair::try_from(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.as_slice())))?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, signing_key)?;
        let certificate = params.signed_by(&key, &issuer)?.der().clone();
        let validity = Validity::of(&certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let certified = certified_key(vec![certificate], key, "the webhook's new certificate")?;
        Ok(Leaf { certified: Arc::new(certified), validity })
    }
}

/// A serving certificate with its key, ready for TLS.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// What TLS presents.
    pub certified: Arc<CertifiedKey>,
    /// When it was made, and until when it is good.
    pub validity: Validity,
}

/// The leaf that new connections get; it can be exchanged at any time.
#[derive(Debug, Default)]
pub struct CurrentCertificate(ArcSwapOption<CertifiedKey>);

impl CurrentCertificate {
    /// From now on new connections get this one.
    pub fn set(&self, certified: Arc<CertifiedKey>) {
        self.0.store(Some(certified));
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

/// PEM of authorities: what goes into a `caBundle`.
pub fn bundle_pem(authorities: &[Authority]) -> Vec<u8> {
    authorities.iter().map(|a| pem("CERTIFICATE", &a.certificate)).collect::<String>().into_bytes()
}

fn keys_pem(authorities: &[Authority]) -> Vec<u8> {
    authorities.iter().map(|a| pem("PRIVATE KEY", &a.key)).collect::<String>().into_bytes()
}

/// Reads what [`bundle_pem`] and `keys_pem` wrote: certificates and keys in the same order.
fn read_authorities(
    what: &str,
    certificates: &[u8],
    keys: &[u8],
) -> Result<Vec<Authority>, CertificateError> {
    let unreadable = |problem: String| CertificateError::Unreadable { what: what.to_owned(), problem };
    let certificates = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unreadable(format!("ca.crt is not PEM: {e:?}")))?;
    let keys = PrivatePkcs8KeyDer::pem_slice_iter(keys)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unreadable(format!("ca.key is not PEM: {e:?}")))?;
    if certificates.is_empty() || certificates.len() != keys.len() {
        return Err(unreadable(format!(
            "ca.crt holds {} certificates and ca.key {} keys, which should be as many and not none",
            certificates.len(),
            keys.len()
        )));
    }
    certificates
        .into_iter()
        .zip(keys)
        .map(|(certificate, key)| {
            let signing_key = KeyPair::try_from(&PrivateKeyDer::Pkcs8(key.clone_key()))
                .map_err(|e| unreadable(format!("ca.key: {e}")))?;
            Issuer::from_ca_cert_der(&certificate, signing_key)
                .map_err(|e| unreadable(format!("ca.crt: {e}")))?;
            Authority::new(certificate, key.secret_pkcs8_der().to_vec())
        })
        .collect()
}

/// A certificate chain and its key for TLS; `what` says where they come from.
fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    what: &str,
) -> Result<CertifiedKey, CertificateError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider)
        .map_err(|source| CertificateError::Tls { what: what.to_owned(), source })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    // RFC 7468: lines of 64 characters.
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn set_validity(params: &mut CertificateParams, made: SystemTime, until: SystemTime) {
    let at = |time| date_time_ymd(1970, 1, 1) + Duration::from_secs(unix_seconds(time));
    params.not_before = at(made - BACKDATE);
    params.not_after = at(until);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(days: u32) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + DAY * days
    }

    #[test]
    fn a_leaf_is_good_for_its_names_under_its_authority_alone() {
        use rustls::client::verify_server_cert_signed_by_trust_anchor;
        use rustls::pki_types::{ServerName, UnixTime};
        use rustls::server::ParsedCertificate;

        let authority = Authority::make(at(0), DAY * 365).unwrap();
        let other = Authority::make(at(0), DAY * 365).unwrap();
        let leaf = authority.sign_leaf(&["hooks.fed.svc".into(), "127.0.0.1".into()], at(1), DAY).unwrap();
        let certificate = ParsedCertificate::try_from(&leaf.certified.cert[0]).unwrap();
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let verify = |authority: &Authority, day: u32| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.certificate.clone()).unwrap();
            let now = UnixTime::since_unix_epoch(at(day).duration_since(UNIX_EPOCH).unwrap());
            verify_server_cert_signed_by_trust_anchor(&certificate, &roots, &[], now, algorithms.all)
        };
        verify(&authority, 1).unwrap();
        verify(&other, 1).unwrap_err();
        verify(&authority, 3).unwrap_err();
        for (name, good) in [("hooks.fed.svc", true), ("127.0.0.1", true), ("else.fed.svc", false)] {
            let name = ServerName::try_from(name).unwrap();
            assert_eq!(rustls::client::verify_server_name(&certificate, &name).is_ok(), good, "{name:?}");
        }
    }

    #[test]
    fn a_leaf_ends_with_its_authority() {
        let authority = Authority::make(at(0), DAY).unwrap();
        let leaf = authority.sign_leaf(&["h".into()], at(0), DAY * 7).unwrap();
        assert_eq!(leaf.validity, Validity { made: at(0), until: at(1) });
    }

    #[test]
    fn authorities_are_read_back_as_written() {
        let authorities = [Authority::make(at(2), DAY).unwrap(), Authority::make(at(0), DAY).unwrap()];
        let read = read_authorities("test", &bundle_pem(&authorities), &keys_pem(&authorities)).unwrap();
        assert_eq!(read, authorities);
        assert_eq!(read[0].key, authorities[0].key);
        let error = read_authorities("secret a/b", &bundle_pem(&authorities), b"").unwrap_err();
        assert!(
            error.to_string().starts_with("secret a/b: ca.crt holds 2 certificates and ca.key 0"),
            "{error}"
        );
        assert!(read_authorities("secret a/b", b"nonsense", b"nonsense").is_err());
    }
}
