//! kube-rs with its runtime on the embedded API server, over TLS: reflectors, and a controller with what it owns, what
//! it watches and its finalizer.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::ready;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{Event, finalizer};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Config, Resource, ResourceExt as _};
use revision_store::MemoryStore;
use serde::de::DeserializeOwned;
use serde_json::json;

const PATIENCE: Duration = Duration::from_mins(1);
const FINALIZER: &str = "example.com/cleanup";

async fn start() -> (EmbeddedServer, Client) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let secrets = Secrets::generate(Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Federation, secrets);
    let listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let server = EmbeddedServer::start(Options { listen, ..options }).await.unwrap();
    let kubeconfig: Kubeconfig = serde_json::from_value(server.admin_kubeconfig("kube").unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    (server, Client::try_from(config).unwrap())
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn parent(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"role": "parent"}}})).unwrap()
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failure(#[from] kube::Error);

/// Each parent has a Secret of its name, which says what the account `settings` is annotated with.
async fn reconcile(
    parent: Arc<ConfigMap>,
    client: Arc<Client>,
) -> Result<Action, kube::runtime::finalizer::Error<Failure>> {
    let api: Api<ConfigMap> = Api::default_namespaced((*client).clone());
    finalizer(&api, FINALIZER, parent, async |event| match event {
        Event::Apply(parent) => {
            let accounts: Api<ServiceAccount> = Api::default_namespaced((*client).clone());
            let settings = accounts.get_opt("settings").await?;
            let tone = settings.and_then(|one| one.annotations().get("tone").cloned()).unwrap_or_default();
            let owner = parent.controller_owner_ref(&()).unwrap();
            let secret = json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": parent.name_any(), "ownerReferences": [owner]}, "stringData": {"tone": tone}});
            let secrets: Api<Secret> = Api::default_namespaced((*client).clone());
            secrets
                .patch(&parent.name_any(), &PatchParams::apply("kube-rs").force(), &Patch::Apply(secret))
                .await?;
            Ok(Action::await_change())
        }
        Event::Cleanup(parent) => {
            let cleaned = json!({"metadata": {"name": format!("cleaned-{}", parent.name_any())}});
            let cleaned = serde_json::from_value(cleaned).map_err(kube::Error::SerdeError)?;
            let api: Api<ServiceAccount> = Api::default_namespaced((*client).clone());
            match api.create(&PostParams::default(), &cleaned).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                other => drop(other?),
            }
            Ok(Action::await_change())
        }
    })
    .await
}

async fn has_tone(secrets: &Api<Secret>, name: &str, tone: &str) {
    let is = |secret: Option<&Secret>| {
        let data = secret.and_then(|one| one.data.as_ref());
        data.is_some_and(|data| data["tone"].0 == tone.as_bytes())
    };
    within(&format!("{name} has {tone}"), await_condition(secrets.clone(), name, is)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_keeps_what_it_owns() {
    let (server, client) = start().await;
    let (parents, secrets): (Api<ConfigMap>, Api<Secret>) =
        (Api::default_namespaced(client.clone()), Api::default_namespaced(client.clone()));
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let controller = Controller::new(parents.clone(), watcher::Config::default().labels("role=parent"));
    let store = controller.store();
    let to_all = move |_: ServiceAccount| -> Vec<ObjectRef<ConfigMap>> {
        store.state().iter().map(|one| ObjectRef::from_obj(&**one)).collect()
    };
    let running = controller
        .owns(secrets.clone(), watcher::Config::default())
        .watches(accounts.clone(), watcher::Config::default().fields("metadata.name=settings"), to_all)
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(100)), Arc::new(client.clone()))
        .for_each(|_| ready(()));
    let running = tokio::spawn(running);

    let names: Vec<String> = (0..20).map(|number| format!("p{number:02}")).collect();
    for name in &names {
        parents.create(&PostParams::default(), &parent(name)).await.unwrap();
    }
    for name in &names {
        has_tone(&secrets, name, "").await;
    }
    let settings = json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "settings", "annotations": {"tone": "high"}}});
    accounts.patch("settings", &PatchParams::apply("test"), &Patch::Apply(settings)).await.unwrap();
    for name in &names {
        has_tone(&secrets, name, "high").await;
    }
    let uid = secrets.get("p00").await.unwrap().uid().unwrap();
    secrets.delete("p00", &DeleteParams::default()).await.unwrap();
    within("it is gone", await_condition(secrets.clone(), "p00", conditions::is_deleted(&uid)))
        .await
        .unwrap();
    has_tone(&secrets, "p00", "high").await;

    let (of_parent, of_secret) =
        (parents.get("p01").await.unwrap().uid().unwrap(), secrets.get("p01").await.unwrap().uid().unwrap());
    parents.delete("p01", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(parents.clone(), "p01", conditions::is_deleted(&of_parent));
    within("the parent goes after its cleanup", gone).await.unwrap();
    assert!(accounts.get_opt("cleaned-p01").await.unwrap().is_some());
    let gone = await_condition(secrets.clone(), "p01", conditions::is_deleted(&of_secret));
    within("what it owned goes", gone).await.unwrap();
    running.abort();
    server.stop().await;
}

/// A reflector's store, filled in the background.
fn reflect<K>(api: Api<K>, config: watcher::Config) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, writer) = reflector::store();
    let stream = watcher(api, config).default_backoff().reflect(writer).applied_objects();
    tokio::spawn(stream.try_for_each(|_| ready(Ok(()))));
    reader
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflectors_hold_what_is_listed() {
    let (server, client) = start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    for number in 0..50 {
        api.create(&PostParams::default(), &parent(&format!("p{number:02}"))).await.unwrap();
    }
    let config = || watcher::Config::default().labels("role=parent");
    let stores = [
        ("a list", reflect(api.clone(), config())),
        ("pages", reflect(api.clone(), config().page_size(7))),
        ("a stream", reflect(api.clone(), config().streaming_lists())),
    ];
    for (_, store) in &stores {
        within("a reflector is ready", store.wait_until_ready()).await.unwrap();
        assert_eq!(store.state().len(), 50);
    }
    for number in (0..50).step_by(3) {
        let label = json!({"metadata": {"labels": {"role": if number % 2 == 0 { "other" } else { "parent" }, "n": "x"}}});
        api.patch(&format!("p{number:02}"), &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    }
    for number in (1..50).step_by(5) {
        api.delete(&format!("p{number:02}"), &DeleteParams::default()).await.unwrap();
    }
    let listed = api.list(&ListParams::default().labels("role=parent")).await.unwrap();
    let versions = |all: &mut dyn Iterator<Item = &ConfigMap>| -> BTreeMap<String, Option<String>> {
        all.map(|one| (one.name_any(), one.resource_version())).collect()
    };
    let listed = versions(&mut listed.items.iter());
    for (how, store) in &stores {
        within(&format!("a reflector that began with {how} holds what is listed"), async {
            while versions(&mut store.state().iter().map(|one| &**one)) != listed {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    server.stop().await;
}
