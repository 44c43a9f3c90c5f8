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
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
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

/// The user of a verified client certificate (DER): the common name, with the organisations as groups. None if it has
/// no common name.
///
/// The time is checked again, since a connection may outlive the certificate that it was opened with.
pub fn user_of(certificate: &[u8], now: Timestamp) -> Result<Option<User>, CertificateError> {
    let unreadable = |error: String| CertificateError::Unreadable(error);
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| unreadable(error.to_string()))?;
    check_time(&parsed, now)?;
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

fn check_time(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<(), CertificateError> {
    let validity = certificate.validity();
    let limit = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let (from, until) = (limit(validity.not_before.timestamp()), limit(validity.not_after.timestamp()));
    if now < from {
        Err(CertificateError::NotNow { now, relation: "before", limit: from })
    } else if now > until {
        Err(CertificateError::NotNow { now, relation: "after", limit: until })
    } else {
        Ok(())
    }
}
