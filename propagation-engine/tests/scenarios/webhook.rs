//! A member whose own admission webhook fails.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::federation::{AT_ONCE, becomes, dynamic, on_shared, settled, troubled, until};

const BAD: [&str; 4] = ["a", "b", "c", "d"];

fn on(value: &str) -> Value {
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": [{"name": "m2"}, {"name": "m3"}]}})
}

/// A webhook for the ConfigMaps of namespace `hooked`, at an address where every connection ends at once, and how often
/// it was called.
fn broken_webhook() -> (ValidatingWebhookConfiguration, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(connection);
        }
    });
    let configuration = json!({
        "metadata": {"name": "broken"},
        "webhooks": [{
            "name": "broken.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 2, "clientConfig": {"url": url},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "hooked"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE", "UPDATE"]}],
        }],
    });
    (serde_json::from_value(configuration).unwrap(), calls)
}

#[test]
fn a_members_failing_webhook_is_told_in_its_words_holds_up_nothing_else_and_is_not_hammered() {
    on_shared(|f| async move {
        let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(f.members["m3"].client());
        let (configuration, calls) = broken_webhook();
        webhooks.create(&PostParams::default(), &configuration).await.unwrap();
        // The API server calls a new webhook when it has heard of it, which no event tells.
        let config_maps = |member: &str, namespace| f.on(member, "v1", "ConfigMap", Some(namespace));
        f.namespace("hooked", json!({})).await;
        f.namespace("free", json!({})).await;
        for (member, namespace) in [("m3", "hooked"), ("m3", "free"), ("m2", "hooked")] {
            let api = dynamic(&f.members[member].client(), "v1", "Namespace", "namespaces", None);
            becomes("the namespace is there", api, namespace, |n| n.is_some()).await;
        }
        let probe = serde_json::from_value(json!({"metadata": {"name": "probe"}})).unwrap();
        until("the webhook is called", || async {
            let dry_run = PostParams { dry_run: true, ..PostParams::default() };
            config_maps("m3", "hooked").create(&dry_run, &probe).await.is_err()
        })
        .await;

        let (start, probes) = (Instant::now(), calls.load(Ordering::Relaxed));
        // On the average of the objects.
        let tries = || (calls.load(Ordering::Relaxed) - probes) / BAD.len();
        for name in BAD {
            f.apply("FederatedConfigMap", "hooked", name, on("1")).await;
        }
        let federated = |name| {
            becomes(name, f.federated("federatedconfigmaps", "hooked"), name, |o| {
                troubled(o, "m3", "failed calling webhook \"broken.example.com\"")
            })
        };
        futures::future::join_all(BAD.map(federated)).await;
        for name in BAD {
            becomes("m2 holds it", config_maps("m2", "hooked"), name, |c| c.is_some()).await;
        }
        // The member itself is well: what its webhook does not see goes there as ever.
        for value in ["1", "2", "3"] {
            f.apply("FederatedConfigMap", "free", "cm", on(value)).await;
            let there =
                becomes("m3 holds what is not in its webhook's way", config_maps("m3", "free"), "cm", |c| {
                    c.is_some_and(|c| c.data["data"]["k"] == value)
                });
            let took = there.await;
            assert!(took < AT_ONCE, "{took:?}");
        }

        // Waits double from half a second. Everything is looked at anew when a cluster changes, which other tests see to;
        // a loop without a wait would try hundreds of times.
        until("a fourth try", || async { tries() >= 4 }).await;
        webhooks.delete("broken", &DeleteParams::default()).await.unwrap();
        for name in BAD {
            becomes("m3 holds it", config_maps("m3", "hooked"), name, |c| c.is_some()).await;
            becomes("all is well", f.federated("federatedconfigmaps", "hooked"), name, settled).await;
        }
        let tried = tries();
        assert!(tried <= 60, "a hot loop: {tried} tries in {:?}", start.elapsed());
    });
}
