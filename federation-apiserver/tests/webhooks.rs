//! Webhooks of an embedded server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use std::sync::Arc;

use federation_apiserver::auth::User;
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use jiff::Timestamp;
use kube::Client;
use revision_store::MemoryStore;
use serde_json::{Value, json};

use api::Api;
use hook_server::HookServer;
use objects::{begin, definition, marker, until_marked, until_settled};

#[path = "webhooks/api.rs"]
mod api;
#[path = "webhooks/hook_server.rs"]
mod hook_server;
#[path = "webhooks/objects.rs"]
mod objects;

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";
const CONFIG_MAPS: &str = "/api/v1/namespaces/hooks/configmaps";
const V1: &str = "/apis/example.com/v1/namespaces/hooks/gadgets";
const V2: &str = "/apis/example.com/v2/namespaces/hooks/gadgets";

/// A server, its client, and webhooks.
struct World {
    _server: EmbeddedServer,
    api: Api,
    hooks: HookServer,
}

impl World {
    /// With a resource that is converted at a path of the webhooks.
    async fn begin(converter: &str) -> Self {
        let secrets = Secrets::generate(Timestamp::now()).unwrap();
        let store = Arc::new(MemoryStore::new());
        let server = EmbeddedServer::start(Options::new(store, Profile::Federation, secrets)).await.unwrap();
        let admin = User::new("admin", ["system:masters"]);
        let api = Api::new(Client::new(InProcess::new(server.api().clone(), admin), "default"));
        let hooks = HookServer::start().await;
        begin(&api, &definition(hooks.client_config(converter))).await;
        until_settled(&api).await;
        hooks.take_asked();
        Self { _server: server, api, hooks }
    }

