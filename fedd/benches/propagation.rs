//! Propagation on real API servers: 500 FederatedConfigMaps to three members, and single edits.
//!
//! ```sh
//! cargo bench -p fedd --bench propagation            # 500 objects, 3 members, 100 single edits
//! cargo bench -p fedd --bench propagation -- 1000    # another number of objects
//! ```
//!
//! fedd runs in a process of its own, so that its CPU and memory are its own (from /proc). The API servers share the
//! machine with it and are the limit, so the same run measures that floor: the same ConfigMaps written to the members
//! directly, by as many writers as fedd has. A latency is from the moment at which the host has accepted a write to the
//! moment at which this program's own watch of the member tells of it; a propagation is one object on one member.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark: it fails by panicking"
)]

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use federation_model::{FederatedObject, KubeFedCluster};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::ApiResource;
use kube::runtime::wait::await_condition;
use serde_json::json;
use testbed::{ApiServer, Testbed};
use tokio::sync::mpsc;

const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
/// Writers of the floor, per member: as many as fedd's lanes have.
const WRITERS: usize = 16;
/// Objects that the load writes to the host at once.
const LOAD: usize = 16;
const EDITS: usize = 100;

/// Something seen on a member: its index, the object's name, the value of its key, when.
type Seen = (usize, String, String, Instant);

struct Bench {
    host: ApiServer,
    members: Vec<ApiServer>,
    fedd: Child,
    seen: mpsc::UnboundedReceiver<Seen>,
    _testbed: Testbed,
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // `cargo bench` adds `--bench`.
    let objects = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(500);
    tokio::runtime::Runtime::new().unwrap().block_on(run(objects));
}

async fn run(objects: usize) {
    let mut bench = set_up().await;
    println!(
        "{objects} ConfigMaps × {} members on {} cores",
        MEMBERS.len(),
        std::thread::available_parallelism().unwrap()
    );
    let floor = floor(&bench, objects).await;
    println!("floor: direct writes to the members      {floor:8.0} writes/s");
    for round in ["created", "updated"] {
        bulk(&mut bench, objects, round, floor).await;
    }
    edits(&mut bench).await;
    let memory = memory(bench.fedd.id());
    println!(
        "fedd's memory                            {memory:8.1} MB resident ({:.1} KB per federated object)",
        memory * 1024.0 / objects as f64
    );
    bench.fedd.kill().unwrap();
    bench.fedd.wait().unwrap();
}

async fn set_up() -> Bench {
    let testbed = Testbed::start().await.unwrap();
    let names = ["host"].into_iter().chain(MEMBERS);
    let mut servers = futures::future::try_join_all(names.map(|n| testbed.api_server(n))).await.unwrap();
    let host = servers.remove(0);
    let fedd = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
        command.args(args).arg("--kubeconfig").arg(host.kubeconfig_path()).stdin(Stdio::null());
        command
    };
    let done = |mut command: Command| {
        assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    };
    done(fedd(&["install", "--types", "configmaps", "--cluster-form-only"]));
    for member in &servers {
        let kubeconfig = member.kubeconfig_path();
        done(fedd(&["join", member.name(), "--cluster-kubeconfig", kubeconfig.to_str().unwrap()]));
    }
    let log = std::fs::File::create(testbed.folder().join("fedd.log")).unwrap();
    let child =
        fedd(&["controller", "--healthz-addr", "off", "--metrics-addr", "off", "--leader-elect=false"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
    for name in MEMBERS {
        let api: Api<KubeFedCluster> =
            Api::namespaced(host.client(), federation_model::DEFAULT_FEDERATION_NAMESPACE);
        let ready =
            await_condition(api, name, |c: Option<&KubeFedCluster>| c.is_some_and(KubeFedCluster::is_ready));
        let log = testbed.folder().join("fedd.log");
        tokio::time::timeout(Duration::from_secs(60), ready)
            .await
            .unwrap_or_else(|_| {
                panic!("{name} is not ready; fedd says:\n{}", std::fs::read_to_string(log).unwrap())
            })
            .unwrap();
    }
    // The namespace, everywhere; one for the floor beside it.
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(host.client());
    let namespace = |name: &str| serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    namespaces.create(&PostParams::default(), &namespace("bench")).await.unwrap();
    federated(&host, "FederatedNamespace", "federatednamespaces")
        .create(
            &PostParams::default(),
            &object(
                "FederatedNamespace",
                "bench",
                json!({"template": {}, "placement": {"clusterSelector": {}}}),
            ),
        )
        .await
        .unwrap();
    let (sender, seen) = mpsc::unbounded_channel();
    for (index, member) in servers.iter().enumerate() {
        let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(member.client());
        await_condition(api.clone(), "bench", |n: Option<&k8s_openapi::api::core::v1::Namespace>| {
            n.is_some()
        })
        .await
        .unwrap();
        api.create(&PostParams::default(), &namespace("floor")).await.unwrap();
        watch(index, member, sender.clone()).await;
    }
    Bench { host, members: servers, fedd: child, seen, _testbed: testbed }
}

/// Tells of every ConfigMap that a member's watch tells of, on a thread of its own.
async fn watch(index: usize, member: &ApiServer, seen: mpsc::UnboundedSender<Seen>) {
    let (client, config) = (member.client(), member.kube_config());
    drop(client);
    let (started, start) = std_mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let api: Api<ConfigMap> = Api::namespaced(kube::Client::try_from(config).unwrap(), "bench");
            let version = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
            let mut events = api.watch(&WatchParams::default().timeout(290), &version).await.unwrap().boxed();
            started.send(()).unwrap();
            while let Some(Ok(event)) = events.next().await {
                if let WatchEvent::Added(cm) | WatchEvent::Modified(cm) = event {
                    let value = cm.data.and_then(|mut d| d.remove("k")).unwrap_or_default();
                    let _ = seen.send((index, cm.metadata.name.unwrap(), value, Instant::now()));
                }
            }
        });
    });
    tokio::task::spawn_blocking(move || start.recv().unwrap()).await.unwrap();
}

