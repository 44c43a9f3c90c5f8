//! The webhook, in this process, before a real API server: both forms of an object, refusals, its absence, and the
//! rotation of its certificates under load.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/bank.rs"]
mod bank;
#[path = "support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bank::{BANK, Bank, FEDERATION, apply_as, cells, create, federated, get, merge, names, next, object};
use fedd::apply::{apply, apply_definitions};
use fedd::federation::{Federation, choose_types};
use fedd::webhook::address::WebhookAddress;
use fedd::webhook::certificate::{
    CertificateKeeper, CurrentCertificate, Lifetimes, SECRET_NAME, SharedAuthorities,
};
use fedd::webhook::{Limits, WebhookOptions};
use federation_model::{Feature, Settings};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, WatchParams};
use kube::runtime::wait::await_condition;
use process::within;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use testbed::{ApiServer, Testbed};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// An API server with a federation, and what a webhook on it needs.
struct Host {
    server: ApiServer,
    bank: Bank,
    options: WebhookOptions,
}

/// A webhook that runs in this process.
struct Webhook {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Webhook {
    async fn stop(self) {
        self.stop.cancel();
        within("the webhook ends", self.task).await.unwrap().unwrap();
    }
}

impl Host {
    async fn start(lifetimes: Lifetimes) -> Self {
        let testbed = Testbed::start().await.unwrap();
        let server = testbed.api_server("host").await.unwrap();
        let client = server.client();
        let types = choose_types(Some(&["configmaps".to_owned()])).unwrap();
        let federation = Federation::new(FEDERATION, &types, true).unwrap();
        apply_definitions(&client, &federation.definitions, false, |_, _| Ok(())).await.unwrap();
        for object in [&federation.namespace, &federation.config].into_iter().chain(&federation.types) {
            apply(&client, object, false).await.unwrap();
        }
        // A port that is free now: the API server has to know it before it is listened on.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = WebhookAddress::Url(format!("https://{listen}").parse().unwrap());
        let namespace = FEDERATION.to_owned();
        let limits = Limits::default();
        let options = WebhookOptions { listen, address, cert_dir: None, lifetimes, namespace, limits };
        Self { server, bank: Bank::new(client), options }
    }

    async fn webhook(&self) -> Webhook {
        self.webhook_with(Settings::default()).await
    }

