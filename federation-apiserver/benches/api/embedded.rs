//! This crate's server, in a process of its own: this program, started again with `serve FOLDER`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use federation_apiserver::auth::Identity;
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use revision_store::SqliteStore;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::client::Access;

/// A started server. It ends with this program, or when it is dropped.
pub struct Embedded {
    child: Child,
    /// Milliseconds from its start to its first "ready".
    pub ready: f64,
    pub access: Access,
}

impl Embedded {
    /// Starts a server on the data of a folder, and waits until it is ready.
    pub async fn start(folder: &Path) -> Self {
        let _none = fs::remove_file(kubeconfig(folder));
        let begin = Instant::now();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let child = command.arg("serve").arg(folder).stdin(Stdio::piped()).spawn().unwrap();
        let access = loop {
            if let Ok(text) = fs::read(kubeconfig(folder)) {
                break Access::of(&serde_json::from_slice(&text).unwrap());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        while !access.is_ready().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { child, ready: begin.elapsed().as_secs_f64() * 1e3, access }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Serves the data of a folder until standard input ends. All that differs from `fedd serve` is that no federation is
/// in it.
pub async fn serve(folder: &Path) {
    let store = SqliteStore::open(folder.join("data.db")).await.unwrap();
    let mut options = Options::new(Arc::new(store), Profile::Federation, secrets(folder));
    options.listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let server = EmbeddedServer::start(options).await.unwrap();
    // Renamed, so that whoever sees it sees all of it.
    let new = folder.join("new");
    fs::write(&new, server.admin_kubeconfig("embedded").unwrap().to_string()).unwrap();
    fs::rename(new, kubeconfig(folder)).unwrap();
    let _end = tokio::io::stdin().read(&mut [0]).await;
    server.stop().await;
}

fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("kubeconfig")
}

/// The server's secrets: made at the first start, kept for later ones.
fn secrets(folder: &Path) -> Secrets {
    let file = folder.join("secrets");
    if let Ok(text) = fs::read(&file) {
        let kept: Value = serde_json::from_slice(&text).unwrap();
        let text = |field: &str| kept[field].as_str().unwrap().to_owned();
        let authority = Identity { certificate: text("certificate"), key: text("key") };
        return Secrets { authority, token_key: text("token") };
    }
    let made = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let Identity { certificate, key } = &made.authority;
    fs::write(file, json!({"certificate": certificate, "key": key, "token": made.token_key}).to_string())
        .unwrap();
    made
}
