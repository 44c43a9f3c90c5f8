//! `/metrics` of a server of this process: who may read it, and what is in it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails where something is missing"
)]

use std::sync::Arc;

use bytes::Bytes;
use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::metrics::Exposition;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use revision_store::SqliteStore;

struct Beside;

impl Exposition for Beside {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        out.push_str("beside 1\n");
        Ok(())
    }
}

async fn ask(server: &EmbeddedServer, user: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let groups: &[&str] = if user == "admin" { &[MASTERS] } else { &[] };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let user = User::new(user, groups.iter().copied()).authenticated();
    let response = server.api().handle_as(user, request).await;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn requests_watches_and_objects_are_counted_by_what_is_served() {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
    let options = Options::new(Arc::new(store), Profile::Federation, secrets);
    let options = Options { metrics: vec![Arc::new(Beside)], accounts: false, ..options };
    let server = EmbeddedServer::start(options).await.unwrap();

    let (code, _) = ask(&server, "nobody", "GET", "/metrics", "").await;
    assert_eq!(code, 403, "whoever may read metrics has been given the right");
    let maps = "/api/v1/namespaces/default/configmaps";
    for name in ["a", "b"] {
        let body = format!(r#"{{"metadata":{{"name":"{name}"}}}}"#);
        assert_eq!(ask(&server, "admin", "POST", maps, &body).await.0, 201);
    }
    assert_eq!(ask(&server, "admin", "GET", &format!("{maps}/absent"), "").await.0, 404);
    assert_eq!(ask(&server, "nobody", "GET", maps, "").await.0, 403);
    for random in 0..50 {
        let path = format!("/apis/g{random}.example.com/v1/r{random}/n{random}");
        assert_eq!(ask(&server, "admin", "GET", &path, "").await.0, 404);
    }
    // A watch that ends by itself: two objects, two events.
    ask(&server, "admin", "GET", &format!("{maps}?watch=1&timeoutSeconds=1"), "").await;

    let (code, text) = ask(&server, "admin", "GET", "/metrics", "").await;
    assert_eq!(code, 200);
    let labels = |verb: &str, scope: &str| {
        format!(
            r#"verb="{verb}",group="",version="v1",resource="configmaps",subresource="",scope="{scope}",component="apiserver""#
        )
    };
    for line in [
        format!("apiserver_request_total{{{},code=\"201\"}} 2", labels("POST", "namespace")),
        format!("apiserver_request_total{{{},code=\"404\"}} 1", labels("GET", "resource")),
        format!("apiserver_request_total{{{},code=\"403\"}} 1", labels("LIST", "namespace")),
        format!("apiserver_request_total{{{},code=\"200\"}} 1", labels("WATCH", "namespace")),
        format!("apiserver_request_duration_seconds_count{{{}}} 2", labels("POST", "namespace")),
        format!("apiserver_longrunning_requests{{{}}} 0", labels("WATCH", "namespace")),
        r#"apiserver_watch_events_total{group="",version="v1",resource="configmaps"} 2"#.to_owned(),
        r#"apiserver_current_inflight_requests{request_kind="mutating"} 0"#.to_owned(),
        r#"apiserver_storage_objects{resource="configmaps"} 2"#.to_owned(),
        r#"authorization_attempts_total{result="denied"} 2"#.to_owned(),
        "beside 1".to_owned(),
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    assert!(text.contains("revision_store_duration_seconds_count{operation=\"write\"}"));
    let number = |name: &str| -> u64 {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
        line.trim().parse::<f64>().unwrap() as u64
    };
    let commits = number("revision_store_commit_writes_count");
    assert_eq!(number("revision_store_commit_writes_bucket{le=\"512.0\"}"), commits);
    assert!(commits > 0 && number("revision_store_commit_writes_sum") >= commits);
    assert!(!text.contains("example.com"), "names that are not served make no series");
    assert!(text.ends_with("# EOF\n"));
    server.stop().await;
}
