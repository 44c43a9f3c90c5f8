//! What webhooks are asked, and what clients get, beside a real kube-apiserver with the same webhooks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

use std::sync::Arc;

use federation_apiserver::auth::User;
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, InProcess, Options, Secrets};
use jiff::Timestamp;
use kube::Client;
use revision_store::MemoryStore;
use serde_json::{Value, json};
use testbed::Testbed;

use api::{Answer, Api};
use hook_server::HookServer;
use mask::{masked, masked_review};
use objects::{begin, definition, marker, until_marked, until_settled};

#[path = "webhooks/api.rs"]
mod api;
#[path = "webhooks/hook_server.rs"]
mod hook_server;
#[path = "webhooks/mask.rs"]
mod mask;
#[path = "webhooks/objects.rs"]
mod objects;

/// A request of a scenario.
struct Step {
    method: &'static str,
    path: &'static str,
    body: Value,
}

fn step(method: &'static str, path: &'static str, body: Value) -> Step {
    Step { method, path, body }
}

/// Webhooks of one configuration, and requests that are made while they are there.
struct Scenario {
    title: &'static str,
    configuration: Value,
    steps: Vec<Step>,
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/hooks/configmaps";
const GADGETS: &str = "/apis/example.com/v1/namespaces/hooks/gadgets";
const GADGETS_V2: &str = "/apis/example.com/v2/namespaces/hooks/gadgets";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

fn gadget(version: &str, name: &str) -> Value {
    let field = if version == "v1" { "size" } else { "extent" };
    json!({"apiVersion": format!("example.com/{version}"), "kind": "Gadget", "metadata": {"name": name}, "spec": {field: 1}})
}

/// A webhook that asks for all writes of config maps and gadgets in the namespace of the test.
fn webhook(client: Value, change: Value) -> Value {
    let mut webhook = json!({
        "name": "hook.example.com", "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"hooks": "yes"}},
        "rules": [
            {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]},
            {"operations": ["*"], "apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["gadgets"]},
        ],
    });
    for (field, value) in change.as_object().into_iter().flatten() {
        webhook[field] = value.clone();
    }
    webhook
}

fn configuration(kind: &str, name: &str, mut webhooks: Vec<Value>) -> Value {
    for (place, webhook) in webhooks.iter_mut().enumerate().skip(1) {
        webhook["name"] = format!("hook{place}.example.com").into();
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
        "metadata": {"name": name}, "webhooks": webhooks,
    })
}

