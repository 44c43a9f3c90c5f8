//! Certificates that are renewed while the server serves.

use std::time::Duration;

use base64::Engine as _;
use federation_apiserver::auth::Identity;
use federation_apiserver::{EmbeddedServer, Options};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;

use crate::connection::{Connection, TOKEN, tls};
use crate::options;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The administrator's certificate, as the kubeconfig has it.
fn administrator(server: &EmbeddedServer) -> Identity {
    let kubeconfig = server.admin_kubeconfig("test").unwrap();
    let read = |field: &str| {
        let text = kubeconfig["users"][0]["user"][field].as_str().unwrap();
        String::from_utf8(base64::prelude::BASE64_STANDARD.decode(text).unwrap()).unwrap()
    };
    Identity { certificate: read("client-certificate-data"), key: read("client-key-data") }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_and_connections_go_on() {
    let life = SignedDuration::from_secs(9);
    let server = EmbeddedServer::start(Options { certificate_life: life, ..options() }).await.unwrap();
    let address = server.address().unwrap();
    let mut renewals = server.renewals();
    let first_made = *renewals.borrow_and_update();

    let mut old = Connection::to(&server).await;
    let mut as_administrator =
        Connection::open(address, tls(server.authority(), Some(&administrator(&server)), None))
            .await
            .unwrap();
    assert_eq!(as_administrator.ask(None, "GET", MAPS, "").await.0, 200);
    let watch = old.send(Some(TOKEN), "GET", &format!("{MAPS}?watch=1"), "").await.unwrap();

    // Twice, so that the second is of the renewed one.
    for round in 1..3 {
        tokio::time::timeout(Duration::from_secs(20), renewals.changed()).await.unwrap().unwrap();
        let made = *renewals.borrow_and_update();
        assert!(made.duration_since(first_made) < life * round, "before the last one's end");
        let mut new = Connection::to(&server).await;
        assert_ne!(new.shown, old.shown);
        assert_eq!(new.ask(Some(TOKEN), "GET", MAPS, "").await.0, 200);
        assert_eq!(old.ask(Some(TOKEN), "GET", MAPS, "").await.0, 200, "what is open goes on");
    }
    // The first certificates have ended by now. The administrator's ends for its open connection too, and the new one
    // is good.
    assert_eq!(as_administrator.ask(None, "GET", MAPS, "").await.0, 401);
    let mut again = Connection::open(address, tls(server.authority(), Some(&administrator(&server)), None))
        .await
        .unwrap();
    assert_eq!(again.ask(None, "POST", MAPS, r#"{"metadata":{"name":"late"}}"#).await.0, 201);
    // The watch from before the first renewal tells of it.
    let mut events = watch.into_body();
    let frame =
        tokio::time::timeout(Duration::from_secs(10), events.frame()).await.unwrap().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&frame.into_data().unwrap()).contains("late"));
    server.stop().await;
}
