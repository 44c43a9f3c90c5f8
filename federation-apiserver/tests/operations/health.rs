//! A server that is not ready while a part of its program is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use federation_apiserver::server::HealthCheck;
use federation_apiserver::{EmbeddedServer, Options};
use http_body_util::BodyExt as _;

use crate::connection::{Connection, TOKEN};
use crate::options;

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_embedder_counts_for_who_is_to_be_ready_and_not_for_who_is_to_live() {
    let is_away = Arc::new(AtomicBool::new(true));
    let seen = is_away.clone();
    let check = HealthCheck::new("vault", move || {
        seen.load(Ordering::Acquire).then(|| "no socket at kms.sock".to_owned())
    });
    let server = EmbeddedServer::start(Options { checks: vec![check], ..options() }).await.unwrap();
    let mut connection = Connection::to(&server).await;
    let mut ask = async |token: Option<&'static str>, path: &str| {
        let response = connection.send(token, "GET", path, "").await.unwrap();
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    };
    let failed = |path: &str| {
        format!("[+]ping ok\n[+]store ok\n[-]vault failed: reason withheld\n{path} check failed\n")
    };
    for path in ["readyz", "healthz"] {
        assert_eq!(ask(None, &format!("/{path}")).await, (500, failed(path)), "anybody may ask");
    }
    assert_eq!(ask(None, "/livez").await, (200, "ok".to_owned()));
    assert_eq!(ask(None, "/readyz?exclude=vault").await, (200, "ok".to_owned()));
    let told = "[+]ping ok\n[+]store ok\n[+]vault excluded: ok\n\
        warn: some health checks cannot be excluded: no matches for \"etcd\"\nreadyz check passed\n";
    assert_eq!(ask(None, "/readyz?verbose&exclude=vault&exclude=etcd").await, (200, told.to_owned()));

    assert_eq!(ask(None, "/readyz/vault").await.0, 403, "the reason is not for everybody");
    let reason = "internal server error: no socket at kms.sock\n";
    assert_eq!(ask(Some(TOKEN), "/readyz/vault").await, (500, reason.to_owned()));
    assert_eq!(ask(Some(TOKEN), "/readyz/store").await, (200, "ok".to_owned()));
    assert_eq!(ask(Some(TOKEN), "/livez/vault").await.0, 404);

    is_away.store(false, Ordering::Release);
    assert_eq!(ask(None, "/readyz").await, (200, "ok".to_owned()));
    server.stop().await;
}
