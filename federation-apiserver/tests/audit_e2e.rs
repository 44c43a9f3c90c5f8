//! The audit log against a real kube-apiserver's: the same requests under the same policy leave the same events.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use federation_apiserver::audit::{Audit, Log, Policy, RotatingFile, Rotation};
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use revision_store::MemoryStore;
use serde_json::{Value, json};
use testbed::{ApiServerOptions, Testbed};

/// What the two must agree on.
const COMPARED: [&str; 7] =
    ["stage", "level", "verb", "user", "impersonatedUser", "requestURI", "annotations"];

fn policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitManagedFields": true,
        "rules": [
            // Everything else that talks to a server by itself.
            {"level": "None", "users": ["system:apiserver", "system:kube-controller-manager"]},
            {"level": "None", "nonResourceURLs": ["/healthz*"]},
            {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}],
             "omitStages": ["RequestReceived"]},
            {"level": "RequestResponse", "verbs": ["create", "patch"], "namespaces": ["audit"],
             "omitStages": ["RequestReceived"]},
            {"level": "Request", "resources": [{"group": "", "resources": ["configmaps"]}],
             "omitStages": ["RequestReceived"]},
            {"level": "Metadata"},
        ],
    })
}

/// The requests, one after the other: method, path, further headers, body.
fn requests() -> Vec<(&'static str, &'static str, Vec<(&'static str, &'static str)>, Value)> {
    let json = ("content-type", "application/json");
    let merge = ("content-type", "application/merge-patch+json");
    let alice = vec![("impersonate-user", "alice"), ("impersonate-group", "devs")];
    vec![
        ("POST", "/api/v1/namespaces", vec![json], json!({"metadata": {"name": "audit"}})),
        (
            "POST",
            "/api/v1/namespaces/audit/configmaps",
            vec![json],
            json!({"metadata": {"name": "c"}, "data": {"k": "v"}}),
        ),
        (
            "POST",
            "/api/v1/namespaces/audit/secrets",
            vec![json],
            json!({"metadata": {"name": "s"}, "stringData": {"password": "never-in-the-log"}}),
        ),
        ("GET", "/api/v1/namespaces/audit/secrets/s", vec![], Value::Null),
        ("GET", "/api/v1/namespaces/audit/configmaps/c", vec![], Value::Null),
        ("GET", "/api/v1/namespaces/audit/configmaps?limit=5", vec![], Value::Null),
        ("PATCH", "/api/v1/namespaces/audit/configmaps/c", vec![merge], json!({"data": {"k": "w"}})),
        (
            "PUT",
            "/api/v1/namespaces/audit/configmaps/c",
            vec![json],
            json!({"metadata": {"name": "c"}, "data": {"k": "x"}}),
        ),
        ("GET", "/api/v1/namespaces/audit/configmaps/absent", vec![], Value::Null),
        (
            "POST",
            "/api/v1/namespaces/audit/configmaps",
            vec![json],
            json!({"metadata": {"name": "Not Valid"}}),
        ),
        ("POST", "/api/v1/namespaces/audit/configmaps", vec![json], json!({"metadata": {"name": "c"}})),
        ("GET", "/api/v1/namespaces/audit/configmaps", alice.clone(), Value::Null),
        ("GET", "/api/v1/secrets", alice, Value::Null),
        ("GET", "/api/v1/namespaces/audit/nonsense", vec![], Value::Null),
        ("GET", "/api/v1/namespaces/audit/configmaps?watch=1&timeoutSeconds=1", vec![], Value::Null),
        ("GET", "/api/v1/namespaces/audit/secrets?watch=1&resourceVersion=nonsense", vec![], Value::Null),
        (
            "POST",
            "/api/v1/namespaces/audit/serviceaccounts",
            vec![json],
            json!({"metadata": {"name": "robot"}}),
        ),
        (
            "POST",
            "/api/v1/namespaces/audit/serviceaccounts/robot/token",
            vec![json],
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        ),
        ("GET", "/version", vec![], Value::Null),
        ("GET", "/healthz", vec![], Value::Null),
        ("GET", "/nonsense", vec![], Value::Null),
        ("DELETE", "/api/v1/namespaces/audit/configmaps/c", vec![], Value::Null),
        ("DELETE", "/api/v1/namespaces/audit/configmaps/c", vec![], Value::Null),
        ("DELETE", "/api/v1/namespaces/audit/secrets?labelSelector=none", vec![], Value::Null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_those_of_a_real_api_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("policy.yaml"), policy().to_string()).unwrap();
    let testbed = Testbed::start().await.unwrap();
    let flags = vec![
        format!("--audit-policy-file={}", file("policy.yaml").display()),
        format!("--audit-log-path={}", file("theirs.log").display()),
        "--audit-log-mode=blocking".to_owned(),
    ];
    let options = ApiServerOptions { flags, ..ApiServerOptions::default() };
    let real = testbed.api_server_with("audit", options).await.unwrap();
    let (embedded, config) = embedded(&file("ours.log")).await;

    send_all(Client::try_from(real.kube_config()).unwrap(), real.kube_config()).await;
    let theirs = events(&file("theirs.log"), &real_user(&file("theirs.log")));
    send_all(Client::try_from(config.clone()).unwrap(), config).await;
    embedded.stop().await;
    let ours = events(&file("ours.log"), "fedd:admin");

    assert!(theirs.len() > 25, "{}", theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(compared(ours), compared(theirs), "\nours {ours}\ntheirs {theirs}");
        assert_eq!(bodies(ours), bodies(theirs), "\nours {ours}\ntheirs {theirs}");
    }
    assert_eq!(ours.len(), theirs.len());
    let text = std::fs::read_to_string(file("ours.log")).unwrap();
    assert!(!text.contains("never-in-the-log"), "the policy keeps secrets' bodies out");
}

async fn embedded(log: &Path) -> (EmbeddedServer, Config) {
    let log = Log::new(RotatingFile::open(log, Rotation::default()).unwrap()).unwrap();
    let audit = Audit { policy: Arc::new(Policy::read(policy()).unwrap()), log };
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
    let listen = Some(([127, 0, 0, 1], 0).into());
    let options = Options { listen, audit: Some(audit), simulation: None, accounts: false, ..options };
    let server = EmbeddedServer::start(options).await.unwrap();
    let kubeconfig: Kubeconfig = serde_json::from_value(server.admin_kubeconfig("ours").unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    (server, config)
}

/// Sends the requests, then two that nobody sends who is known.
async fn send_all(client: Client, config: Config) {
    for (method, path, headers, body) in requests() {
        send(&client, method, path, &headers, &body).await;
    }
    let mut nobody = Config::new(config.cluster_url);
    nobody.root_cert = config.root_cert;
    let nobody = Client::try_from(nobody).unwrap();
    send(&nobody, "GET", "/api/v1/namespaces/audit/configmaps", &[], &Value::Null).await;
    let wrong = [("authorization", "Bearer wrong")];
    send(&nobody, "GET", "/api/v1/namespaces/audit/configmaps", &wrong, &Value::Null).await;
}

async fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) {
    let mut request = Request::builder().method(method).uri(path).header("user-agent", "audit/1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let sent = client.send(request.body(Body::from(body)).unwrap());
    let response = tokio::time::timeout(Duration::from_secs(20), sent).await.unwrap().unwrap();
    response.into_body().collect().await.unwrap();
}

/// The name of the administrator of the real server, which made the namespace.
fn real_user(log: &Path) -> String {
    let made = |event: &Value| event["objectRef"]["name"] == "audit" && event["verb"] == "create";
    let event = lines(log).into_iter().find(made).unwrap();
    event["user"]["username"].as_str().unwrap().to_owned()
}

fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of the test's own requests, when all of them are there, with its user's name masked.
fn events(log: &Path, administrator: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let events: Vec<Value> =
            lines(log).into_iter().filter(|event| event["userAgent"] == "audit/1").collect();
        let last = |event: &Value| event["responseStatus"]["code"] == 401;
        if events.iter().any(last) || begun.elapsed() > Duration::from_secs(20) {
            return events.into_iter().map(|event| masked(event, administrator)).collect();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn masked(mut event: Value, administrator: &str) -> Value {
    assert_eq!(event["kind"], "Event");
    assert_eq!(event["apiVersion"], "audit.k8s.io/v1");
    assert_eq!(event["sourceIPs"], json!(["127.0.0.1"]));
    for time in ["requestReceivedTimestamp", "stageTimestamp"] {
        event[time].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let user = event["user"].as_object_mut().unwrap();
    user.remove("extra");
    if user.get("username").is_some_and(|name| name == administrator) {
        user.insert("username".to_owned(), "administrator".into());
    }
    event
}

fn compared(event: &Value) -> Value {
    let mut compared: serde_json::Map<String, Value> =
        COMPARED.iter().map(|field| ((*field).to_owned(), event[*field].clone())).collect();
    let mut reference = event["objectRef"].clone();
    for volatile in ["uid", "resourceVersion"] {
        if let Some(value) = reference.get_mut(volatile) {
            *value = "some".into();
        }
    }
    compared.insert("objectRef".to_owned(), reference);
    let status = &event["responseStatus"];
    for field in ["code", "reason", "status"] {
        compared.insert(field.to_owned(), status[field].clone());
    }
    if let Some(annotations) = compared.get_mut("annotations").and_then(Value::as_object_mut) {
        // Deprecations, latencies and pod security are of kube-apiserver alone.
        annotations.retain(|name, _| name.starts_with("authorization.k8s.io/"));
    }
    Value::Object(compared)
}

/// Which bodies are in the event, and what of them is the client's.
fn bodies(event: &Value) -> Value {
    let data = |field: &str| {
        let body = &event[field];
        assert!(body["metadata"].get("managedFields").is_none(), "{event}");
        json!({"there": !body.is_null(), "data": body["data"], "code": body["code"]})
    };
    json!({"request": data("requestObject"), "response": data("responseObject")})
}
