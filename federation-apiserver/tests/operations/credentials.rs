//! Credentials that are wrong, or whose time is over.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use federation_apiserver::EmbeddedServer;
use federation_apiserver::auth::{Claims, MASTERS, TokenKeys, certificates};
use federation_apiserver::{ISSUER, Options};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use serde_json::json;

use crate::connection::{Connection, TOKEN, tls};
use crate::options;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_old_credentials_are_unauthorized() {
    let options = options();
    let secrets = options.secrets.clone();
    let server = EmbeddedServer::start(options).await.unwrap();
    let mut connection = Connection::to(&server).await;
    let unauthorized = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "Unauthorized",
        "reason": "Unauthorized", "code": 401,
    });

    assert_eq!(connection.ask(Some(TOKEN), "GET", MAPS, "").await.0, 200);
    assert_eq!(connection.ask(None, "GET", MAPS, "").await.0, 403, "nobody is somebody, without rights");
    for wrong in ["wrong", "a.b.c", "administrato", "administrator2"] {
        assert_eq!(
            connection.ask(Some(wrong), "GET", MAPS, "").await,
            (401, unauthorized.clone()),
            "{wrong}"
        );
    }

    // A token of a service account, then the same with its end in the past, and with another key.
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = r#"{"metadata":{"name":"robot"}}"#;
    assert_eq!(connection.ask(Some(TOKEN), "POST", accounts, account).await.0, 201);
    let request = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}"#;
    let (code, answer) =
        connection.ask(Some(TOKEN), "POST", &format!("{accounts}/robot/token"), request).await;
    assert_eq!(code, 201, "{answer}");
    let token = answer["status"]["token"].as_str().unwrap();
    assert_eq!(connection.ask(Some(token), "GET", MAPS, "").await.0, 403, "known, without rights");
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Claims = serde_json::from_slice(&payload).unwrap();
    let keys = TokenKeys::new(ISSUER, vec![ISSUER.to_owned()], &secrets.token_key).unwrap();
    assert_eq!(connection.ask(Some(&keys.issue(&claims).unwrap()), "GET", MAPS, "").await.0, 403);
    let old =
        Claims { exp: claims.iat - 3600, iat: claims.iat - 7200, nbf: claims.iat - 7200, ..claims.clone() };
    let forged =
        TokenKeys::new(ISSUER, vec![ISSUER.to_owned()], &TokenKeys::generate_key().unwrap()).unwrap();
    for (what, token) in [("old", keys.issue(&old)), ("forged", forged.issue(&claims))] {
        let answer = connection.ask(Some(&token.unwrap()), "GET", MAPS, "").await;
        assert_eq!(answer, (401, unauthorized.clone()), "{what}");
    }

    // A certificate that has ended, as kube-apiserver answers it: the handshake is done, the request is refused.
    let (now, hour) = (Timestamp::now(), SignedDuration::from_hours(1));
    for (made, expected) in [(now, 200), (now - hour - hour, 401)] {
        let client = certificates::client(&secrets.authority, "admin", MASTERS, made, hour).unwrap();
        let tls = tls(server.authority(), Some(&client), None);
        let mut connection = Connection::open(server.address().unwrap(), tls).await.unwrap();
        assert_eq!(connection.ask(None, "GET", MAPS, "").await.0, expected);
    }
    let stranger = certificates::authority("stranger", now).unwrap();
    let client = certificates::client(&stranger, "admin", MASTERS, now, hour).unwrap();
    let opened =
        Connection::open(server.address().unwrap(), tls(server.authority(), Some(&client), None)).await;
    // The client learns of it with the first answer, or before.
    if let Ok(mut connection) = opened {
        connection.send(None, "GET", MAPS, "").await.unwrap_err();
    }
    server.stop().await;
}

/// A clock that is ahead.
#[derive(Debug)]
struct Ahead(Duration);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + self.0))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_refuses_a_serving_certificate_whose_time_is_over() {
    let options = Options { certificate_life: SignedDuration::from_hours(2), ..options() };
    let server = EmbeddedServer::start(options).await.unwrap();
    let open = |hours: u64| {
        let clock = Arc::new(Ahead(Duration::from_secs(hours * 3600)));
        Connection::open(server.address().unwrap(), tls(server.authority(), None, Some(clock)))
    };
    open(1).await.unwrap();
    let error = open(3).await.err().unwrap().to_string();
    assert!(error.contains("expired"), "{error}");
    // The server goes on.
    assert_eq!(open(1).await.unwrap().ask(Some(TOKEN), "GET", MAPS, "").await.0, 200);
    server.stop().await;
}
