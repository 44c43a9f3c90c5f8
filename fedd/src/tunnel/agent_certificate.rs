//! Agents' certificates: each names its cluster, and which `KubeFedCluster` of that name it was issued for.
//!
//! A cluster that leaves the federation and one that joins under its name later have different uids, so what was issued
//! before does not speak for what is there now.

use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::digest;
use federation_apiserver::auth::Identity;
use jiff::{SignedDuration, Timestamp};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// What comes before the cluster's name in the common name.
pub const CLUSTER_PREFIX: &str = "cluster:";
/// The organisation.
const AGENTS: &str = "fedd:agents";
/// What comes before the uid among the alternative names: RFC 9562 has UUIDs as URNs.
const UID_PREFIX: &str = "urn:uuid:";
/// Clocks differ: a certificate begins a bit before it is made.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);

/// A request for a certificate that its sender has the key of.
pub struct Request(CertificateSigningRequestParams);

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The cluster's name.
    pub cluster: String,
    /// The uid of its `KubeFedCluster`.
    pub uid: String,
    /// From when and until when it is good.
    pub validity: Validity,
}

/// From when and until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its `notBefore`.
    pub from: Timestamp,
    /// Its `notAfter`.
    pub until: Timestamp,
}

impl Validity {
    /// How long it is good in all.
    pub fn life(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }

    /// How long it was to be good when it was made: without the allowance for clocks.
    pub fn granted(&self) -> Duration {
        Duration::try_from(self.life() - BACKDATED).unwrap_or_default()
    }
}

impl Request {
    /// Makes one, DER, for a key (PKCS#8, PEM).
    ///
    /// # Errors
    /// The key is none.
    pub fn make(key: &str) -> anyhow::Result<Vec<u8>> {
        let key = KeyPair::from_pem(key)?;
        Ok(CertificateParams::default().serialize_request(&key)?.der().to_vec())
    }

    /// Reads one, and checks that its sender has the key.
    ///
    /// # Errors
    /// It is none, or is signed by another key.
    pub fn read(der: &[u8]) -> anyhow::Result<Self> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der));
        Ok(Self(request.context("the certificate request cannot be read")?))
    }

    /// The hash of its public key, in hexadecimal.
    pub fn key(&self) -> String {
        sha256(self.0.public_key.der_bytes())
    }

    /// The certificate and its authority's, as PEM. Of the request, nothing but the key counts.
    ///
    /// # Errors
    /// The authority cannot sign, or the end is beyond what certificates can say.
    pub fn sign(
        mut self,
        authority: &Identity,
        cluster: &str,
        uid: &str,
        now: Timestamp,
        life: Duration,
    ) -> anyhow::Result<String> {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, format!("{CLUSTER_PREFIX}{cluster}"));
        name.push(DnType::OrganizationName, AGENTS);
        params.distinguished_name = name;
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(format!("{UID_PREFIX}{uid}"))?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let time = |at: Timestamp| {
            date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
        };
        params.not_before = time(now - BACKDATED);
        let end = now.checked_add(SignedDuration::try_from(life)?).context("the certificate's end")?;
        params.not_after = time(end);
        self.0.params = params;
        let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
        Ok(self.0.signed_by(&issuer)?.pem() + &authority.certificate)
    }
}

impl Certified {
    /// Reads a certificate of an agent; `None` if it is none.
    pub fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let name = parsed.subject().iter_common_name().find_map(|name| name.as_str().ok())?;
        let names = parsed.subject_alternative_name().ok()??;
        let uid = names.value.general_names.iter().find_map(|name| match name {
            GeneralName::URI(uri) => uri.strip_prefix(UID_PREFIX),
            _ => None,
        })?;
        let validity = parsed.validity();
        let time = |seconds| Timestamp::from_second(seconds).ok();
        Some(Self {
            cluster: name.strip_prefix(CLUSTER_PREFIX)?.to_owned(),
            uid: uid.to_owned(),
            validity: Validity {
                from: time(validity.not_before.timestamp())?,
                until: time(validity.not_after.timestamp())?,
            },
        })
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// It is none of an agent.
    pub fn read_pem(pem: &str) -> anyhow::Result<Self> {
        let first = CertificateDer::from_pem_slice(pem.as_bytes()).context("the certificate is not PEM")?;
        Self::read(&first).context("the certificate is none of an agent")
    }
}

/// A SHA-256 hash in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use federation_apiserver::auth::certificates;

    use super::*;

    const UID: &str = "5c1f4f0e-7a57-4c9e-9e0b-3d4e2f1a0b9c";

    #[test]
    fn a_certificate_says_its_cluster_and_nothing_of_the_request_but_the_key() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let authority = certificates::authority("test", now).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut asked = CertificateParams::new(["kubernetes".to_owned()]).unwrap();
        asked.distinguished_name.push(DnType::CommonName, "cluster:other");
        let request = Request::read(asked.serialize_request(&key).unwrap().der()).unwrap();
        let made = Request::read(&Request::make(&key.serialize_pem()).unwrap()).unwrap();
        assert_eq!(request.key(), made.key());
        let pem = request.sign(&authority, "m1", UID, now, Duration::from_hours(3)).unwrap();
        let read = Certified::read_pem(&pem).unwrap();
        assert_eq!((read.cluster.as_str(), read.uid.as_str()), ("m1", UID));
        assert_eq!(read.validity.until, now + SignedDuration::from_hours(3));
        assert_eq!(read.validity.granted(), Duration::from_hours(3));
        assert!(!pem.contains("other"));
        // What the authority signs besides is none of an agent.
        let engine =
            certificates::client(&authority, "engine", "g", now, SignedDuration::from_hours(1)).unwrap();
        assert!(Certified::read_pem(&engine.certificate).is_err());
    }

    #[test]
    fn a_request_that_another_key_signed_is_none() {
        let der = Request::make(&KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let mut forged = der.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(Request::read(&forged).is_err() && Request::read(&[]).is_err());
    }
}
