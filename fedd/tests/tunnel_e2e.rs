//! A member that nothing but its agent can reach: joined, written to and watched through the tunnel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use federation_model::KubeFedCluster;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use process::{done, fedd, within};
use revision_store::{MemoryStore, Store};
use serde_json::{Value, json};
use serving::{Home, Serving, becomes, client};
use tokio::process::{Child, Command};

const FEDERATION: &str = "kube-federation-system";

fn federated(client: &Client, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    let plural = format!("{}s", kind.to_lowercase());
    Api::namespaced_with(client.clone(), "app", &ApiResource::from_gvk_with_plural(&gvk, &plural))
}

async fn apply(client: &Client, kind: &str, name: &str, template: Value) {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "spec": {"template": template, "placement": {"clusters": [{"name": "m1"}]}}});
    let params = PatchParams::apply("test").force();
    federated(client, kind).patch(name, &params, &Patch::Apply(object)).await.unwrap();
}

async fn reason(client: &Client, wanted: &str) {
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    becomes(wanted, clusters, "m1", |cluster| {
        let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|c| c.reason.as_deref() == Some(wanted))
    })
    .await;
}

/// The certificates of an agent, as the printed manifest has them.
struct Credentials(PathBuf);

impl Credentials {
    fn of(manifest: &str, folder: &Path) -> Self {
        let documents: Vec<Value> = fedd::yaml::parse_stream(manifest).unwrap();
        let kinds: Vec<_> = documents.iter().map(|d| d["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["Namespace", "ServiceAccount", "Secret", "Deployment"]);
        std::fs::create_dir_all(folder).unwrap();
        for (name, text) in documents[2]["stringData"].as_object().unwrap() {
            std::fs::write(folder.join(name), text.as_str().unwrap()).unwrap();
        }
        Self(folder.to_owned())
    }

    /// An agent that says it is of `cluster`.
    fn agent(&self, cluster: &str, server: &str, api_server: SocketAddr) -> Child {
        let file = |name: &str| self.0.join(name);
        Command::new(env!("CARGO_BIN_EXE_fedd"))
            .args(["agent", "--healthz-addr", "off", "--cluster", cluster, "--server", server])
            .args(["--api-server", &api_server.to_string()])
            .arg("--ca-file")
            .arg(file("ca.crt"))
            .arg("--cert-file")
            .arg(file("tls.crt"))
            .arg("--key-file")
            .arg(file("tls.key"))
            .env_clear()
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }
}

/// A federation with tunnels, and a member whose address leads nowhere but through its agent.
struct Bed {
    home: Home,
    serving: Serving,
    member: EmbeddedServer,
    on_member: Client,
    tunnel: String,
    credentials: Credentials,
}

impl Bed {
    async fn start() -> Self {
        let home = Home::new();
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let tunnel = free.to_string();
        let serving = home.serve_with(&["--tunnel-listen".to_owned(), tunnel.clone()]).await;
        let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
        let options = Options::new(store, Profile::Member, Secrets::generate(Timestamp::now()).unwrap());
        let listen = Some(([127, 0, 0, 1], 0).into());
        let member = EmbeddedServer::start(Options { listen, ..options }).await.unwrap();
        let kubeconfig = home.folder().join("m1.kubeconfig");
        std::fs::write(&kubeconfig, member.admin_kubeconfig("m1").unwrap().to_string()).unwrap();
        let manifest = join(&home, &kubeconfig, &tunnel).await;
        let credentials = Credentials::of(&manifest, &home.folder().join("m1"));
        // Its certificate has this name, which leads nowhere from here.
        let clusters: Api<KubeFedCluster> = Api::namespaced(home.client().await, FEDERATION);
        let unreachable = json!({"spec": {"apiEndpoint": "https://kubernetes.default.svc"}});
        clusters.patch("m1", &PatchParams::default(), &Patch::Merge(unreachable)).await.unwrap();
        let on_member = client(&kubeconfig).await;
        Self { home, serving, member, on_member, tunnel, credentials }
    }

    fn agent(&self, cluster: &str) -> Child {
        self.credentials.agent(cluster, &self.tunnel, self.member.address().unwrap())
    }
}

async fn join(home: &Home, member: &Path, tunnel: &str) -> String {
    let member = member.to_str().unwrap();
    let arguments = ["join", "m1", "--cluster-kubeconfig", member, "--tunnel", tunnel];
    let output = within("it joins", fedd(&home.kubeconfig(), &arguments).output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_federated_through_its_agent_alone() {
    let bed = Bed::start().await;
    let host = bed.home.client().await;
    reason(&host, "TunnelDown").await;
    let mut agent = bed.agent("m1");
    reason(&host, "ClusterReady").await;

    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(host.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    apply(&host, "FederatedNamespace", "app", json!({})).await;
    let value = |round: usize| json!({"data": {"k": format!("v{round}")}});
    apply(&host, "FederatedConfigMap", "first", value(0)).await;
    let there: Api<ConfigMap> = Api::namespaced(bed.on_member.clone(), "app");
    let holds = |wanted: String| {
        move |c: &ConfigMap| c.data.as_ref().and_then(|d| d.get("k")).is_some_and(|k| *k == wanted)
    };
    becomes("it is there", there.clone(), "first", holds("v0".to_owned())).await;

    // What a member's own people change is seen by watch, and corrected.
    let drift = json!({"data": {"k": "drift"}});
    there.patch("first", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    becomes("it is corrected", there.clone(), "first", holds("v0".to_owned())).await;

    // Its token is renewed by who reaches it: the controllers, which the command asks.
    let token = async || {
        let secrets: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
        secrets.get("m1-token").await.unwrap().data.unwrap().remove("token").unwrap()
    };
    let before = token().await;
    done(&bed.home.kubeconfig(), &["credentials", "rotate", "m1"]).await;
    assert_ne!(before, token().await);

    // The agent is killed in mid-rollout, and another one comes.
    let names: Vec<String> = (0..40).map(|i| format!("object-{i:02}")).collect();
    for (i, name) in names.iter().enumerate() {
        apply(&host, "FederatedConfigMap", name, value(1)).await;
        if i == names.len() / 2 {
            agent.kill().await.unwrap();
        }
    }
    reason(&host, "TunnelDown").await;
    let _agent = bed.agent("m1");
    for name in &names {
        becomes(name, there.clone(), name, holds("v1".to_owned())).await;
        becomes("its status says so", federated(&host, "FederatedConfigMap"), name, |object| {
            object.data.pointer("/status/clusters/0/name") == Some(&json!("m1"))
                && object.data.pointer("/status/clusters/0/status").is_none()
        })
        .await;
    }
    reason(&host, "ClusterReady").await;

    // The API server is gone, and the tunnel is not.
    let Bed { home, serving, member, .. } = bed;
    member.stop().await;
    reason(&host, "ClusterNotReachable").await;
    let metrics: http::Request<Vec<u8>> = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = home.client().await.request_text(metrics).await.unwrap();
    for line in [
        r#"fedd_tunnel_agents{cluster="m1"} 1"#,
        r#"fedd_tunnel_dials_total{cluster="m1",result="refused"}"#,
        r#"fedd_tunnel_bytes_total{cluster="m1",direction="to_cluster"}"#,
    ] {
        assert!(metrics.lines().any(|l| l.starts_with(line)), "{line}: {metrics}");
    }
    assert_eq!(serving.terminated().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_not_to_be_stolen_and_one_that_has_left_is_not_let_in() {
    let bed = Bed::start().await;
    let host = bed.home.client().await;
    let authority: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
    let keys: BTreeMap<_, _> = authority.get("fedd-tunnel-authority").await.unwrap().data.unwrap();
    assert!(keys.keys().eq(["ca.crt", "ca.key"]));

    // With m1's certificate, as m2.
    let _thief = bed.agent("m2");
    bed.serving.says("may not speak for the cluster m2", 1).await;

    let clusters: Api<KubeFedCluster> = Api::namespaced(host.clone(), FEDERATION);
    let direct = json!({"metadata": {"annotations": {"fedd.io/tunnel": null}}});
    clusters.patch("m1", &PatchParams::default(), &Patch::Merge(direct)).await.unwrap();
    // The control plane has heard of it: it tries the address itself.
    reason(&host, "ClusterNotReachable").await;
    let _former = bed.agent("m1");
    bed.serving.says("no KubeFedCluster is reached by the tunnel of m1", 1).await;
    assert!(!bed.serving.has_said("an agent has connected"));
}
