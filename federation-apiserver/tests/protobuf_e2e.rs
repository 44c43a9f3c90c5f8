//! Bodies in protobuf, sent to this server and to a real kube-apiserver: the same answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use std::sync::Arc;

use federation_apiserver::auth::{MASTERS, User};
use federation_apiserver::builtin::Profile;
use federation_apiserver::protobuf::MEDIA_TYPE;
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use http::Request;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use revision_store::MemoryStore;
use serde_json::{Value, json};
use testbed::Testbed;

#[path = "protobuf/bytes.rs"]
mod bytes;

use bytes::{envelope, field, number};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

/// Where this server means to answer otherwise, and why.
const MEANT: [(&str, &str); 2] = [
    ("a custom resource", "kube-apiserver drops the connection; 415 tells the client what to do"),
    ("options that are none", "a kind that is known elsewhere, in one form of words for all bodies"),
];

/// A request with a body in protobuf, and what it shows.
struct Case(&'static str, &'static str, String, Vec<u8>);

#[tokio::test(flavor = "multi_thread")]
async fn bodies_in_protobuf_are_answered_as_by_a_real_api_server() {
    let testbed = Testbed::start().await.unwrap();
    let real = testbed.api_server("protobuf").await.unwrap();
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
    let embedded = EmbeddedServer::start(options).await.unwrap();
    let admin = User::new("admin", [MASTERS]);
    let ours = Client::new(InProcess::new(Arc::clone(embedded.api()), admin), "default");
    let theirs = real.client();

    for server in [&ours, &theirs] {
        prepare(server).await;
    }
    let mut differences = Vec::new();
    for Case(shows, method, path, body) in cases() {
        let answers = [&ours, &theirs].map(|server| send(server, method, &path, MEDIA_TYPE, body.clone()));
        let [a, b] = futures::future::join_all(answers).await.try_into().unwrap();
        let meant = MEANT.iter().any(|(of, _)| *of == shows);
        if (a != b) != meant {
            differences.push(format!("{shows}:\n  ours   {a}\n  theirs {b}"));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    embedded.stop().await;
}

/// What the requests are about: a custom resource, a deployment, a service account.
async fn prepare(server: &Client) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    for (path, object) in [
        (DEFINITIONS, definition),
        ("/apis/apps/v1/namespaces/default/deployments", deployment),
        ("/api/v1/namespaces/default/serviceaccounts", json!({"metadata": {"name": "robot"}})),
        (CONFIG_MAPS, json!({"metadata": {"name": "kept"}})),
    ] {
        let body = object.to_string().into_bytes();
        let answer = send(server, "POST", path, "application/json", body).await;
        assert_eq!(answer["code"], 201, "{path}: {answer}");
    }
    while send(server, "GET", WIDGETS, "application/json", Vec::new()).await["code"] != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A request's answer: its code, and of a failure what it says, of an object what does not differ between servers.
async fn send(server: &Client, method: &str, path: &str, media_type: &str, body: Vec<u8>) -> Value {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("Accept", "application/json").header("Content-Type", media_type);
    let Ok(response) = server.send(request.body(Body::from(body)).unwrap()).await else {
        return json!("no answer");
    };
    let code = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&text)
        .unwrap_or_else(|_| String::from_utf8_lossy(&text).trim().to_owned().into());
    match answer["kind"].as_str() {
        Some("Status") => {
            let message = answer["message"].as_str().unwrap_or_default();
            // Names of Go's packages, files and fields are not this server's.
            let message = message.split(" in scheme ").next().unwrap_or_default();
            let message = message.split(" for field ").next().unwrap_or_default();
            let message = message.replace("converting (v1.Secret) to (core.ConfigMap): ", "");
            let message =
                message.replace("converting (v1.ConfigMap) to (authorization.SelfSubjectAccessReview): ", "");
            json!({"code": code, "status": answer["status"], "reason": answer["reason"], "message": message,
                   "details": answer["details"]["kind"]})
        }
        kind => json!({
            "code": code, "kind": kind, "apiVersion": answer["apiVersion"], "name": answer["metadata"]["name"],
            "data": answer["data"], "replicas": answer["spec"]["replicas"], "allowed": answer["status"]["allowed"],
        }),
    }
}

fn cases() -> Vec<Case> {
    let named = |name: &str| field(1, &field(1, name.as_bytes()));
    let config_map = |name: &str| envelope("v1", "ConfigMap", &named(name));
    let entry = [field(1, b"k"), field(2, b"v")].concat();
    let post = |shows, body| Case(shows, "POST", CONFIG_MAPS.to_owned(), body);
    let with = |shows, kind, raw: Vec<u8>| post(shows, envelope("v1", kind, &raw));
    let delete = |shows, body| Case(shows, "DELETE", format!("{CONFIG_MAPS}/kept"), body);
    let access = {
        let attributes = [field(2, b"get"), field(5, b"pods")].concat();
        field(2, &field(1, &attributes))
    };
    let scale = [named("web"), field(2, &number(1, 3))].concat();
    let dry_run = envelope("v1", "DeleteOptions", &field(5, b"All"));
    vec![
        post("no body", Vec::new()),
        post("no envelope", b"what is this, and how long may it get?".to_vec()),
        post("JSON", br#"{"metadata":{"name":"a"}}"#.to_vec()),
        post("an empty envelope", b"k8s\0".to_vec()),
        post("a broken envelope", b"k8s\0\xff\xff".to_vec()),
        with("another kind", "Secret", named("a")),
        with("an unknown kind", "Nothing", named("a")),
        post("another version", envelope("v2", "ConfigMap", &named("a"))),
        post("another group", envelope("apps/v1", "ConfigMap", &named("a"))),
        with("no name", "ConfigMap", Vec::new()),
        with("cut off", "ConfigMap", vec![10, 200]),
        with("a number for a message", "ConfigMap", number(1, 1)),
        with("an unknown field", "ConfigMap", [named("newer"), field(15, b"x")].concat()),
        with("data", "ConfigMap", [named("data"), field(2, &entry)].concat()),
        post("no kind", envelope("", "", &named("untold"))),
        post("a kind that is there", config_map("kept")),
        Case("an update", "PUT", format!("{CONFIG_MAPS}/kept"), config_map("kept")),
        Case("an update of another name", "PUT", format!("{CONFIG_MAPS}/kept"), config_map("other")),
        Case("strict", "POST", format!("{CONFIG_MAPS}?fieldValidation=Strict"), config_map("strict")),
        Case(
            "a custom resource",
            "POST",
            WIDGETS.to_owned(),
            envelope("example.com/v1", "Widget", &named("w")),
        ),
        Case("a patch", "PATCH", format!("{CONFIG_MAPS}/kept"), config_map("kept")),
        Case(
            "a scale",
            "PUT",
            "/apis/apps/v1/namespaces/default/deployments/web/scale".to_owned(),
            envelope("autoscaling/v1", "Scale", &scale),
        ),
        Case(
            "a token",
            "POST",
            "/api/v1/namespaces/default/serviceaccounts/robot/token".to_owned(),
            envelope("authentication.k8s.io/v1", "TokenRequest", &[]),
        ),
        Case(
            "a review",
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            envelope("authorization.k8s.io/v1", "SelfSubjectAccessReview", &access),
        ),
        Case(
            "a review of another kind",
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            config_map("a"),
        ),
        delete("options in a dry run", dry_run),
        delete("options that are none", config_map("kept")),
        delete("options in no envelope", b"x".to_vec()),
        delete("a wrong policy", envelope("v1", "DeleteOptions", &field(4, b"Never"))),
        delete("options of the group", envelope("apps/v1", "DeleteOptions", &field(4, b"Background"))),
    ]
}
