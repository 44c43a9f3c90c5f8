//! `fedd serve` as a process, and members in the test's own.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use parking_lot::Mutex;
use revision_store::{MemoryStore, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::process::{done, within};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A client as a kubeconfig says.
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    // Chosen before by another test: as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A folder with a federation's data, or of a replica that has them in a database; it is served or not.
pub(crate) struct Home {
    folder: TempDir,
    datastore: Option<String>,
    /// Where it is served: at the same address after every start, so that clients go on.
    listen: SocketAddr,
    /// What its environment has.
    environment: Vec<(String, String)>,
    /// Further flags.
    flags: Vec<String>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let listener = std::net::TcpListener::bind(LOOPBACK).unwrap();
        let listen = listener.local_addr().unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            datastore: None,
            listen,
            environment: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// The same, served with this in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another flag of `fedd serve`.
    pub(crate) fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// A replica on a database.
    pub(crate) fn on(datastore: &str) -> Self {
        Self { datastore: Some(datastore.to_owned()), ..Self::new() }
    }

    /// Where it is served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data/fedd.db")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder().join("admin.kubeconfig")
    }

    fn command(&self, data: &Path, listen: SocketAddr) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
        command.arg("serve").args(["--listen", &listen.to_string()]);
        match &self.datastore {
            Some(datastore) => command.args(["--datastore", datastore]),
            None => command.arg("--data").arg(data),
        };
        command.args(["--types", "configmaps,deployments.apps"]).arg("--kubeconfig-out");
        command.arg(self.kubeconfig()).args(&self.flags).env_clear();
        command.envs(self.environment.iter().cloned()).kill_on_drop(true);
        command
    }

    /// Starts it, and waits until it serves.
    pub(crate) async fn serve(&self) -> Serving {
        self.serve_with(&[]).await
    }

    /// Starts it with further flags, and waits until it serves.
    pub(crate) async fn serve_with(&self, flags: &[String]) -> Serving {
        let mut command = self.command(&self.data(), self.listen);
        let mut child = command.args(flags).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        within("it serves", async {
            loop {
                let line = lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended: {:#?}", log.lock()));
                let serves = line.starts_with("fedd serves https://");
                log.lock().push(line);
                if serves {
                    return;
                }
            }
        })
        .await;
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().push(line);
            }
        });
        Serving { child, log }
    }

    /// Tries to serve other data or at another address, and answers how that ended.
    pub(crate) async fn tried(&self, data: &Path, listen: Option<SocketAddr>) -> Output {
        let mut command = self.command(data, listen.unwrap_or(LOOPBACK));
        within("it ends", command.output()).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        client(&self.kubeconfig()).await
    }

    /// A member in this process, and its kubeconfig; it has joined, with cells if there are to be some.
    pub(crate) async fn joined(&self, name: &str, cells: &[&str]) -> Member {
        self.joined_with(name, cells, &[]).await
    }

    /// The same, with further flags of `fedd join`.
    pub(crate) async fn joined_with(&self, name: &str, cells: &[&str], flags: &[&str]) -> Member {
        let server = member().await;
        let kubeconfig = self.folder().join(format!("{name}.kubeconfig"));
        std::fs::write(&kubeconfig, server.admin_kubeconfig(name).unwrap().to_string()).unwrap();
        let mut arguments = vec!["join", name, "--cluster-kubeconfig", kubeconfig.to_str().unwrap()];
        arguments.extend(flags);
        arguments.extend(cells.iter().flat_map(|cell| ["--cell", *cell]));
        done(&self.kubeconfig(), &arguments).await;
        Member { client: client(&kubeconfig).await, _server: server }
    }
}

/// A simulated member cluster.
pub(crate) struct Member {
    pub(crate) client: Client,
    _server: EmbeddedServer,
}

async fn member() -> EmbeddedServer {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    let options = Options::new(store, Profile::Member, Secrets::generate(Timestamp::now()).unwrap());
    EmbeddedServer::start(Options { listen: Some(LOOPBACK), ..options }).await.unwrap()
}

/// The process; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Serving {
    /// Waits until it has logged these words, so often.
    pub(crate) async fn says(&self, words: &str, times: usize) {
        let said = || self.log.lock().iter().filter(|line| line.contains(words)).count();
        within(words, async {
            while said() < times {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Waits until it or another one has logged these words.
    pub(crate) async fn says_or(&self, other: &Self, words: &str) {
        tokio::select! {
            () = self.says(words, 1) => {}
            () = other.says(words, 1) => {}
        }
    }

    /// Whether it has logged these words.
    pub(crate) fn has_said(&self, words: &str) -> bool {
        self.log.lock().iter().any(|line| line.contains(words))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// What it has told so far.
    pub(crate) fn told(&self) -> String {
        self.log.lock().join("\n")
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminated(mut self) -> ExitStatus {
        self.signal("-TERM");
        within("it ends", self.child.wait()).await.unwrap()
    }

    /// Kills it.
    pub(crate) async fn killed(mut self) {
        self.child.start_kill().unwrap();
        let status = within("it is gone", self.child.wait()).await.unwrap();
        assert_eq!(status.signal(), Some(9), "it had ended by itself");
    }
}

impl Drop for Serving {
    /// Shows the log when the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log.lock().join("\n"));
        }
    }
}
