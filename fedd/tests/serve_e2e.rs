//! `fedd serve`: a federation in one process, with members in the test's own. No Kubernetes runs here.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/forms.rs"]
mod forms;
#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use federation_model::{Cell, KubeFedCluster};
use forms::Shop;
use futures::future::join_all;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use process::within;
use serde_json::{Value, json};
use serving::{Home, Member, becomes};

const BY_CLUSTER: &str = "v1beta1";
const BY_CELL: &str = "v1beta2";
const FEDERATION: &str = "kube-federation-system";

/// Objects of a federated kind in the namespace `app`, in one form.
fn federated(client: &Client, form: &str, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", form, kind);
    let plural = format!("{}s", kind.to_lowercase());
    Api::namespaced_with(client.clone(), "app", &ApiResource::from_gvk_with_plural(&gvk, &plural))
}

/// Server-side apply by a manager, in the form that the interface is of.
async fn apply(
    api: &Api<DynamicObject>,
    manager: &str,
    kind: &str,
    form: &str,
    name: &str,
    spec: Value,
) -> kube::Result<Value> {
    let object = json!({"apiVersion": format!("types.kubefed.io/{form}"), "kind": kind,
        "metadata": {"name": name}, "spec": spec});
    let applied = api.patch(name, &PatchParams::apply(manager), &Patch::Apply(object)).await?;
    Ok(serde_json::to_value(applied).unwrap())
}

async fn holds(member: &Member, name: &str, value: &str) {
    let config_maps: Api<ConfigMap> = Api::namespaced(member.client.clone(), "app");
    let what = format!("it holds {value} in {name}");
    becomes(&what, config_maps, name, |c| c.data.as_ref().is_some_and(|d| d["k"] == value)).await;
}

/// Makes the namespace `app`, on all clusters.
async fn namespace(client: &Client) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    let everywhere = json!({"template": {}, "placement": {"clusterSelector": {}}});
    let (api, kind) = (federated(client, BY_CLUSTER, "FederatedNamespace"), "FederatedNamespace");
    apply(&api, "test", kind, BY_CLUSTER, "app", everywhere).await.unwrap();
}

fn on_clusters(clusters: &[&str], value: &str) -> Value {
    let clusters: Vec<_> = clusters.iter().map(|name| json!({"name": name})).collect();
    json!({"template": {"data": {"k": value}}, "placement": {"clusters": clusters}})
}

async fn put(client: &Client, name: &str, spec: Value) -> kube::Result<Value> {
    let api = federated(client, BY_CLUSTER, "FederatedConfigMap");
    apply(&api, "test", "FederatedConfigMap", BY_CLUSTER, name, spec).await
}

fn is_propagated(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Propagation" && c["status"] == "True"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_by_cell_goes_to_members_and_its_status_comes_back_in_both_forms() {
    let home = Home::new();
    let serving = home.serve().await;
    let client = home.client().await;
    namespace(&client).await;
    let (m1, m2) = tokio::join!(home.joined("m1", &["app/rz00a"]), home.joined("m2", &["app/rz01a"]));
    for cell in ["rz00a", "rz01a"] {
        let cells: Api<Cell> = Api::namespaced(client.clone(), "app");
        becomes("the cell is ready", cells, cell, |cell| {
            let conditions = cell.status.iter().flat_map(|status| &status.conditions);
            conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
        })
        .await;
    }

    let kind = "FederatedConfigMap";
    let (by_cell, by_cluster) = (federated(&client, BY_CELL, kind), federated(&client, BY_CLUSTER, kind));
    let spec = json!({"topologyType": "cell", "template": {"data": {"k": "v"}},
        "placement": {"topologies": [{"name": "rz00a"}, {"name": "rz01a"}]},
        "overrides": [{"topologyName": "rz01a", "topologyOverrides": [{"path": "/data/k", "value": "w"}]}]});
    apply(&by_cell, "team", kind, BY_CELL, "cm", spec).await.unwrap();
    holds(&m1, "cm", "v").await;
    holds(&m2, "cm", "w").await;
    becomes("the status by cell", by_cell.clone(), "cm", |object| {
        let told = object.data["status"]["topologies"].as_array().into_iter().flatten();
        is_propagated(object) && told.map(|one| &one["name"]).eq(["rz00a", "rz01a"])
    })
    .await;
    let read = by_cluster.get("cm").await.unwrap();
    let told = read.data["status"]["clusters"].as_array().unwrap().iter();
    assert!(told.map(|one| &one["name"]).eq(["rz00a.app", "rz01a.app"]), "{read:?}");

    watches(&by_cell, &by_cluster).await;
    two_managers(&by_cell, &by_cluster).await;
    holds(&m1, "cm", "v").await;
    refusals(&by_cell, &by_cluster).await;
    a_deployment(&client, &m1).await;
    assert_eq!(serving.terminated().await.code(), Some(0));
}

