//! Requests to a server in this process: `METHOD PATH?QUERY` on the first line, the media type of the body on the
//! second, the body on the others.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use http_body_util::{BodyExt as _, Full};
use revision_store::MemoryStore;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

pub(crate) const WORDS: &[&str] = &[
    "/api/v1/namespaces/default/configmaps",
    "/apis/apps/v1/namespaces/default/deployments",
    "/scale",
    "/status",
    "?limit=1&continue=",
    "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0",
    "&resourceVersion=",
    "&resourceVersionMatch=Exact",
    "&labelSelector=",
    "&fieldSelector=",
    "&dryRun=All",
    "&fieldManager=",
    "%2F",
    "%00",
    "GET ",
    "POST ",
    "PATCH ",
    "PUT ",
    "DELETE ",
    "application/json",
    "application/apply-patch+yaml",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    "application/vnd.kubernetes.protobuf",
];

/// How long an answer may take; a watch, which has no end, is left then.
const PATIENCE: Duration = Duration::from_millis(100);

struct Server {
    runtime: Runtime,
    embedded: EmbeddedServer,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let secrets = Secrets::generate(jiff::Timestamp::now()).expect("secrets can be made");
        let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
        let options = Options { simulation: None, accounts: false, ..options };
        let embedded = runtime.block_on(EmbeddedServer::start(options)).expect("the server starts");
        Server { runtime, embedded }
    })
}

/// Every request has an answer; one that refuses is a `Status`, and says why.
pub(crate) fn request(input: &[u8]) {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (title, media_type) = (line(), line());
    let (method, target) = title.split_once(' ').unwrap_or(("GET", &title));
    let body = Bytes::copy_from_slice(lines.next().unwrap_or_default());
    let request = http::Request::builder().method(method).uri(target);
    let Ok(request) = request.header("content-type", media_type.trim()).body(Full::new(body)) else { return };
    let Server { runtime, embedded } = server();
    let user = User::new("fuzz", [MASTERS]);
    runtime.block_on(async {
        let answer = embedded.api().handle_as(user, request);
        let (parts, body) = answer.await.into_parts();
        let status = parts.status.as_u16();
        assert!((200..600).contains(&status), "{status}");
        let Ok(body) = tokio::time::timeout(PATIENCE, body.collect()).await else { return };
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let json = parts.headers.get("content-type").is_some_and(|value| value == "application/json");
        if status >= 400 && json && method != "HEAD" {
            let value: Value = serde_json::from_slice(&body).expect("a refusal is JSON");
            assert_eq!(value["kind"], "Status", "{value}");
            assert_eq!(value["code"], status, "{value}");
            assert!(value["message"].is_string(), "{value}");
        }
    });
}
