//! Certificates from the authority to a handshake.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use federation_apiserver::auth::{
    CREDENTIAL_ID, CertificateError, ClientCertificate, Identity, User, certificates, server_config,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(crate) fn der(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()
}

/// Shakes hands in memory; gives the protocol and the client's certificate, or the error that ended it.
fn handshake(
    server: rustls::ServerConfig,
    authority: &Identity,
    client: Option<&Identity>,
    host: &'static str,
) -> Result<(Vec<u8>, Option<Vec<u8>>), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(der(authority)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![der(identity)], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    let shown = server.peer_certificates().map(|chain| chain[0].to_vec());
    Ok((server.alpn_protocol().unwrap_or_default().to_vec(), shown))
}

fn user_of(certificate: &[u8], now: Timestamp) -> Result<Option<User>, CertificateError> {
    ClientCertificate::of(certificate).user(now).map(Option::<&User>::cloned)
}

#[test]
fn a_client_is_known_by_its_certificate_and_welcome_without() {
    let now = Timestamp::now();
    let authority = certificates::authority("fedd", now).unwrap();
    let serving = certificates::serving(&authority, "fedd", ["localhost", "127.0.0.1"], now, DAY).unwrap();
    let admin = certificates::client(&authority, "admin", "system:masters", now, DAY).unwrap();
    let config = || server_config(&serving, Some(&authority.certificate)).unwrap();

    let (protocol, shown) = handshake(config(), &authority, Some(&admin), "localhost").unwrap();
    assert_eq!(protocol, b"h2");
    let user = user_of(&shown.unwrap(), now).unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.groups.as_slice()), ("admin", &["system:masters".into()][..]));
    assert!(user.extra[CREDENTIAL_ID][0].starts_with("X509SHA256="));

    assert_eq!(handshake(config(), &authority, None, "127.0.0.1").unwrap().1, None);
    assert!(handshake(config(), &authority, None, "elsewhere").is_err());
}

#[test]
fn a_certificate_of_another_authority_ends_the_handshake_and_one_of_another_time_is_no_user() {
    let now = Timestamp::now();
    let authority = certificates::authority("fedd", now).unwrap();
    let other = certificates::authority("fedd", now).unwrap();
    let serving = certificates::serving(&authority, "fedd", ["localhost"], now, DAY).unwrap();
    let stranger = certificates::client(&other, "admin", "system:masters", now, DAY).unwrap();
    let last_week = now - SignedDuration::from_hours(7 * 24);
    let expired = certificates::client(&authority, "admin", "g", last_week, DAY).unwrap();
    let late_stranger = certificates::client(&other, "admin", "g", last_week, DAY).unwrap();
    for client in [&stranger, &late_stranger, &serving] {
        let config = server_config(&serving, Some(&authority.certificate)).unwrap();
        assert!(handshake(config, &authority, Some(client), "localhost").is_err());
    }
    // Its time is asked at every request: a connection that was opened in time does not go on for ever.
    let config = server_config(&serving, Some(&authority.certificate)).unwrap();
    assert!(handshake(config, &authority, Some(&expired), "localhost").is_ok());
    let error = user_of(&der(&expired), now).unwrap_err().to_string();
    assert!(error.starts_with("x509: certificate has expired or is not yet valid: current time"), "{error}");
    assert!(user_of(&der(&expired), last_week).unwrap().is_some());
    assert!(user_of(&der(&expired), last_week - DAY).is_err());
    assert!(user_of(b"none", now).is_err());
}

#[test]
fn unreadable_files_are_named() {
    let now = Timestamp::now();
    let authority = certificates::authority("fedd", now).unwrap();
    let serving = certificates::serving(&authority, "fedd", ["localhost"], now, DAY).unwrap();
    let broken = Identity { certificate: "x".to_owned(), ..serving.clone() };
    let error = |result: Result<rustls::ServerConfig, certificates::CertificatesError>| {
        result.unwrap_err().to_string()
    };
    assert!(error(server_config(&broken, None)).contains("serving certificate"));
    let broken = Identity { key: "x".to_owned(), ..serving.clone() };
    assert!(error(server_config(&broken, None)).contains("serving key"));
    assert!(error(server_config(&serving, Some("x"))).contains("client authority"));
    let mixed = Identity { key: authority.key.clone(), ..serving.clone() };
    assert!(server_config(&mixed, None).is_err());
}

#[test]
fn every_organisation_is_a_group_and_the_uid_is_one() {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    let (uid, organisation) = (vec![1, 3, 6, 1, 4, 1, 57683, 2], vec![2, 5, 4, 10]);
    let user = |entries: &[(DnType, &str)]| {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in entries {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        user_of(certificate.der(), Timestamp::now())
    };
    let name = (DnType::CommonName, "x");
    let all = user(&[
        (DnType::OrganizationName, "b"),
        (DnType::CustomDnType(organisation), "a"),
        name.clone(),
        (DnType::CustomDnType(uid.clone()), "7"),
    ]);
    let all = all.unwrap().unwrap();
    assert_eq!((all.uid.as_str(), all.groups), ("7", vec!["b".to_owned(), "a".to_owned()]));
    assert_eq!(user(&[(DnType::OrganizationName, "b")]), Ok(None));
    assert!(user(&[name, (DnType::CustomDnType(uid), "")]).is_err());
}