/// A watch in one form tells what is written in the other.
async fn watches(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    for (watched, written, form) in [(by_cell, by_cluster, BY_CELL), (by_cluster, by_cell, BY_CLUSTER)] {
        let version = watched.get("cm").await.unwrap().metadata.resource_version.unwrap();
        let params = WatchParams::default().fields("metadata.name=cm");
        let mut events = watched.watch(&params, &version).await.unwrap().boxed();
        let label = json!({"metadata": {"labels": {"watched": form}}});
        written.patch("cm", &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
        let told = within("the watch tells", async {
            while let Some(event) = events.try_next().await.unwrap() {
                let WatchEvent::Modified(object) = event else { panic!("not a change: {event:?}") };
                // The engine's words about the change before may come first.
                if object.metadata.labels.as_ref().is_some_and(|labels| labels["watched"] == form) {
                    return object;
                }
            }
            panic!("the watch ended");
        })
        .await;
        assert_eq!(told.types.unwrap().api_version, format!("types.kubefed.io/{form}"));
    }
}

/// Two managers by server-side apply, each in a form of its own.
async fn two_managers(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    let kind = "FederatedConfigMap";
    let theirs = json!({"template": {"data": {"platform": "1"}}});
    apply(by_cluster, "platform", kind, BY_CLUSTER, "cm", theirs).await.unwrap();
    let read = by_cell.get("cm").await.unwrap();
    assert_eq!(read.data["spec"]["template"]["data"], json!({"k": "v", "platform": "1"}));
    assert_eq!(read.data["spec"]["placement"]["topologies"], json!([{"name": "rz00a"}, {"name": "rz01a"}]));
    let taken = json!({"template": {"data": {"platform": "1", "k": "taken"}}});
    let Err(kube::Error::Api(refused)) = apply(by_cluster, "platform", kind, BY_CLUSTER, "cm", taken).await
    else {
        panic!("one manager took what is another's");
    };
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    assert!(refused.message.contains("conflict with \"team\""), "{}", refused.message);
}

async fn refusals(by_cell: &Api<DynamicObject>, by_cluster: &Api<DynamicObject>) {
    let kind = "FederatedConfigMap";
    let rack = json!({"topologyType": "rack", "template": {}});
    let elsewhere = json!({"template": {"data": {}}, "placement": {"clusters": [{"name": "No_Name"}]}});
    for (answer, words) in [
        (apply(by_cell, "t", kind, BY_CELL, "bad", rack).await, "spec.topologyType: "),
        (
            apply(by_cluster, "t", kind, BY_CLUSTER, "bad", elsewhere).await,
            "spec.placement.clusters[0].name: ",
        ),
    ] {
        match answer {
            Err(kube::Error::Api(refused)) => {
                assert!(refused.message.contains(words), "{}", refused.message);
                assert!([403, 422].contains(&refused.code), "{refused:?}");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
    assert!(by_cell.get_opt("bad").await.unwrap().is_none());
}

/// A type with a scale and a status of its own.
async fn a_deployment(client: &Client, m1: &Member) {
    let kind = "FederatedDeployment";
    let template = json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}}});
    let spec = json!({"topologyType": "cell", "template": template, "placement": {"topologies": [{"name": "rz00a"}]}});
    apply(&federated(client, BY_CELL, kind), "team", kind, BY_CELL, "web", spec).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(m1.client.clone(), "app");
    becomes("it is there", deployments.clone(), "web", |d| d.spec.replicas == Some(2)).await;
    let status = json!({"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}});
    deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    becomes("the member's status comes back", federated(client, BY_CELL, kind), "web", |object| {
        object.data["status"]["topologies"][0]["remoteStatus"]["readyReplicas"] == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_loses_no_field_in_either_form() {
    let home = Home::new();
    let _serving = home.serve().await;
    let shop = Shop::open(home.client().await, home.kubeconfig(), home.folder()).await;
    Box::pin(shop.loses_no_field_in_either_form()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_everything_is_there_and_goes_on() {
    let home = Home::new();
    let serving = home.serve().await;
    let client = home.client().await;
    namespace(&client).await;
    let m1 = home.joined("m1", &[]).await;
    put(&client, "cm", on_clusters(&["m1"], "1")).await.unwrap();
    holds(&m1, "cm", "1").await;
    becomes("it is propagated", federated(&client, BY_CLUSTER, "FederatedConfigMap"), "cm", is_propagated)
        .await;
    let before = everything(&client).await;
    // A client that watches is no reason to stay.
    let idle =
        Api::<Namespace>::all(client.clone()).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    assert_eq!(serving.terminated().await.code(), Some(0));
    drop(idle);

    // While nobody serves, the member drifts.
    let config_maps: Api<ConfigMap> = Api::namespaced(m1.client.clone(), "app");
    let drift = json!({"data": {"k": "drift"}});
    config_maps.patch("cm", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();

    // With the kubeconfig of before: the server is still known by the same authority.
    let _serving = home.serve().await;
    let after = everything(&client).await;
    let lost: Vec<_> = before.iter().filter(|(name, uid)| after.get(*name) != Some(*uid)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    holds(&m1, "cm", "1").await;
    put(&client, "cm", on_clusters(&["m1"], "2")).await.unwrap();
    holds(&m1, "cm", "2").await;
}

/// Names and uids of what a federation is made of.
async fn everything(client: &Client) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (api_version, kind) in [
        ("v1", "Namespace"),
        ("v1", "Secret"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("core.kubefed.io/v1beta1", "KubeFedCluster"),
        ("core.kubefed.io/v1beta1", "FederatedTypeConfig"),
        ("types.kubefed.io/v1beta2", "FederatedConfigMap"),
    ] {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let list = api.list(&ListParams::default()).await.unwrap();
        assert!(!list.items.is_empty(), "no {kind}");
        found.extend(list.items.into_iter().map(|object| {
            let metadata = object.metadata;
            let name =
                format!("{kind} {}/{}", metadata.namespace.unwrap_or_default(), metadata.name.unwrap());
            (name, metadata.uid.unwrap())
        }));
    }
    found
}

/// Clients that write at once, and how often the process is killed under them.
const WRITERS: usize = 8;
const KILLS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_no_acknowledged_write() {
    let home = Home::new();
    let mut serving = home.serve().await;
    let client = home.client().await;
    namespace(&client).await;
    let m1 = home.joined("m1", &[]).await;
    let seen = follow(&client);
    let mut acknowledged = vec![0; WRITERS];
    for round in 1..=KILLS {
        let writing =
            join_all((0..WRITERS).map(|writer| write_until_it_fails(&client, writer, acknowledged[writer])));
        // Another moment of a write in every round.
        let killing = async {
            tokio::time::sleep(Duration::from_millis(150 + 37 * round as u64)).await;
            serving.killed().await;
        };
        let (written, ()) = tokio::join!(writing, killing);
        serving = home.serve().await;
        for (writer, (before, now)) in acknowledged.iter_mut().zip(written).enumerate() {
            let api = federated(&client, BY_CLUSTER, "FederatedConfigMap");
            let there = api.get_opt(&format!("cm{writer}")).await.unwrap();
            let there = there.as_ref().map_or(0, value_of);
            // The write that was under way when it was killed may be there or not.
            assert!(there == now || there == now + 1, "{now} was acknowledged, and {there} is there");
            assert!(there >= *before);
            *before = there;
        }
    }
    let written: u64 = acknowledged.iter().sum();
    assert!(written > (WRITERS * KILLS) as u64, "{acknowledged:?}");
    for (writer, value) in acknowledged.iter().enumerate() {
        if *value > 0 {
            holds(&m1, &format!("cm{writer}"), &value.to_string()).await;
        }
    }
    within("whoever has watched all the time knows the same", async {
        while seen.state().iter().map(|object| value_of(object)).sum::<u64>() != written {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let clusters: Api<KubeFedCluster> = Api::namespaced(client, FEDERATION);
    assert!(clusters.get("m1").await.unwrap().is_ready());
}

fn value_of(object: &DynamicObject) -> u64 {
    object.data["spec"]["template"]["data"]["k"].as_str().unwrap().parse().unwrap()
}

/// What a client knows that watches, and goes on where it was each time that the watch breaks.
fn follow(client: &Client) -> Store<DynamicObject> {
    let api = federated(client, BY_CLUSTER, "FederatedConfigMap");
    let kind = GroupVersionKind::gvk("types.kubefed.io", BY_CLUSTER, "FederatedConfigMap");
    let writer = reflector::store::Writer::new(ApiResource::from_gvk(&kind));
    let reader = writer.as_reader();
    let events = watcher(api, watcher::Config::default()).default_backoff();
    tokio::spawn(events.reflect(writer).for_each(|_| async {}));
    reader
}

/// Writes numbers that grow by one, and answers with the last that was acknowledged.
async fn write_until_it_fails(client: &Client, writer: usize, mut last: u64) -> u64 {
    let name = format!("cm{writer}");
    while put(client, &name, on_clusters(&["m1"], &(last + 1).to_string())).await.is_ok() {
        last += 1;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_cannot_use_it_names_and_leaves_alone() {
    let home = Home::new();
    let serving = home.serve().await;
    let foreign = home.folder().join("notes.txt");
    std::fs::write(&foreign, "no database\n".repeat(1000)).unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let (data, below_a_file) = (home.data(), foreign.join("fedd.db"));
    for (data, listen, words) in [
        (data.as_path(), None, vec!["in use by another process", "fedd.db"]),
        (&foreign, None, vec!["notes.txt", "is not a sound database"]),
        // Not even root can write there.
        (Path::new("/proc/fedd.db"), None, vec!["/proc/fedd.db"]),
        (&below_a_file, None, vec!["cannot make the folder", "notes.txt"]),
        (&home.folder().join("second.db"), Some(address), vec!["cannot listen on", "in use"]),
    ] {
        let output = home.tried(data, listen).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", data.display());
        assert!(words.iter().all(|words| said.contains(words)), "{said:?} lacks one of {words:?}");
        assert!(!said.contains("panicked") && said.lines().count() < 5, "{said}");
        assert_eq!(said.matches(&*data.display().to_string()).count().max(1), 1, "it is named once: {said}");
    }
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "no database\n".repeat(1000));
    // The one that has the file serves on.
    namespace(&home.client().await).await;
    assert_eq!(serving.terminated().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_writes_is_its_owners_alone() {
    let home = Home::new();
    let _serving = home.serve().await;
    let kubeconfig = home.kubeconfig();
    let mut left = vec![(home.data().parent().unwrap().to_owned(), 0o700), (kubeconfig, 0o600)];
    let mut seen = 0;
    while let Some((path, expected)) = left.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
        seen += 1;
        if metadata.is_dir() {
            for entry in std::fs::read_dir(&path).unwrap().map(Result::unwrap) {
                left.push((entry.path(), if entry.file_type().unwrap().is_dir() { 0o700 } else { 0o600 }));
            }
        }
    }
    assert!(seen >= 7, "folder, database, keys and kubeconfig: {seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_scrape_shows_all_and_requests_are_recorded() {
    let home = Home::new();
    let file = |name: &str| home.folder().join(name);
    let policy = json!({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [{"level": "RequestResponse", "resources": [{"resources": ["namespaces"]}], "verbs": ["create"]}]});
    std::fs::write(file("policy.yaml"), policy.to_string()).unwrap();
    let flags = [
        format!("--audit-policy-file={}", file("policy.yaml").display()),
        format!("--audit-log-path={}", file("audit.log").display()),
        "--audit-log-maxsize=1".to_owned(),
        "--audit-log-maxbackup=2".to_owned(),
    ];
    let serving = home.serve_with(&flags).await;
    let client = home.client().await;
    let made: Namespace = serde_json::from_value(json!({"metadata": {"name": "recorded"}})).unwrap();
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &made).await.unwrap();

    let scrape = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = client.request_text(scrape).await.unwrap();
    for name in ["apiserver_request_total{", "revision_store_revision ", "fedd_build_info{", "fedd_leader 1"]
    {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
    assert_eq!(text.matches("# EOF").count(), 1);

    // When it has ended, everything is on the disk.
    assert_eq!(serving.terminated().await.code(), Some(0));
    let log = std::fs::read_to_string(file("audit.log")).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event = events.iter().find(|event| event["objectRef"]["name"] == "recorded").unwrap();
    assert_eq!(event["user"]["username"], "fedd:admin");
    assert_eq!(event["responseStatus"]["code"], 201);
    assert_eq!(event["responseObject"]["metadata"]["name"], "recorded");
    assert_eq!(std::fs::metadata(file("audit.log")).unwrap().permissions().mode() & 0o777, 0o600);
}
