//! fedd is killed at random moments during 200 changes: afterwards everything is as it was last written.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use federation_model::{DEFAULT_FEDERATION_NAMESPACE, FederatedObject, KubeFedCluster};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};

const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
const CHANGES: usize = 200;
const OBJECTS: u64 = 25;
/// Kills: about one in twenty changes.
const KILL_ONE_IN: u64 = 20;

/// A repeatable sequence (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn fedd(host: &ApiServer, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
    command
        .args(args)
        .arg("--kubeconfig")
        .arg(host.kubeconfig_path())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn start(host: &ApiServer, log: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    let args = ["controller", "--healthz-addr=off", "--metrics-addr=off", "--leader-elect=false"];
    fedd(host, &args).stderr(log).spawn().unwrap()
}

fn federated(host: &ApiServer, kind: &str) -> Api<FederatedObject> {
    let resource = ApiResource {
        group: "types.kubefed.io".to_owned(),
        version: "v1beta1".to_owned(),
        api_version: "types.kubefed.io/v1beta1".to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
    };
    Api::namespaced_with(host.client(), "app", &resource)
}

async fn put(api: &Api<FederatedObject>, kind: &str, name: &str, spec: Value) -> kube::Result<()> {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.map(drop)
}

/// What each member holds: name to value.
async fn held(member: &ApiServer) -> BTreeMap<String, String> {
    let api: Api<ConfigMap> = Api::namespaced(member.client(), "app");
    let list = api.list(&ListParams::default().labels("kubefed.io/managed=true")).await.unwrap();
    list.items
        .into_iter()
        .map(|c| (c.metadata.name.unwrap(), c.data.unwrap_or_default().remove("k").unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing() {
    let testbed = Testbed::start().await.unwrap();
    let names = ["host"].into_iter().chain(MEMBERS);
    let mut servers = futures::future::try_join_all(names.map(|n| testbed.api_server(n))).await.unwrap();
    let host = servers.remove(0);
    let log = testbed.folder().join("fedd.log");
    assert!(
        fedd(&host, &["install", "--types=configmaps", "--cluster-form-only"]).status().unwrap().success()
    );
    for member in &servers {
        let kubeconfig = member.kubeconfig_path();
        let args = ["join", member.name(), "--cluster-kubeconfig", kubeconfig.to_str().unwrap()];
        assert!(fedd(&host, &args).status().unwrap().success());
    }
    let mut daemon = start(&host, &log);
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.client(), DEFAULT_FEDERATION_NAMESPACE);
    for name in MEMBERS {
        await_condition(clusters.clone(), name, |c: Option<&KubeFedCluster>| {
            c.is_some_and(KubeFedCluster::is_ready)
        })
        .await
        .unwrap();
    }
    let namespaces: Api<Namespace> = Api::all(host.client());
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
    put(&federated(&host, "FederatedNamespace"), "FederatedNamespace", "app", everywhere).await.unwrap();

    let api = federated(&host, "FederatedConfigMap");
    let mut dice = Dice(20_261_124);
    let mut wanted: BTreeMap<String, (String, Vec<&str>)> = BTreeMap::new();
    let mut kills = 0;
    for change in 0..CHANGES {
        let name = format!("cm{}", dice.roll(OBJECTS));
        if dice.roll(5) == 0 {
            match api.delete(&name, &DeleteParams::default()).await {
                Ok(_) => drop(wanted.remove(&name)),
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => panic!("{error}"),
            }
        } else {
            let value = change.to_string();
            let on: Vec<&str> = MEMBERS.into_iter().filter(|_| dice.roll(3) > 0).collect();
            let clusters: Vec<_> = on.iter().map(|n| json!({"name": n})).collect();
            let spec = json!({"template": {"data": {"k": value}}, "placement": {"clusters": clusters}});
            // An object that is on its way out keeps what it was; it is gone in the end.
            let going =
                api.get_opt(&name).await.unwrap().is_some_and(|o| o.metadata.deletion_timestamp.is_some());
            if !going {
                match put(&api, "FederatedConfigMap", &name, spec).await {
                    Ok(()) => drop(wanted.insert(name, (value, on))),
                    Err(kube::Error::Api(status)) if status.code == 409 => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        if dice.roll(KILL_ONE_IN) == 0 {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
            kills += 1;
            daemon = start(&host, &log);
        }
        // Different moments of a push, rather than always the same: this is the randomness, not a wait for something.
        tokio::time::sleep(Duration::from_millis(dice.roll(30))).await;
    }
    assert!(kills >= 3, "the dice must kill now and then, and killed {kills} times");

    let expected = |member: &str| -> BTreeMap<String, String> {
        let here = wanted.iter().filter(|(_, (_, on))| on.contains(&member));
        here.map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    };
    let started = Instant::now();
    loop {
        let mut differences = Vec::new();
        for member in &servers {
            let (holds, wants) = (held(member).await, expected(member.name()));
            if holds != wants {
                differences.push(format!("{} holds {holds:?} instead of {wants:?}", member.name()));
            }
        }
        let left = api.list(&ListParams::default()).await.unwrap().items.len();
        if differences.is_empty() && left == wanted.len() {
            break;
        }
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "after {kills} kills: {left} of {} left; {differences:#?}\n{}",
            wanted.len(),
            said()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
