//! A federation, a member whose address leads nowhere, and its agents.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use federation_model::KubeFedCluster;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use parking_lot::Mutex;
use revision_store::{MemoryStore, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::process::{fedd, within};
use crate::serving::{Home, becomes, client};

pub(crate) const FEDERATION: &str = "kube-federation-system";
/// The Secret of the agents.
pub(crate) const AGENT: &str = "fedd-agent";

pub(crate) fn federated(client: &Client, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("types.kubefed.io", "v1beta1", kind);
    let plural = format!("{}s", kind.to_lowercase());
    Api::namespaced_with(client.clone(), "app", &ApiResource::from_gvk_with_plural(&gvk, &plural))
}

/// Makes the namespace of federated objects, on the host and on the member.
pub(crate) async fn namespace(host: &Client) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "app"}})).unwrap();
    Api::<Namespace>::all(host.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    apply(host, "FederatedNamespace", "app", json!({})).await;
}

pub(crate) async fn apply(client: &Client, kind: &str, name: &str, template: Value) {
    let object = json!({"apiVersion": "types.kubefed.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "spec": {"template": template, "placement": {"clusters": [{"name": "m1"}]}}});
    let params = PatchParams::apply("test").force();
    federated(client, kind).patch(name, &params, &Patch::Apply(object)).await.unwrap();
}

/// Waits until a condition of the cluster has this reason.
pub(crate) async fn reason(client: &Client, wanted: &str) {
    let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), FEDERATION);
    becomes(wanted, clusters, "m1", |cluster| {
        let conditions = cluster.status.iter().flat_map(|status| &status.conditions);
        conditions.into_iter().any(|c| c.reason.as_deref() == Some(wanted))
    })
    .await;
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> String {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string()
}

/// A process whose log is read.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(&[], arguments)
    }

    /// Starts it with this in its environment.
    pub(crate) fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().push(line);
            }
        });
        Self { child, log }
    }

    /// Asks it to end, and waits until it has, in good order.
    pub(crate) async fn ends(&mut self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(within("it ends", self.child.wait()).await.unwrap().code(), Some(0));
    }

    /// How often it has logged these words.
    pub(crate) fn said(&self, words: &str) -> usize {
        self.log.lock().iter().filter(|line| line.contains(words)).count()
    }

    /// Waits until it has logged these words.
    pub(crate) async fn says(&self, words: &str) {
        within(words, async {
            while !self.log.lock().iter().any(|line| line.contains(words)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

impl Drop for Running {
    /// Shows the log when the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log.lock().join("\n"));
        }
    }
}

/// A member, and how its agents are started.
pub(crate) struct Member {
    pub(crate) server: EmbeddedServer,
    pub(crate) client: Client,
    /// The administrator's.
    pub(crate) kubeconfig: PathBuf,
    folder: PathBuf,
    /// Where agents find the federation.
    tunnel: String,
}

impl Member {
    /// Starts it, joins it to a federation, applies what that prints, and makes its address lead nowhere.
    pub(crate) async fn joined(home: &Home, tunnel: &str) -> Self {
        let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
        let options = Options::new(store, Profile::Member, Secrets::generate(Timestamp::now()).unwrap());
        let listen = Some(([127, 0, 0, 1], 0).into());
        let server = EmbeddedServer::start(Options { listen, ..options }).await.unwrap();
        let kubeconfig = home.folder().join("m1.kubeconfig");
        std::fs::write(&kubeconfig, server.admin_kubeconfig("m1").unwrap().to_string()).unwrap();
        let client = client(&kubeconfig).await;
        let (folder, tunnel) = (home.folder().to_owned(), tunnel.to_owned());
        let member = Self { server, client, kubeconfig, folder, tunnel };
        member.join(home).await;
        member
    }

    /// Joins it, for the first time or again.
    pub(crate) async fn join(&self, home: &Home) {
        let kubeconfig = self.kubeconfig.to_str().unwrap();
        let arguments = ["join", "m1", "--cluster-kubeconfig", kubeconfig, "--tunnel", &self.tunnel];
        let output = within("it joins", fedd(&home.kubeconfig(), &arguments).output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest: Vec<DynamicObject> =
            fedd::yaml::parse_stream(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
        let kinds: Vec<_> = manifest.iter().map(|o| o.types.as_ref().unwrap().kind.as_str()).collect();
        assert_eq!(kinds, ["Namespace", "ServiceAccount", "Role", "RoleBinding", "Secret", "Deployment"]);
        for object in &manifest {
            let kind = GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
            let resource = ApiResource::from_gvk(&kind);
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            let params = PatchParams::apply("kubectl").force();
            let name = object.metadata.name.as_deref().unwrap();
            api.patch(name, &params, &Patch::Apply(object)).await.unwrap();
        }
        // The certificate has this name, which leads nowhere from here.
        let clusters: Api<KubeFedCluster> = Api::namespaced(home.client().await, FEDERATION);
        let unreachable = json!({"spec": {"apiEndpoint": "https://kubernetes.default.svc"}});
        clusters.patch("m1", &PatchParams::default(), &Patch::Merge(unreachable)).await.unwrap();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address().unwrap()
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), FEDERATION)
    }

    /// A kubeconfig of the agent's account, which may do what the manifest lets it.
    async fn account(&self) -> PathBuf {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), FEDERATION);
        let (params, request) = (PostParams::default(), TokenRequest::default());
        let answer = accounts.create_token_request(AGENT, &params, &request).await.unwrap();
        let token = answer.status.unwrap().token.unwrap();
        let text = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let mut kubeconfig: Value = fedd::yaml::parse(&text).unwrap();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        // Each has its own: one may be read while the next is written.
        let path = self.folder.join(format!("agent-{}.kubeconfig", uuid::Uuid::new_v4()));
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        path
    }

    /// An agent as the manifest runs it.
    pub(crate) async fn agent(&self) -> Running {
        let kubeconfig = self.account().await;
        let secret = format!("{FEDERATION}/{AGENT}");
        self.agent_with("m1", &kubeconfig, &secret, &self.address().to_string())
    }

    /// An agent of any cluster, with any Secret of the member.
    pub(crate) fn agent_with(
        &self,
        cluster: &str,
        kubeconfig: &Path,
        secret: &str,
        api_server: &str,
    ) -> Running {
        let kubeconfig = kubeconfig.to_str().unwrap();
        let credentials = ["--identity-secret", secret, "--kubeconfig", kubeconfig];
        self.start(cluster, api_server, &credentials)
    }

    /// An agent that says it is of `cluster`, with a certificate in files.
    pub(crate) fn agent_with_files(&self, cluster: &str, identity: &Secret) -> Running {
        let file = |key: &str| {
            let path = self.folder.join(key);
            std::fs::write(&path, &identity.data.as_ref().unwrap()[key].0).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (ca, certificate, key) = (file("ca.crt"), file("tls.crt"), file("tls.key"));
        let credentials = ["--ca-file", &ca, "--cert-file", &certificate, "--key-file", &key];
        self.start(cluster, &self.address().to_string(), &credentials)
    }

    fn start(&self, cluster: &str, api_server: &str, credentials: &[&str]) -> Running {
        let mut arguments = vec!["agent", "--healthz-addr", "off", "--cluster", cluster];
        arguments.extend(["--server", &self.tunnel, "--api-server", api_server]);
        arguments.extend(credentials);
        Running::start(&arguments)
    }
}
