//! A kine on an SQLite file or a MySQL database, in etcd's place.

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
    /// Starts it for the server of this name, on what kine calls an endpoint.
    pub(crate) async fn start(supervisor: &Arc<Supervisor>, server: &str, endpoint: &str) -> Result<Self> {
        let binary = blocking(|| Binary::Kine.path()).await?;
        // No server's name holds a dot.
        let name = format!("{server}.kine");
        let socket = supervisor.make_folder(&name)?.join("client");
        check_socket_path(&socket)?;
        let process = supervisor.run(&name, &binary, &flags(endpoint, &socket))?;
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

/// The endpoint of a file, with kine's own defaults for one that it is not told of (`pkg/drivers/sqlite`), durable at
/// each commit.
pub(crate) fn sqlite(file: &Path) -> String {
    let parameters = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate";
    format!("sqlite://{}?{parameters}", file.display())
}

fn flags(endpoint: &str, socket: &Path) -> Vec<String> {
    vec![
        format!("--listen-address=unix://{}", socket.display()),
        format!("--endpoint={endpoint}"),
        // Otherwise on every interface.
        "--metrics-bind-address=0".to_owned(),
    ]
}