    /// Adds a configuration with one webhook for config maps, and waits until it counts.
    async fn configure(&self, kind: &str, name: &str, path: &str, change: Value) {
        let mut webhook = json!({
            "name": "hook.example.com", "clientConfig": self.hooks.client_config(path), "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "namespaceSelector": {"matchLabels": {"hooks": "yes"}},
            "rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}],
        });
        for (field, value) in change.as_object().into_iter().flatten() {
            webhook[field] = value.clone();
        }
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
            "metadata": {"name": name}, "webhooks": [webhook, marker(&self.hooks)],
        });
        let path = format!("{CONFIGURATIONS}/{}webhookconfigurations", kind.to_lowercase());
        let made = self.api.call("POST", &path, &configuration).await;
        assert_eq!(made.code, 201, "{}", made.body);
        until_marked(&self.api, &self.hooks, true).await;
        self.hooks.take_asked();
    }

    fn paths(&self) -> Vec<String> {
        let asked = self.hooks.take_asked().into_iter();
        asked.map(|one| one.path.split('?').next().unwrap_or_default().to_owned()).collect()
    }
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_share_connections() {
    let world = World::begin("convert").await;
    world.configure("Validating", "one", "allow", json!({})).await;
    let before = world.hooks.connections();
    for name in 0..20 {
        let made = world.api.call("POST", CONFIG_MAPS, &config_map(&format!("c{name}"))).await;
        assert_eq!(made.code, 201);
    }
    assert_eq!(world.hooks.connections(), before + 1);
    assert_eq!(world.paths().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn mutating_webhooks_are_called_by_name_and_before_the_others() {
    let world = World::begin("convert").await;
    world.configure("Validating", "a", "allow", json!({})).await;
    world.configure("Mutating", "z", "warn", json!({})).await;
    world
        .api
        .call("DELETE", &format!("{CONFIGURATIONS}/validatingwebhookconfigurations/a"), &json!(null))
        .await;
    world.configure("Mutating", "m", "label", json!({})).await;
    world.configure("Validating", "b", "deny", json!({})).await;
    let made = world.api.call("POST", CONFIG_MAPS, &config_map("a")).await;
    assert_eq!((made.code, world.paths()), (403, vec!["label".into(), "warn".into(), "deny".into()]));
    assert_eq!(made.warnings, ["299 - \"mind the gap\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_of_dry_runs() {
    let world = World::begin("convert").await;
    world.configure("Mutating", "one", "allow", json!({"sideEffects": "NoneOnDryRun"})).await;
    let dry = format!("{CONFIG_MAPS}?dryRun=All");
    assert_eq!(world.api.call("POST", &dry, &config_map("a")).await.code, 201);
    let asked = world.hooks.take_asked();
    assert_eq!((asked.len(), &asked[0].review["request"]["dryRun"]), (1, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_webhook_can_be_removed() {
    let world = World::begin("convert").await;
    let everything =
        json!([{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]);
    let nobody = json!({"url": "https://127.0.0.1:1/"});
    world.configure("Validating", "zzz", "allow", json!({})).await;
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "broken"}, "webhooks": [{
            "name": "broken.example.com", "clientConfig": nobody, "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "rules": everything,
        }],
    });
    let path = format!("{CONFIGURATIONS}/validatingwebhookconfigurations");
    assert_eq!(world.api.call("POST", &path, &configuration).await.code, 201);
    let dry = format!("{CONFIG_MAPS}?dryRun=All");
    let dry_run = async || world.api.call("POST", &dry, &config_map("a")).await.code;
    objects::until("the webhook is not known", async || dry_run().await == 500).await;
    assert_eq!(world.api.call("DELETE", &format!("{path}/broken"), &json!(null)).await.code, 200);
    objects::until("the webhook is not forgotten", async || dry_run().await == 201).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_that_do_not_compile_are_refused() {
    let world = World::begin("convert").await;
    for expression in ["nothing == 1", "object.", "1 + 1", "authorizer.path('/').check('get').allowed()"] {
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "conditional"}, "webhooks": [{
                "name": "hook.example.com", "clientConfig": {"url": "https://localhost/"}, "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "matchConditions": [{"name": "wrong", "expression": expression}],
            }],
        });
        let path = format!("{CONFIGURATIONS}/validatingwebhookconfigurations");
        let answer = world.api.call("POST", &path, &configuration).await;
        let cause = &answer.body["details"]["causes"][0];
        assert_eq!(
            (answer.code, &cause["field"]),
            (422, &json!("webhooks[0].matchConditions[0].expression"))
        );
        assert!(cause["message"].as_str().unwrap().contains("compilation failed: "), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_converted_by_their_definitions_webhook() {
    let world = World::begin("convert").await;
    let gadget = json!({"apiVersion": "example.com/v2", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"extent": 5}});
    assert_eq!(world.api.call("POST", V2, &gadget).await.code, 201);
    for name in ["b", "c"] {
        let mut other = gadget.clone();
        other["metadata"]["name"] = name.into();
        world.api.call("POST", V2, &other).await;
    }
    let first = world.api.call("GET", &format!("{V1}/a"), &json!(null)).await.body;
    assert_eq!((&first["apiVersion"], &first["spec"]), (&json!("example.com/v1"), &json!({"size": 5})));
    world.hooks.take_asked();
    let list = world.api.call("GET", V2, &json!(null)).await.body;
    assert_eq!(list["items"][2]["spec"], json!({"extent": 5}));
    let asked = world.hooks.take_asked();
    let sent = asked[0].review["request"]["objects"].as_array().unwrap();
    assert_eq!((asked.len(), sent.len()), (1, 3), "a list is converted in one call");
}

/// Owned fields are compared over several versions while a thread of the server waits for the webhook, which is in
/// this process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_are_owned_across_versions_without_a_deadlock() {
    let world = World::begin("convert").await;
    let apply = |version: &str, field: &str, size: u32| json!({"apiVersion": format!("example.com/{version}"), "kind": "Gadget", "metadata": {"name": "a"}, "spec": {field: size}});
    let made = world.api.apply(&format!("{V1}/a?fieldManager=one"), &apply("v1", "size", 1)).await;
    assert_eq!(made.code, 201, "{}", made.body);
    let other = apply("v2", "extent", 2);
    let calls = (0..8).map(|_| async { world.api.apply(&format!("{V2}/a?fieldManager=two"), &other).await });
    for refused in futures::future::join_all(calls).await {
        assert_eq!((refused.code, &refused.body["reason"]), (409, &json!("Conflict")), "{}", refused.body);
    }
    let forced = world.api.apply(&format!("{V2}/a?fieldManager=two&force=true"), &other).await;
    assert_eq!((forced.code, &forced.body["spec"]), (200, &json!({"extent": 2})), "{}", forced.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversion_to_another_object_is_refused() {
    let world = World::begin("convert-other").await;
    let gadget =
        json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {}});
    assert_eq!(world.api.call("POST", V1, &gadget).await.code, 201);
    let answer = world.api.call("GET", &format!("{V2}/a"), &json!(null)).await;
    assert_eq!(answer.code, 500);
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.ends_with("must have the same name: a != another"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_in_both_groups() {
    let world = World::begin("convert").await;
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Tested",
        "note": "it works", "type": "Normal", "action": "Test", "reportingController": "example.com/test",
        "reportingInstance": "one", "eventTime": "2026-01-01T00:00:00.000000Z",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "hooks"},
    });
    let path = "/apis/events.k8s.io/v1/namespaces/hooks/events";
    let made = world.api.call("POST", path, &event).await;
    assert_eq!((made.code, &made.body["note"]), (201, &json!("it works")), "{}", made.body);
    let core = world.api.call("GET", "/api/v1/namespaces/hooks/events/e", &json!(null)).await.body;
    assert_eq!((&core["message"], &core["involvedObject"]["name"]), (&json!("it works"), &json!("a")));
    assert!(core.get("note").is_none(), "{core}");
    let list = world.api.call("GET", path, &json!(null)).await.body;
    assert_eq!(list["items"][0]["regarding"]["name"], "a");
}
