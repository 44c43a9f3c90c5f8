//! Members' tokens are renewed while pushes and watches go on, whoever is killed, whatever is down, and by clocks that
//! differ.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fedd::rotation::record::{ROTATE, SUPERSEDED};
use fedd::sealing::{Sealing, SealingArgs};
use federation_model::{KubeFedCluster, KubeFedConfig, TOKEN_KEY};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config, ResourceExt as _};
use parking_lot::Mutex;
use process::{done, fedd, within};
use propagation_engine::kube_ports::{SEALED_TOKEN_KEY, Token};
use serde_json::{Value, json};
use serving::{Home, becomes};
use testbed::{ApiServer, Testbed};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

const FEDERATION: &str = "kube-federation-system";

/// `fedd controller`, and what it logs.
struct Controller {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Controller {
    fn start(host: &ApiServer, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments = [
            "controller",
            "--healthz-addr=off",
            "--metrics-addr=off",
            "--leader-elect=false",
            "--log-format=json",
            "--log-level=info,fedd=debug,propagation_engine=debug",
        ];
        let mut command = fedd(&host.kubeconfig_path(), &[&arguments, flags].concat());
        let mut child = command.envs(environment.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                println!("{line}"); // shown if the test fails
                kept.lock().push(serde_json::from_str(&line).unwrap_or(Value::Null));
            }
        });
        Self { child, log }
    }

    fn count(&self, message: &str) -> usize {
        let begins = |line: &&Value| line["message"].as_str().is_some_and(|words| words.starts_with(message));
        self.log.lock().iter().filter(begins).count()
    }

    async fn says(&self, message: &str, times: usize) {
        within(message, async {
            while self.count(message) < times {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    async fn killed(mut self) {
        self.child.kill().await.unwrap();
    }
}

const RENEWED: &str = "its token is renewed";
const REVOKED: &str = "its previous token is revoked";
const FAILED: &str = "its token is not rotated";

/// Changes that are followed to the member, one after another.
struct Load {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<usize>,
}

impl Load {
    fn start(host: &Client, member: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (host, member, stopped) = (host.clone(), member.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut round = 0;
            while !stopped.load(Ordering::Acquire) {
                round += 1;
                push(&host, &member, &round.to_string()).await;
            }
            round
        });
        Self { stop, task }
    }

    async fn stopped(self) -> usize {
        self.stop.store(true, Ordering::Release);
        within("the load ends", self.task).await.unwrap()
    }
}

fn holds(wanted: &str) -> impl Fn(&ConfigMap) -> bool {
    move |config_map| config_map.data.as_ref().is_some_and(|data| data["k"] == wanted)
}

/// Changes the object, and waits until the member has it.
async fn push(host: &Client, member: &Client, value: &str) {
    let patch = json!({"spec": {"template": {"data": {"k": value}}}});
    let federated = federated(host, "FederatedConfigMap", "federatedconfigmaps");
    federated.patch("c", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    becomes("a change is pushed", Api::namespaced(member.clone(), "app"), "c", holds(value)).await;
}

/// A drift on the member, which is known by a watch alone, is corrected. Not often in a row: that would be a contest.
async fn watch_goes_on(host: &Client, member: &Client) {
    push(host, member, "before").await;
    let there: Api<ConfigMap> = Api::namespaced(member.clone(), "app");
    let drift = json!({"data": {"k": "drift"}});
    there.patch("c", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    becomes("a drift is corrected", there, "c", holds("before")).await;
}

fn federated(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    Api::namespaced_with(client.clone(), "app", &ApiResource::from_gvk_with_plural(&kind, plural))
}

async fn create(client: &Client, kind: &str, plural: &str, name: &str, template: Value) {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "spec": {"template": template, "placement": {"clusters": [{"name": "m1"}]}}});
    let api = federated(client, kind, plural);
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), FEDERATION)
}

/// A sealing configuration with a key file.
fn sealing_config(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let (key, config) = (folder.join("sealing.key"), folder.join("sealing.yaml"));
    std::fs::write(&key, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let content = json!({"apiVersion": "fedd.io/v1", "kind": "SealingConfiguration",
        "providers": [{"name": "development", "keyFile": {"path": key}}]});
    std::fs::write(&config, content.to_string()).unwrap();
    config
}

/// Whether a token opens a member.
async fn opens(member: &Config, token: &str) -> bool {
    let mut config = Config::new(member.cluster_url.clone());
    config.root_cert.clone_from(&member.root_cert);
    config.auth_info.token = Some(token.to_owned().into());
    config.default_retry = false;
    let namespaces: Api<Namespace> = Api::all(Client::try_from(config).unwrap());
    match namespaces.get("kube-system").await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if status.code == 401 => false,
        Err(error) => panic!("{error}"),
    }
}

