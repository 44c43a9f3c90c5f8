//! fedd as a process, as people run it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

/// More than anything here takes on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("not within {} s: {what}", PATIENCE.as_secs());
    };
    done
}

pub(crate) fn fedd(kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fedd"));
    command.args(arguments).arg("--kubeconfig").arg(kubeconfig).env_clear().kill_on_drop(true);
    command
}

/// Runs a command that has to succeed.
pub(crate) async fn done(kubeconfig: &Path, arguments: &[&str]) {
    let output = within("the command ends", fedd(kubeconfig, arguments).output()).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A part of the control plane that runs until this is dropped.
pub(crate) struct Daemon {
    child: Child,
    health: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Starts `fedd run`, or whatever part the arguments name, with webhooks at a free port, and waits until it is ready.
    pub(crate) async fn start(kubeconfig: PathBuf, arguments: &[&str]) -> Self {
        // The API server has to know the port before it is listened on.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let webhook = format!("127.0.0.1:{port}");
        let mut child = fedd(&kubeconfig, arguments)
            .args(["--webhook-addr", &webhook, "--webhook-url", &format!("https://{webhook}")])
            .args(["--healthz-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--log-format", "json"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let health = within("its address", async {
            loop {
                let line = lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended: {:#?}", log.lock()));
                let told: Value = serde_json::from_str(&line).unwrap();
                log.lock().push(line);
                if told["message"] == "--healthz-addr is served" {
                    return told["address"].as_str().unwrap().to_owned();
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
        let daemon = Self { child, health, log };
        let ready = tokio::time::timeout(PATIENCE, async {
            // Readiness is asked for; that is what it is.
            while !daemon.is_ready().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(ready.await.is_ok(), "not ready: {:#?}", daemon.log());
        daemon
    }

    async fn is_ready(&self) -> bool {
        self.ask("/readyz").await.starts_with("HTTP/1.1 200")
    }

    /// Asks it for a path, such as `/metrics`, and answers with all that it says.
    pub(crate) async fn ask(&self, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.health).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminated(mut self) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        within("it ends", self.child.wait()).await.unwrap()
    }

    /// The lines that it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }
}

impl Drop for Daemon {
    /// Shows the log when the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log().join("\n"));
        }
    }
}
