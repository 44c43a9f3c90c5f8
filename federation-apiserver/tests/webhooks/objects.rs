//! What both servers begin with, and how to see that a configuration counts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Api;
use crate::hook_server::HookServer;

/// How long anything may take.
const SOON: Duration = Duration::from_secs(30);
/// How often a server is asked that has no event to wait for.
const AGAIN: Duration = Duration::from_millis(20);

/// A resource of two versions, in which one field has two names.
pub(crate) fn definition(converter: Value) -> Value {
    let version = |name: &str, field: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {field: {"type": "integer"}}},
            }}},
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [version("v1", "size", true), version("v2", "extent", false)],
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": converter, "conversionReviewVersions": ["v1"],
            }},
        },
    })
}

/// Makes the namespaces and the resource.
pub(crate) async fn begin(api: &Api, definition: &Value) {
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    for object in [namespace("hooks", json!({"hooks": "yes"})), namespace("other", json!({}))] {
        assert_eq!(api.call("POST", "/api/v1/namespaces", &object).await.code, 201);
    }
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let made = api.call("POST", path, definition).await;
    assert_eq!(made.code, 201, "{}", made.body);
    for version in ["v1", "v2"] {
        let path = format!("/apis/example.com/{version}/namespaces/hooks/gadgets");
        until("the resource is not served", async || api.call("GET", &path, &json!(null)).await.code == 200)
            .await;
    }
}

/// Waits until the server's own parts have written what every namespace has: webhooks would be asked about it.
pub(crate) async fn until_settled(api: &Api) {
    let path = "/api/v1/namespaces/hooks/configmaps/kube-root-ca.crt";
    until("the namespace lacks what every one has", async || {
        api.call("GET", path, &json!(null)).await.code == 200
    })
    .await;
}

/// A webhook that asks for what no scenario writes.
pub(crate) fn marker(hooks: &HookServer) -> Value {
    json!({
        "name": "marker.example.com", "clientConfig": hooks.client_config("marker"), "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}],
    })
}

/// Waits until the marker is asked, or is not asked any more.
pub(crate) async fn until_marked(api: &Api, hooks: &HookServer, wanted: bool) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "marker"}});
    until("the configuration is not known", async || {
        hooks.take_asked();
        api.call("POST", "/api/v1/namespaces/other/secrets?dryRun=All", &secret).await;
        hooks.take_asked().iter().any(|asked| asked.path.starts_with("marker")) == wanted
    })
    .await;
}

/// Waits until it is so.
pub(crate) async fn until(otherwise: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so().await {
        assert!(Instant::now() < end, "{otherwise}");
        tokio::time::sleep(AGAIN).await;
    }
}
