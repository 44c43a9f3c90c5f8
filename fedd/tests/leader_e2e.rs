//! Replicas of the control plane: one leads, and another takes over when it dies, goes, or is paused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use fedd::embedded::{Embedded, EmbeddedOptions, Opened, Storage};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::Api;
use testbed::Testbed;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

/// Longer than a Lease of these tests lasts, with room for two busy cores.
const PATIENCE: Duration = Duration::from_mins(1);

const CONFIG: &str = "apiVersion: core.kubefed.io/v1beta1
kind: KubeFedConfig
metadata: {name: kubefed}
spec:
  leaderElect: {leaseDuration: 4s, renewDeadline: 3s, retryPeriod: 500ms}
";

struct Replica {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

impl Replica {
    fn start(kubeconfig: &Path, config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
            .args([
                "controller",
                "--healthz-addr",
                "127.0.0.1:0",
                "--metrics-addr",
                "off",
                "--log-format",
                "json",
            ])
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--kubefed-config")
            .arg(config)
            .env_clear()
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log, seen: Vec::new() }
    }

    /// Reads the log until a line has these words; the line.
    async fn says(&mut self, words: &str) -> String {
        let line = async {
            loop {
                match self.log.next_line().await.unwrap() {
                    Some(line) if line.contains(words) => return line,
                    Some(line) => self.seen.push(line),
                    None => panic!("ended without saying {words:?}:\n{}", self.seen.join("\n")),
                }
            }
        };
        let line = tokio::time::timeout(PATIENCE, line).await;
        line.unwrap_or_else(|_| panic!("did not say {words:?}:\n{}", self.seen.join("\n")))
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

async fn holder(host: &Client) -> String {
    let leases: Api<Lease> = Api::namespaced(host.clone(), "kube-federation-system");
    let lease = leases.get("fedd-controller").await.unwrap();
    lease.spec.and_then(|s| s.holder_identity).unwrap_or_default()
}

/// The identity with which a replica said that it leads.
fn identity(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["identity"].as_str().unwrap().to_owned()
}

/// Replicas on the API server of a kubeconfig, until `silence` makes it answer no more.
async fn replicas_take_over(kubeconfig: &Path, host: &Client, silence: impl AsyncFnOnce()) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, CONFIG).unwrap();

    let mut first = Replica::start(kubeconfig, &config);
    let leads = identity(&first.says("promoted as leader").await);
    assert_eq!(holder(host).await, leads);
    let mut second = Replica::start(kubeconfig, &config);
    second.says("waits for the lease").await;

    // Killed, it says nothing to anybody; the other waits the Lease out.
    first.signal("-KILL");
    first.ended().await;
    assert_eq!(holder(host).await, leads);
    let leads = identity(&second.says("promoted as leader").await);
    assert_eq!(holder(host).await, leads);

    // Paused, it loses the Lease to the next without knowing, and ends when it wakes up.
    let mut third = Replica::start(kubeconfig, &config);
    third.says("waits for the lease").await;
    second.signal("-STOP");
    let leads = identity(&third.says("promoted as leader").await);
    second.signal("-CONT");
    second.says("lost lease").await;
    assert_eq!(second.ended().await.code(), Some(1));
    assert_eq!(holder(host).await, leads);

    // Asked to end, it gives the Lease away, and the next need not wait.
    let mut fourth = Replica::start(kubeconfig, &config);
    fourth.says("waits for the lease").await;
    third.signal("-TERM");
    assert_eq!(third.ended().await.code(), Some(0));
    third.says("lease given away").await;
    let leads = identity(&fourth.says("promoted as leader").await);
    assert_eq!(holder(host).await, leads);

    // Without an API server the Lease cannot be renewed.
    silence().await;
    fourth.says("not renewed within").await;
    assert_eq!(fourth.ended().await.code(), Some(1));
}

#[tokio::test]
async fn one_replica_leads_and_another_takes_over() {
    let testbed = Testbed::start().await.unwrap();
    let host = testbed.api_server("host").await.unwrap();
    let install = Command::new(env!("CARGO_BIN_EXE_fedd"))
        .args(["install", "--no-types", "--kubeconfig"])
        .arg(host.kubeconfig_path())
        .status();
    assert!(install.await.unwrap().success());
    replicas_take_over(&host.kubeconfig_path(), &host.client(), async || host.pause().await.unwrap()).await;
    host.resume().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_api_server_they_do_the_same() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let Opened { store, secrets, .. } = Storage::file(folder.path().join("fedd.db")).open().await.unwrap();
    let host = Embedded::start(EmbeddedOptions::new(store, secrets)).await.unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, host.admin_kubeconfig().unwrap().to_string()).unwrap();
    let client = host.client().clone();
    replicas_take_over(&kubeconfig, &client, async || host.stop().await).await;
}