fn scenarios(hooks: &HookServer) -> Vec<Scenario> {
    let client = |path: &str| hooks.client_config(path);
    let create = |name: &str| step("POST", CONFIG_MAPS, config_map(name));
    let one = |kind: &str, path: &str, change: Value| {
        configuration(kind, "one", vec![webhook(client(path), change)])
    };
    let mut scenarios = Vec::new();
    let mut add = |title: &'static str, configuration: Value, steps: Vec<Step>| {
        scenarios.push(Scenario { title, configuration, steps });
    };
    for kind in ["Validating", "Mutating"] {
        let title =
            |validating: &'static str, mutating| if kind == "Validating" { validating } else { mutating };
        add(
            title("validating: allow", "mutating: allow"),
            one(kind, "allow", json!({})),
            vec![
                create("allowed"),
                step("PUT", "/api/v1/namespaces/hooks/configmaps/allowed", config_map("allowed")),
                step("PATCH", "/api/v1/namespaces/hooks/configmaps/allowed", json!({"data": {"c": "d"}})),
                step(
                    "PATCH",
                    "/api/v1/namespaces/hooks/configmaps/allowed?fieldManager=me&fieldValidation=Strict",
                    json!({"data": {"e": "f"}}),
                ),
                step(
                    "POST",
                    "/api/v1/namespaces/hooks/configmaps?fieldManager=me&dryRun=All",
                    config_map("managed"),
                ),
                step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("dry")),
                step(
                    "DELETE",
                    "/api/v1/namespaces/hooks/configmaps/allowed",
                    json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "gracePeriodSeconds": 5}),
                ),
                step("POST", "/api/v1/namespaces/other/configmaps", config_map("not-asked")),
                step("DELETE", "/api/v1/namespaces/other/configmaps/not-asked", json!(null)),
            ],
        );
        add(
            title("validating: deny", "mutating: deny"),
            one(kind, "deny", json!({})),
            vec![create("denied")],
        );
        add(
            title("validating: deny silently", "mutating: deny silently"),
            one(kind, "deny-silently", json!({})),
            vec![create("denied"), step("POST", GADGETS, gadget("v1", "denied"))],
        );
        for (expression, policy, validating, mutating) in [
            (
                "request.operation == 'CREATE' && object.data.a == 'b'",
                "Fail",
                "validating: holds",
                "mutating: holds",
            ),
            ("request.userInfo.username == 'nobody'", "Fail", "validating: holds not", "mutating: holds not"),
            (
                "oldObject != null || object.data.c == 'd'",
                "Fail",
                "validating: no result",
                "mutating: no result",
            ),
            (
                "object.data.c == 'd'",
                "Ignore",
                "validating: no result, ignored",
                "mutating: no result, ignored",
            ),
        ] {
            let conditions = json!([{"name": "condition", "expression": expression}]);
            let change = json!({"matchConditions": conditions, "failurePolicy": policy});
            add(
                title(validating, mutating),
                one(kind, "deny", change),
                vec![step(
                    "POST",
                    "/api/v1/namespaces/hooks/configmaps?dryRun=All",
                    config_map("conditional"),
                )],
            );
        }
        add(
            title("validating: warn", "mutating: warn"),
            one(kind, "warn", json!({})),
            vec![step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("warned"))],
        );
        for (path, validating, mutating) in [
            ("slow", "validating: timeout", "mutating: timeout"),
            ("garbage", "validating: garbage", "mutating: garbage"),
            ("broken", "validating: broken", "mutating: broken"),
            ("empty", "validating: no response", "mutating: no response"),
            ("other-uid", "validating: other uid", "mutating: other uid"),
        ] {
            add(
                title(validating, mutating),
                one(kind, path, json!({"timeoutSeconds": 1})),
                vec![create("failed")],
            );
        }
        add(
            title("validating: timeout that may be", "mutating: timeout that may be"),
            one(kind, "slow", json!({"timeoutSeconds": 1, "failurePolicy": "Ignore"})),
            vec![step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("ignored"))],
        );
        let mut wrong = client("allow");
        wrong["caBundle"] = hooks.other_bundle.clone().into();
        let closed = json!({"url": "https://127.0.0.1:1/closed", "caBundle": hooks.bundle});
        for (client, validating, mutating) in [
            (&wrong, "validating: wrong authority", "mutating: wrong authority"),
            (&closed, "validating: nobody there", "mutating: nobody there"),
        ] {
            let failing = configuration(kind, "one", vec![webhook(client.clone(), json!({}))]);
            add(title(validating, mutating), failing, vec![create("failed")]);
            let ignored = webhook(client.clone(), json!({"failurePolicy": "Ignore"}));
            add(
                title(validating, mutating),
                configuration(kind, "one", vec![ignored]),
                vec![step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("ignored"))],
            );
        }
        add(
            title("validating: equivalent", "mutating: equivalent"),
            one(kind, "allow", json!({"matchPolicy": "Equivalent"})),
            vec![
                step("POST", GADGETS_V2, gadget("v2", "equivalent")),
                step(
                    "PATCH",
                    "/apis/example.com/v2/namespaces/hooks/gadgets/equivalent",
                    json!({"spec": {"extent": 2}}),
                ),
                step("DELETE", "/apis/example.com/v2/namespaces/hooks/gadgets/equivalent", json!(null)),
            ],
        );
        add(
            title("validating: exact", "mutating: exact"),
            one(kind, "deny", json!({"matchPolicy": "Exact"})),
            vec![
                step("POST", GADGETS_V2, gadget("v2", "exact")),
                step("DELETE", "/apis/example.com/v2/namespaces/hooks/gadgets/exact", json!(null)),
            ],
        );
        add(
            title("validating: labels", "mutating: labels"),
            one(kind, "deny", json!({"objectSelector": {"matchLabels": {"no": "way"}}})),
            vec![
                step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("unlabelled")),
                step(
                    "POST",
                    CONFIG_MAPS,
                    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "labelled", "labels": {"no": "way"}}}),
                ),
            ],
        );
    }
    for (kind, title) in
        [("Validating", "validating: generated name"), ("Mutating", "mutating: generated name")]
    {
        let generated =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}});
        add(title, one(kind, "deny-warning", json!({})), vec![step("POST", CONFIG_MAPS, generated)]);
    }
    add(
        "a patch of a config map",
        one("Mutating", "label", json!({})),
        vec![create("patched"), step("DELETE", "/api/v1/namespaces/hooks/configmaps/patched", json!(null))],
    );
    add("a patch that does not fit", one("Mutating", "bad-patch", json!({})), vec![create("misfit")]);
    add(
        "a patch of a delete",
        one(
            "Mutating",
            "label",
            json!({"rules": [
                {"operations": ["DELETE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]},
            ]}),
        ),
        vec![create("kept"), step("DELETE", "/api/v1/namespaces/hooks/configmaps/kept", json!(null))],
    );
    add("a patch of a validating webhook", one("Validating", "label", json!({})), vec![create("patched")]);
    add(
        "a patch in another version",
        one("Mutating", "size", json!({})),
        vec![
            step("POST", GADGETS_V2, gadget("v2", "resized")),
            step("GET", "/apis/example.com/v1/namespaces/hooks/gadgets/resized", json!(null)),
            step("DELETE", "/apis/example.com/v1/namespaces/hooks/gadgets/resized", json!(null)),
        ],
    );
    add(
        "a patch with an unknown field",
        one("Mutating", "unknown-field", json!({})),
        vec![step(
            "POST",
            "/apis/example.com/v1/namespaces/hooks/gadgets?dryRun=All",
            gadget("v1", "unknown"),
        )],
    );
    add(
        "a webhook is called again",
        configuration(
            "Mutating",
            "one",
            vec![
                webhook(client("label-twice"), json!({"reinvocationPolicy": "IfNeeded"})),
                webhook(client("allow"), json!({"reinvocationPolicy": "IfNeeded"})),
                webhook(client("label-twice"), json!({})),
            ],
        ),
        vec![step("POST", "/api/v1/namespaces/hooks/configmaps?dryRun=All", config_map("twice"))],
    );
    scenarios
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhooks_work_as_on_a_real_api_server() {
    let testbed = Testbed::start().await.unwrap();
    let server = testbed.api_server("webhooks").await.unwrap();
    let real = Api::new(server.client());
    let secrets = Secrets::generate(Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Federation, secrets);
    let embedded = EmbeddedServer::start(options).await.unwrap();
    let user = User::new("admin", ["system:masters", "system:authenticated"]);
    let ours = Api::new(Client::new(InProcess::new(embedded.api().clone(), user), "default"));
    let hooks = HookServer::start().await;

    let mut differences = Vec::new();
    let definition = definition(hooks.client_config("convert"));
    for api in [&real, &ours] {
        begin(api, &definition).await;
    }
    until_settled(&ours).await;
    for scenario in scenarios(&hooks) {
        let theirs = play(&real, &hooks, &scenario).await;
        let own = play(&ours, &hooks, &scenario).await;
        for (place, (own, theirs)) in own.iter().zip(&theirs).enumerate() {
            let step = &scenario.steps[place];
            let title = format!("{}: {} {}", scenario.title, step.method, step.path);
            if own.0 != theirs.0 {
                differences.push(format!("{title}\n  ours:   {}\n  theirs: {}", own.0, theirs.0));
            }
            if own.1 != theirs.1 {
                let lines = |all: &[String]| all.join("\n          ");
                differences.push(format!(
                    "{title}: asked\n  ours:   {}\n  theirs: {}",
                    lines(&own.1),
                    lines(&theirs.1)
                ));
            }
        }
    }
    for path in ["convert-other", "broken", "garbage"] {
        let theirs = failed_conversion(&real, &hooks, path).await;
        let own = failed_conversion(&ours, &hooks, path).await;
        if own != theirs {
            differences.push(format!("conversion: {path}\n  ours:   {own}\n  theirs: {theirs}"));
        }
    }
    embedded.stop().await;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// What a client gets of an object while the conversion webhook answers in this way.
async fn failed_conversion(api: &Api, hooks: &HookServer, path: &str) -> Value {
    let object = "/apis/example.com/v2/namespaces/hooks/gadgets/converted";
    api.call("POST", GADGETS, &gadget("v1", "converted")).await;
    let before = api.call("GET", object, &json!(null)).await.body;
    let change = json!({"spec": {"conversion": {"webhook": {"clientConfig": hooks.client_config(path)}}}});
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.example.com";
    assert_eq!(api.call("PATCH", definition, &change).await.code, 200);
    let mut after = before.clone();
    objects::until("the definition is not known", async || {
        after = api.call("GET", object, &json!(null)).await.body;
        after != before
    })
    .await;
    masked(after)
}

/// Makes the requests of a scenario: what came back, and what the webhooks were asked.
async fn play(api: &Api, hooks: &HookServer, scenario: &Scenario) -> Vec<(Value, Vec<String>)> {
    let plural = format!("{}s", scenario.configuration["kind"].as_str().unwrap().to_lowercase());
    let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}");
    let mut configuration = scenario.configuration.clone();
    configuration["webhooks"].as_array_mut().unwrap().push(marker(hooks));
    let made = api.call("POST", &path, &configuration).await;
    assert_eq!(made.code, 201, "{}: {}", scenario.title, made.body);
    // A configuration counts some time after it was written.
    until_marked(api, hooks, true).await;
    let mutating = plural.starts_with("mutating");
    let mut played = Vec::new();
    for step in &scenario.steps {
        hooks.take_asked();
        let answer = api.call(step.method, step.path, &step.body).await;
        let asked = hooks.take_asked();
        // How often a server converts an object is its own affair.
        let asked = asked.into_iter().filter(|one| !one.path.starts_with("convert"));
        let asked =
            asked.map(|one| format!("{} {}", one.path, masked_review(one.review, mutating))).collect();
        let Answer { code, body, warnings } = answer;
        played.push((json!({"code": code, "body": masked(body), "warnings": warnings}), asked));
    }
    api.call("DELETE", &format!("{path}/one"), &json!(null)).await;
    until_marked(api, hooks, false).await;
    played
}
