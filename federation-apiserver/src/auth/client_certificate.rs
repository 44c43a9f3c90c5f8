//! The user in a client certificate.

use std::fmt::Write as _;

use jiff::Timestamp;
use x509_parser::{
    certificate::X509Certificate, der_parser::oid::Oid, oid_registry::asn1_rs::oid, prelude::FromDer,
};

use crate::auth::{CREDENTIAL_ID, User, fingerprint::sha256};

/// Kubernetes' own attribute for a user's uid.
const UID: Oid<'static> = oid!(1.3.6.1.4.1.57683.2);

/// Why a certificate makes no user.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    /// It cannot be read.
    #[error("client certificate cannot be read: {0}")]
    Unreadable(String),
    /// Its time is over, or has not come.
    #[error("x509: certificate has expired or is not yet valid: current time {now} is {relation} {limit}")]
    NotNow {
        /// The time of the request.
        now: Timestamp,
        /// `before` or `after`
        relation: &'static str,
        /// The beginning or the end of the certificate's time.
        limit: Timestamp,
    },
    /// Its subject has an empty uid, or more than one.
    #[error("client certificate's subject must have one uid that is not empty, or none")]
    Uid,
}

/// A client's certificate, which the handshake has verified. It is read once, for all requests of its connection.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Result<Read, CertificateError>);

/// What a certificate says.
#[derive(Clone, Debug)]
struct Read {
    user: Option<User>,
    from: Timestamp,
    until: Timestamp,
}

impl ClientCertificate {
    /// Reads a certificate (DER). What is wrong with it is told when its user is asked for.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Read::of(certificate))
    }

    /// The user: the common name, with the organisations as groups. None if it has no common name.
    ///
    /// The time is checked again, since a connection may outlive the certificate that it was opened with.
    ///
    /// # Errors
    /// The certificate cannot be read, says no proper user, or is of another time.
    pub fn user(&self, now: Timestamp) -> Result<Option<&User>, CertificateError> {
        let Read { user, from, until } = self.0.as_ref().map_err(Clone::clone)?;
        let (relation, limit) = if now < *from {
            ("before", *from)
        } else if now > *until {
            ("after", *until)
        } else {
            return Ok(user.as_ref());
        };
        Err(CertificateError::NotNow { now, relation, limit })
    }
}

impl Read {
    fn of(certificate: &[u8]) -> Result<Self, CertificateError> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let validity = parsed.validity();
        let limit = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        Ok(Self {
            user: user_of(&parsed, certificate)?,
            from: limit(validity.not_before.timestamp()),
            until: limit(validity.not_after.timestamp()),
        })
    }
}

fn user_of(parsed: &X509Certificate<'_>, certificate: &[u8]) -> Result<Option<User>, CertificateError> {
    let subject = parsed.subject();
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
    let Some(name) = subject.iter_common_name().last().and_then(text).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let mut user = User::new(name, subject.iter_organization().filter_map(text));
    let uids: Vec<_> = subject.iter_by_oid(&UID).map(text).collect();
    match uids.as_slice() {
        [] => {}
        [Some(uid)] if !uid.is_empty() => user.uid.clone_from(uid),
        _ => return Err(CertificateError::Uid),
    }
    let mut id = "X509SHA256=".to_owned();
    for byte in sha256(certificate) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    user.extra.insert(CREDENTIAL_ID.to_owned(), vec![id]);
    Ok(Some(user))
}