fn federated(host: &ApiServer, kind: &str, plural: &str) -> Api<FederatedObject> {
    let resource = ApiResource {
        group: "types.kubefed.io".to_owned(),
        version: "v1beta1".to_owned(),
        api_version: "types.kubefed.io/v1beta1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    Api::namespaced_with(host.client(), "bench", &resource)
}

fn object(kind: &str, name: &str, spec: serde_json::Value) -> FederatedObject {
    serde_json::from_value(json!({
        "apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": "bench"}, "spec": spec}))
    .unwrap()
}

/// About 1 KB of data, as real ConfigMaps have.
fn data(value: &str) -> serde_json::Value {
    json!({"k": value, "text": "x".repeat(1000)})
}

/// Direct writes per second, over all members at once.
async fn floor(bench: &Bench, objects: usize) -> f64 {
    let start = Instant::now();
    let writers = bench.members.iter().map(|member| {
        let api: Api<ConfigMap> = Api::namespaced(member.client(), "floor");
        stream::iter(0..objects).for_each_concurrent(WRITERS, move |i| {
            let api = api.clone();
            async move {
                let object = serde_json::from_value(json!({
                    "metadata": {"name": format!("cm{i}"), "labels": {"kubefed.io/managed": "false"}}, "data": data("0")}));
                api.create(&PostParams::default(), &object.unwrap()).await.unwrap();
            }
        })
    });
    futures::future::join_all(writers).await;
    (objects * bench.members.len()) as f64 / start.elapsed().as_secs_f64()
}

/// Writes all objects to the host, and waits until every member told of each.
async fn bulk(bench: &mut Bench, objects: usize, round: &'static str, floor: f64) {
    let api = federated(&bench.host, "FederatedConfigMap", "federatedconfigmaps");
    let cpu = cpu(bench.fedd.id());
    let start = Instant::now();
    let (accepted_tx, mut accepted_rx) = mpsc::unbounded_channel();
    let load = tokio::spawn(stream::iter(0..objects).for_each_concurrent(LOAD, move |i| {
        let (api, accepted) = (api.clone(), accepted_tx.clone());
        async move {
            let name = format!("cm{i}");
            let spec = json!({"template": {"data": data(round)}, "placement": {"clusterSelector": {}}});
            if round == "created" {
                api.create(&PostParams::default(), &object("FederatedConfigMap", &name, spec)).await.unwrap();
            } else {
                api.patch(&name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec})))
                    .await
                    .unwrap();
            }
            accepted.send((name, Instant::now())).unwrap();
        }
    }));
    let mut seen = Vec::with_capacity(objects * MEMBERS.len());
    while seen.len() < objects * MEMBERS.len() {
        let next = tokio::time::timeout(Duration::from_secs(60), bench.seen.recv())
            .await
            .expect("no propagation for a minute")
            .unwrap();
        if next.2 == round {
            seen.push(next);
        }
    }
    let took = start.elapsed();
    load.await.unwrap();
    let mut accepted = HashMap::new();
    while let Ok((name, at)) = accepted_rx.try_recv() {
        accepted.insert(name, at);
    }
    // The CPU of what comes after the last push, the statuses, belongs to the work too.
    settle(bench, objects).await;
    let spent = self::cpu(bench.fedd.id()) - cpu;
    let mut latencies: Vec<_> =
        seen.iter().map(|(_, name, _, at)| at.saturating_duration_since(accepted[name])).collect();
    latencies.sort();
    let propagations = seen.len() as f64;
    let rate = propagations / took.as_secs_f64();
    println!(
        "{round}: {rate:27.0} propagations/s ({:.0} % of the floor), p50 {:.1} ms, p99 {:.1} ms, {:.3} ms CPU each",
        100.0 * rate / floor,
        millis(latencies[latencies.len() / 2]),
        millis(latencies[latencies.len() * 99 / 100]),
        spent * 1000.0 / propagations,
    );
}

/// Waits until every status says that all is well.
async fn settle(bench: &Bench, objects: usize) {
    let api = federated(&bench.host, "FederatedConfigMap", "federatedconfigmaps");
    loop {
        let list = api.list(&ListParams::default()).await.unwrap();
        let well = list.items.iter().filter(|o| {
            o.status.as_ref().is_some_and(|s| {
                s.observed_generation == o.metadata.generation
                    && s.conditions.iter().any(|c| c.status == "True")
            })
        });
        if well.count() == objects {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// One edit at a time, each when the one before is everywhere.
async fn edits(bench: &mut Bench) {
    let api = federated(&bench.host, "FederatedConfigMap", "federatedconfigmaps");
    let mut everywhere = Vec::new();
    for edit in 0..EDITS {
        let value = format!("edit{edit}");
        let patch = json!({"spec": {"template": {"data": {"k": value}}}});
        api.patch("cm0", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let accepted = Instant::now();
        let mut last = accepted;
        for _ in MEMBERS {
            loop {
                let (_, _, seen, at) = bench.seen.recv().await.unwrap();
                if seen == value {
                    last = last.max(at);
                    break;
                }
            }
        }
        everywhere.push(last.saturating_duration_since(accepted));
    }
    everywhere.sort();
    println!(
        "one edit to all members                  p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        millis(everywhere[EDITS / 2]),
        millis(everywhere[EDITS * 99 / 100]),
        millis(everywhere[EDITS - 1]),
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// CPU seconds that a process has used: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = [fields[11], fields[12]].iter().map(|f| f.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Resident memory of a process in MB.
fn memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