    async fn webhook_with(&self, settings: Settings) -> Webhook {
        let (stop, ready) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let run = fedd::webhook::run(
            self.bank.client.clone(),
            self.options.clone(),
            settings,
            stop.clone(),
            ready.clone(),
        );
        let task = tokio::spawn(run);
        within("the webhook is ready", async {
            while !ready.load(Ordering::Acquire) {
                assert!(!task.is_finished(), "the webhook ended");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        Webhook { stop, task }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_one_in_both_forms() {
    let host = Host::start(Lifetimes::default()).await;
    let webhook = host.webhook().await;
    host.bank.tenants().await;
    host.bank.objects_are_one_in_both_forms().await;
    webhook.stop().await;
    drop(host.server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_which_field_and_what_to_write() {
    let mut host = Host::start(Lifetimes::default()).await;
    host.options.limits.body = 256 * 1024;
    let webhook = host.webhook().await;
    host.bank.tenants().await;
    requests_that_are_none(&host).await;
    host.bank.refusals_say_which_field_and_what_to_write().await;
    webhook.stop().await;
    drop(host.server);
}

/// What no API server sends is told apart by its HTTP status, over a connection that trusts the registered authority.
async fn requests_that_are_none(host: &Host) {
    let WebhookAddress::Url(url) = &host.options.address else { panic!("a URL") };
    let bundle = bundle_of(&host.bank.client).await;
    let roots = CertificateDer::pem_slice_iter(&bundle).map(|der| der.unwrap().to_vec()).collect();
    let mut config = kube::Config::new(url.to_string().parse().unwrap());
    config.root_cert = Some(roots);
    let direct = Client::try_from(config).unwrap();
    let get = |path: &str| http::Request::get(path).body(Vec::new()).unwrap();
    let post = |path: &str, body: Vec<u8>| http::Request::post(path).body(body).unwrap();
    assert_eq!(direct.request_text(get("/readyz")).await.unwrap(), "ok");
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).to_string().into_bytes();
    for (request, status) in [
        (post("/validate-cell", b"{".to_vec()), 400),
        (post("/validate-cell", review), 400),
        (post("/convert", b"nonsense".to_vec()), 400),
        (post("/convert", vec![b' '; 300 * 1024]), 413),
        (get("/convert"), 405),
        (get("/else"), 404),
    ] {
        let asked = format!("{} {}", request.method(), request.uri());
        match direct.request_text(request).await {
            Err(kube::Error::Api(answer)) => assert_eq!(answer.code, status, "{asked}"),
            other => panic!("{asked}: {other:?}"),
        }
    }
}

/// While no webhook answers: the stored form can be read and watched, its status written, and objects that are being
/// deleted can go. New and changed objects are refused, since nobody could judge them; the topology form cannot be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_webhook_the_stored_form_is_readable_and_nothing_unjudged_is_written() {
    let host = Host::start(Lifetimes::default()).await;
    let webhook = host.webhook().await;
    host.bank.tenants().await;
    let (by_cell, by_cluster) = (host.bank.by_cell(), host.bank.by_cluster());
    apply_as(&by_cell, "team", cells("web", &["rz00a"], json!({"k": "v"}))).await;
    let bundle = bundle_of(&host.bank.client).await;
    webhook.stop().await;

    let stored = get(&by_cluster, "web").await;
    assert_eq!(names(&stored["spec"]["placement"]["clusters"]), ["rz00a.bank-prod"]);
    let version = stored["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut seen = by_cluster.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let status = json!({"status": {"clusters": [{"name": "rz00a.bank-prod", "revision": "aa"}]}});
    by_cluster.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    assert_eq!(next(&mut seen).await["status"]["clusters"][0]["revision"], "aa");

    for unanswered in [
        by_cell.get("web").await,
        by_cluster
            .patch("web", &PatchParams::default(), &Patch::Merge(json!({"spec": {"placement": null}})))
            .await,
    ] {
        let error = unanswered.unwrap_err().to_string();
        assert!(error.contains("webhook"), "{error}");
    }
    let new = object("v1beta1", "new", json!({"template": {}}));
    assert!(create(&by_cluster, new.clone()).await.unwrap_err().to_string().contains("webhook"));

    // A namespace is emptied in the version that the API server prefers, the topology form's.
    let _controllers = host.server.controller_manager(&["namespace-controller"]).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(host.bank.client.clone());
    namespaces.delete(BANK, &DeleteParams::default()).await.unwrap();
    let waits = |namespace: Option<&Namespace>| {
        let conditions = namespace.and_then(|n| n.status.as_ref()?.conditions.as_ref()).into_iter().flatten();
        conditions.into_iter().any(|c| {
            c.type_ == "NamespaceDeletionContentFailure"
                && c.status == "True"
                && c.message.as_ref().is_some_and(|m| m.contains("conversion webhook"))
        })
    };
    within("the namespace waits", await_condition(namespaces.clone(), BANK, waits)).await.unwrap();

    // The engine takes its finalizer off.
    by_cluster.delete("web", &DeleteParams::default()).await.unwrap();
    merge(&by_cluster, "web", json!({"metadata": {"finalizers": null}})).await.unwrap();
    assert!(by_cluster.get_opt("web").await.unwrap().is_none());

    // Back, with the authority that it had, so that nothing needs to be registered anew.
    let webhook = host.webhook().await;
    within("the namespace goes", await_condition(namespaces, BANK, |n: Option<&Namespace>| n.is_none()))
        .await
        .unwrap();
    let mut elsewhere = new;
    elsewhere["metadata"]["namespace"] = json!("other-prod");
    create(&federated(&host.bank.client, "v1beta1", "other-prod"), elsewhere).await.unwrap();
    let read = federated(&host.bank.client, "v1beta2", "other-prod");
    assert_eq!(get(&read, "new").await["apiVersion"], "types.kubefed.io/v1beta2");
    assert_eq!(bundle_of(&host.bank.client).await, bundle);
    webhook.stop().await;
    drop(host.server);
}

/// What the API server holds the webhook's certificate against.
async fn bundle_of(client: &Client) -> Vec<u8> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = definitions.get("federatedconfigmaps.types.kubefed.io").await.unwrap();
    let client_config = definition.spec.conversion.unwrap().webhook.unwrap().client_config.unwrap();
    client_config.ca_bundle.unwrap().0
}

/// With the gate `SealedCredentialsOnly`: readable tokens come no more into the federation's namespace, also while no
/// webhook answers; all other Secrets do, without which the webhook could not come up again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readable_tokens_are_refused_where_they_have_to_be_sealed() {
    let host = Host::start(Lifetimes::default()).await;
    let secrets: Api<Secret> = Api::namespaced(host.bank.client.clone(), FEDERATION);
    let secret = |name: &str, content: serde_json::Value| {
        let mut secret = content;
        secret["metadata"] = json!({"name": name});
        serde_json::from_value::<Secret>(secret).unwrap()
    };
    let create = PostParams::default();
    let readable = json!({"data": {"token": "dG9rZW4="}});
    secrets.create(&create, &secret("of-old", readable.clone())).await.unwrap();
    let gates = Settings::default().gates.with(Feature::SealedCredentialsOnly, true);
    let settings = Settings { gates, ..Settings::default() };
    let webhook = host.webhook_with(settings.clone()).await;

    for (name, content) in
        [("readable", readable.clone()), ("text", json!({"stringData": {"token": "token"}}))]
    {
        let error = secrets.create(&create, &secret(name, content)).await.unwrap_err().to_string();
        assert!(
            error.contains("data.token holds a readable token") && error.contains("fedd credentials seal"),
            "{error}"
        );
    }
    secrets.create(&create, &secret("sealed", json!({"data": {"sealed-token": "c2VhbGVk"}}))).await.unwrap();
    secrets.create(&create, &secret("other", json!({"data": {"password": "eA=="}}))).await.unwrap();
    // One that was there may be changed otherwise, and sealed; it does not get another token.
    let merge = async |name: &str, patch: serde_json::Value| {
        secrets.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
    };
    merge("of-old", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert!(merge("of-old", json!({"data": {"token": "b3RoZXI="}})).await.is_err());
    merge("of-old", json!({"data": {"token": null, "sealed-token": "c2VhbGVk"}})).await.unwrap();
    assert!(merge("of-old", json!({"data": {"token": "dG9rZW4="}})).await.is_err());
    // Elsewhere tokens are nobody's business.
    let elsewhere: Api<Secret> = Api::namespaced(host.bank.client.clone(), "default");
    elsewhere.create(&create, &secret("readable", readable.clone())).await.unwrap();

    webhook.stop().await;
    assert!(secrets.create(&create, &secret("readable", readable)).await.is_err());
    secrets.create(&create, &secret("meanwhile", json!({"data": {"password": "eA=="}}))).await.unwrap();
    secrets.delete(SECRET_NAME, &DeleteParams::default()).await.unwrap();
    let webhook = host.webhook_with(settings).await;
    assert!(secrets.get_opt(SECRET_NAME).await.unwrap().is_some());
    webhook.stop().await;
    // With the gate off again, nothing is asked.
    let webhook = host.webhook().await;
    secrets.create(&create, &secret("readable", json!({"data": {"token": "dG9rZW4="}}))).await.unwrap();
    webhook.stop().await;
    drop(host.server);
}

/// Lives that are seconds long: three generations of authorities while requests, each of which needs a conversion and
/// an admission, come without a pause. None may fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_rotate_while_requests_go_on() {
    let seconds = Duration::from_secs;
    let lifetimes = Lifetimes {
        authority: seconds(20),
        authority_renewal: seconds(10),
        leaf: seconds(5),
        leaf_renewal: seconds(2),
        lead: seconds(5),
    };
    let host = Host::start(lifetimes).await;
    let webhook = host.webhook().await;
    host.bank.tenants().await;
    create(&host.bank.by_cell(), cells("web", &["rz00a"], json!({"n": "0"}))).await.unwrap();

    let mut bundles = BTreeSet::new();
    let mut requests = 0;
    within("two rotations", async {
        // The first authority, the first and the second, the second, the second and the third, the third.
        while bundles.len() < 5 {
            requests += 1;
            let patch = json!({"spec": {"template": {"data": {"n": requests.to_string()}}}});
            let written = merge(&host.bank.by_cell(), "web", patch).await.unwrap();
            assert_eq!(names(&written["spec"]["placement"]["topologies"]), ["rz00a"]);
            bundles.insert(bundle_of(&host.bank.client).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(requests > 50, "only {requests} requests: the rotation was not under load");

    // Another replica shares the authorities.
    let (bundle, shared) = watch::channel(None);
    let mut second = CertificateKeeper::new(
        SharedAuthorities::new(host.bank.client.clone(), FEDERATION),
        host.options.address.certificate_names(),
        lifetimes,
        Arc::new(CurrentCertificate::default()),
        bundle,
    );
    second.start(&CancellationToken::new()).await;
    let secrets: Api<Secret> = Api::namespaced(host.bank.client.clone(), FEDERATION);
    let secret = secrets.get(SECRET_NAME).await.unwrap();
    assert_eq!(*shared.borrow(), Some(secret.data.as_ref().unwrap()["ca.crt"].0.clone()));

    // A Secret that somebody deletes comes back with what is in use.
    secrets.delete(SECRET_NAME, &DeleteParams::default()).await.unwrap();
    within("the Secret is back", async {
        while secrets.get_opt(SECRET_NAME).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    merge(&host.bank.by_cell(), "web", json!({"spec": {"template": {"data": {"n": "last"}}}})).await.unwrap();

    // A registration that somebody takes away comes back too.
    let configurations: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(host.bank.client.clone());
    configurations.delete("validations.core.kubefed.io", &DeleteParams::default()).await.unwrap();
    within("the registration is back", async {
        while configurations.get_opt("validations.core.kubefed.io").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    webhook.stop().await;
    drop(host.server);
}
