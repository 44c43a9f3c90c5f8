//! A kine on an SQLite file, in etcd's place.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::net::UnixStream;

use crate::{
    Binary, Result,
    blocking::blocking,
    etcd::check_socket_path,
    readiness::ready,
    supervisor::{Process, Supervisor},
};

/// A running kine. It listens on a Unix socket only.
pub(crate) struct Kine {
    _process: Process,
    socket: PathBuf,
}

impl Kine {
    /// Starts it for the server of this name.
    pub(crate) async fn start(supervisor: &Arc<Supervisor>, server: &str, file: &Path) -> Result<Self> {
        let binary = blocking(|| Binary::Kine.path()).await?;
        // No server's name holds a dot.
        let name = format!("{server}.kine");
        let socket = supervisor.make_folder(&name)?.join("client");
        check_socket_path(&socket)?;
        let process = supervisor.run(&name, &binary, &flags(file, &socket))?;
        // It opens its socket when the database is ready.
        ready(&name, &process, async || {
            UnixStream::connect(&socket).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        Ok(Self { _process: process, socket })
    }

    /// The address for kube-apiserver's `--etcd-servers`.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

fn flags(file: &Path, socket: &Path) -> Vec<String> {
    // kine's own defaults for a file that it is not told of (`pkg/drivers/sqlite`), durable at each commit.
    let parameters = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate";
    vec![
        format!("--listen-address=unix://{}", socket.display()),
        format!("--endpoint=sqlite://{}?{parameters}", file.display()),
        // Otherwise on every interface.
        "--metrics-bind-address=0".to_owned(),
    ]
}
