//! The one etcd of a testbed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::{
    Error, Result,
    readiness::ready,
    supervisor::{Process, Supervisor},
};

/// What a Unix socket's path may be long on every system: `sun_path` of 104 bytes with its end.
const SOCKET_PATH: usize = 103;

/// A running etcd. It listens on Unix sockets only, so it needs no port and no one else can reach it.
pub(crate) struct Etcd {
    _process: Process,
    socket: PathBuf,
}

impl Etcd {
    pub(crate) async fn start(supervisor: &Arc<Supervisor>, binary: &Path) -> Result<Self> {
        let folder = supervisor.make_folder("etcd")?;
        let socket = folder.join("client");
        check_socket_path(&socket)?;
        let process = supervisor.run("etcd", binary, &flags(&folder, &socket))?;
        ready("etcd", &process, async || health(&socket).await).await?;
        Ok(Self { _process: process, socket })
    }

    /// The address for kube-apiserver's `--etcd-servers`.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

/// Refuses a socket's path that is too long for some systems.
pub(crate) fn check_socket_path(socket: &Path) -> Result<()> {
    if socket.as_os_str().len() > SOCKET_PATH { Err(Error::SocketPath(socket.to_owned())) } else { Ok(()) }
}

fn flags(folder: &Path, socket: &Path) -> Vec<String> {
    // Advertised addresses must look like host:port. With one member nobody uses them.
    let unused = "http://127.0.0.1:2380";
    vec![
        "--name=testbed".to_owned(),
        format!("--data-dir={}", folder.join("data").display()),
        format!("--listen-client-urls=unix://{}", socket.display()),
        format!("--advertise-client-urls={unused}"),
        format!("--listen-peer-urls=unix://{}", folder.join("peer").display()),
        format!("--initial-advertise-peer-urls={unused}"),
        format!("--initial-cluster=testbed={unused}"),
        // The data need not outlive the machine, only the API servers.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

/// Asks etcd's `/health`. The text is short and the server closes after it, so no HTTP client is needed.
async fn health(socket: &Path) -> Result<(), String> {
    let ask = async {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: etcd\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = ask.await.map_err(|error| error.to_string())?;
    if answer.contains(r#""health":"true""#) { Ok(()) } else { Err(answer) }
}