async fn is_refused(member: &Config, token: &str) {
    // An API server remembers for some seconds that a token was good.
    within("the previous token is refused", async {
        while opens(member, token).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

/// A host and a member, which is about to join.
struct Bed {
    host: ApiServer,
    member: ApiServer,
    config: String,
    sealing: Sealing,
    _testbed: Testbed,
}

impl Bed {
    async fn new() -> Self {
        let testbed = Testbed::start().await.unwrap();
        let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("m1")).unwrap();
        done(&host.kubeconfig_path(), &["install", "--types=configmaps", "--cluster-form-only"]).await;
        let configs: Api<KubeFedConfig> = Api::namespaced(host.client(), FEDERATION);
        let often = Patch::Merge(json!({"spec": {"clusterHealthCheck": {"period": "1s"}}}));
        configs.patch("kubefed", &PatchParams::default(), &often).await.unwrap();
        let config = sealing_config(testbed.folder());
        let arguments = SealingArgs { sealing_config: Some(config.clone()), allow_core_dumps: true };
        let sealing = Sealing::open(&arguments, &host.client()).await.unwrap().unwrap();
        let config = format!("--sealing-config={}", config.display());
        Self { host, member, config, sealing, _testbed: testbed }
    }

    async fn join(&self) {
        let kubeconfig = self.member.kubeconfig_path();
        let kubeconfig = kubeconfig.to_str().unwrap();
        let join = ["join", "m1", "--cluster-kubeconfig", kubeconfig, "--token-duration=10m", &self.config];
        done(&self.host.kubeconfig_path(), &join).await;
    }

    async fn secret(&self) -> Secret {
        secrets(&self.host.client()).get("m1-token").await.unwrap()
    }

    /// The token that is stored, which opens the member.
    async fn token(&self) -> String {
        let secret = self.secret().await;
        let keys: Vec<_> = secret.data.as_ref().unwrap().keys().collect();
        assert_eq!(keys, [SEALED_TOKEN_KEY]);
        let token = self.sealing.opened(&secret).await.unwrap();
        let token = String::from_utf8(token.expose().to_vec()).unwrap();
        assert!(opens(&self.member.kube_config(), &token).await, "locked out");
        token
    }

    async fn ask(&self) {
        let patch = json!({"metadata": {"annotations": {ROTATE: "now"}}});
        let api = secrets(&self.host.client());
        api.patch("m1-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_rotated_without_a_gap() {
    let bed = Bed::new().await;
    bed.join().await;
    let first = bed.token().await;
    // Ten minutes are the shortest life that an API server gives; at 99 %, six seconds are a schedule.
    let flags = ["--renew-tokens-at=99", "--previous-token-for=1s", bed.config.as_str()];
    let controller = Controller::start(&bed.host, &flags, &[]);
    let (client, on_member) = (bed.host.client(), bed.member.client());
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    becomes("the member is ready", clusters, "m1", KubeFedCluster::is_ready).await;
    let namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    create(&client, "FederatedNamespace", "federatednamespaces", "app", json!({})).await;
    create(&client, "FederatedConfigMap", "federatedconfigmaps", "c", json!({"data": {"k": "0"}})).await;

    // Before that, it may be asked for where its namespace is not yet.
    becomes("the object is there", Api::namespaced(on_member.clone(), "app"), "c", holds("0")).await;
    let calm = controller.log.lock().len();

    // On schedule, and once more because it is asked for.
    let load = Load::start(&client, &on_member);
    controller.says(RENEWED, 1).await;
    bed.ask().await;
    controller.says(REVOKED, 1).await;
    let second = bed.token().await;
    assert_ne!(first, second);
    let pushed = load.stopped().await;
    assert!(pushed > 0);
    watch_goes_on(&client, &on_member).await;

    // By hand, killed at random moments; the controllers do their part meanwhile.
    let load = Load::start(&client, &on_member);
    let by_hand = ["credentials", "rotate", "m1", "--previous-token-for=1s", &bed.config];
    for wait in [50_u64, 300, 450, 600, 800, 1200] {
        let mut command = fedd(&bed.host.kubeconfig_path(), &by_hand);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let _ended_before = tokio::time::timeout(Duration::from_millis(wait), child.wait()).await;
        child.kill().await.unwrap();
        bed.token().await;
    }
    done(&bed.host.kubeconfig_path(), &by_hand).await;
    let third = bed.token().await;
    assert_ne!(second, third);
    load.stopped().await;
    watch_goes_on(&client, &on_member).await;
    let trouble: Vec<_> = controller
        .log
        .lock()
        .iter()
        .skip(calm)
        .filter(|line| line["message"] == "failed" || line["message"] == "cannot list a member's objects")
        .filter(|line| !line["failure"].as_str().is_some_and(|words| words.contains("has been modified")))
        .cloned()
        .collect();
    assert!(trouble.is_empty(), "{trouble:#?}");
    is_refused(&bed.member.kube_config(), &second).await;
    let anchors = Api::<Secret>::namespaced(on_member.clone(), FEDERATION).list(&ListParams::default()).await;
    assert!(anchors.unwrap().items.len() <= 2, "no more than the two that take turns");

    // The member is down when it is time.
    let settled = |secret: &Secret| !secret.annotations().contains_key(SUPERSEDED);
    becomes("nothing is left of the last one", secrets(&client), "m1-token", settled).await;
    bed.member.stop().await.unwrap();
    let failures = controller.count(FAILED);
    bed.ask().await;
    controller.says(FAILED, 1).await;
    assert_eq!(failures, 0);
    // Its cluster says so, beside that it is offline, with what comes of it, until it is rotated.
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    let is_told = |cluster: &KubeFedCluster| {
        let condition = cluster.condition("TokenNotRotated").filter(|c| c.status == "True");
        condition.and_then(|c| c.message.as_deref()).is_some_and(|message| {
            message.starts_with("its token is not renewed: ") && message.contains("; the token expires at ")
        })
    };
    becomes("it is told", clusters.clone(), "m1", |c| is_told(c) && c.condition("Offline").is_some()).await;
    controller.says(FAILED, 2).await;
    bed.member.start_again().await.unwrap();
    let answered = |secret: &Secret| !secret.annotations().contains_key(ROTATE);
    becomes("what was asked for is done", secrets(&client), "m1-token", answered).await;
    assert_ne!(third, bed.token().await);
    let is_well =
        |cluster: &KubeFedCluster| cluster.is_ready() && cluster.condition("TokenNotRotated").is_none();
    becomes("it is told no more", clusters, "m1", is_well).await;
    watch_goes_on(&client, &on_member).await;
    controller.killed().await;

    // Clocks that differ by more than a token lives: it is renewed, and not over and over.
    let library = tokio::task::spawn_blocking(|| testbed::faketime_library().unwrap()).await.unwrap();
    for clock in ["+2h", "-2h"] {
        bed.join().await;
        let environment = [("LD_PRELOAD", library.to_str().unwrap()), ("FAKETIME", clock)];
        let flags = ["--previous-token-for=0s", bed.config.as_str()];
        let controller = Controller::start(&bed.host, &flags, &environment);
        controller.says(RENEWED, 1).await;
        // Each change is looked at.
        for _ in 0..3 {
            let patch = json!({"metadata": {"annotations": {"touched": "once more"}}});
            let api = secrets(&client);
            api.patch("m1-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert_eq!(controller.count(RENEWED), 1, "{clock}");
        bed.token().await;
        controller.killed().await;
    }
}

async fn rows(home: &Home) -> Vec<Value> {
    let output = fedd(&home.kubeconfig(), &["credentials", "status", "-o", "json"]).output();
    serde_json::from_slice(&within("the status", output).await.unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eternal_token_is_replaced_by_one_that_expires() {
    let home = Home::new();
    let _serving = home.serve().await;
    let client = home.client().await;
    let member = home.joined_with("rz00", &[], &["--token-secret"]).await;
    let eternal = Token::of_secret(&secrets(&client).get("rz00-token").await.unwrap()).unwrap();
    assert_eq!(rows(&home).await[0]["token"], "eternal");
    let kubeconfig = Kubeconfig::read_from(home.folder().join("rz00.kubeconfig")).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    assert!(opens(&config, eternal.expose()).await);

    done(&home.kubeconfig(), &["credentials", "rotate", "--all", "--dry-run"]).await;
    assert_eq!(rows(&home).await[0]["token"], "eternal");
    done(&home.kubeconfig(), &["credentials", "rotate", "--all", "--previous-token-for=1s"]).await;
    let now = secrets(&client).get("rz00-token").await.unwrap();
    let token = Token::of_secret(&now).unwrap();
    assert!(opens(&config, token.expose()).await);
    is_refused(&config, eternal.expose()).await;
    let row = &rows(&home).await[0];
    assert_eq!(row["token"], "expiring");
    assert!(
        row["expires"].is_string() && row["renewal"].as_str().unwrap() < row["expires"].as_str().unwrap()
    );
    let held = Api::<Secret>::namespaced(member.client.clone(), FEDERATION);
    let names: Vec<_> = held
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    assert_eq!(names, ["rz00-fedd-token-a"], "the Secret with the eternal token is gone");

    // What is no service account's is nobody's to renew.
    let patch = json!({"stringData": {TOKEN_KEY: "0123456789"}});
    secrets(&client).patch("rz00-token", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let refused = fedd(&home.kubeconfig(), &["credentials", "rotate", "rz00"]).output().await.unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && words.contains("no service account's"), "{words}");
    assert_eq!(rows(&home).await[0]["token"], "other");
}
