//! Database servers that speak MySQL's protocol.

mod mariadb;
mod oceanbase;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{io::AsyncReadExt, net::UnixStream};

use crate::{
    Result, binaries,
    blocking::blocking,
    etcd::check_socket_path,
    readiness::ready,
    restartable::Restartable,
    supervisor::{Process, Supervisor},
};

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// MariaDB, as on the system, else as Debian packages it.
    MariaDb,
    /// The kernel of OceanBase, in the embedded form that opens no TCP port.
    OceanBase,
}

impl DatabaseKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::MariaDb, Self::OceanBase];

    /// The path of its server, fetched if it is not there yet. Blocks.
    pub fn path(self) -> Result<PathBuf> {
        let program = match self {
            Self::MariaDb => binaries::mariadb()?,
            Self::OceanBase => binaries::oceanbase()?,
        };
        Ok(program.path)
    }

    fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::OceanBase => "oceanbase",
        }
    }
}

/// A database server of its own, on a Unix socket in a temporary folder, with the user `root`, who has no password.
///
/// A clone is another handle. It is killed, and its data are removed, when the last handle is dropped or when this
/// process ends in any way.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    kind: DatabaseKind,
    launch: Launch,
    process: Restartable,
    tls: Option<Tls>,
    supervisor: Arc<Supervisor>,
}

/// What a start needs, the first and every later one.
struct Launch {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    socket: PathBuf,
}

/// Where a server is reached over TCP, and what its clients need for that.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    port: u16,
    authority: PathBuf,
}

impl Database {
    /// Starts a server of this kind and waits until it answers.
    pub async fn start(kind: DatabaseKind) -> Result<Self> {
        Self::start_with(kind, false).await
    }

    /// Starts a MariaDB that is also on 127.0.0.1, where it takes connections with TLS only.
    pub async fn mariadb_with_tls() -> Result<Self> {
        Self::start_with(DatabaseKind::MariaDb, true).await
    }

    async fn start_with(kind: DatabaseKind, tls: bool) -> Result<Self> {
        let prepare = move || {
            let supervisor = Arc::new(Supervisor::start()?);
            let folder = supervisor.make_folder(kind.name())?;
            let (launch, tls) = match kind {
                DatabaseKind::MariaDb => mariadb::prepare(&folder, tls)?,
                DatabaseKind::OceanBase => (oceanbase::prepare(&folder)?, None),
            };
            check_socket_path(&launch.socket)?;
            Ok((supervisor, launch, tls))
        };
        let (supervisor, launch, tls) = blocking(prepare).await?;
        let process = launch.run(&supervisor).await?;
        let process = Restartable::new(process);
        Ok(Self { shared: Arc::new(Shared { kind, launch, process, tls, supervisor }) })
    }

    /// Whose server it is.
    pub fn kind(&self) -> DatabaseKind {
        self.shared.kind
    }

    /// Its Unix socket.
    pub fn socket(&self) -> &Path {
        &self.shared.launch.socket
    }

    /// The address of a database on it, by its Unix socket, as `--datastore` takes it. The database is not made.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@unix({})/{database}", self.socket().display())
    }

    /// The same over TCP with TLS, where it was started so.
    pub fn tls_url(&self, database: &str) -> Option<String> {
        let Tls { port, authority } = self.shared.tls.as_ref()?;
        Some(format!("mysql://root@127.0.0.1:{port}/{database}?tls=true&ca={}", authority.display()))
    }

    /// What kine calls that database.
    pub fn kine_endpoint(&self, database: &str) -> String {
        self.url(database)
    }

    /// The process id; `None` while it is stopped and until a new start is ready.
    pub fn pid(&self) -> Option<u32> {
        self.shared.process.pid()
    }

    /// What the server has printed so far.
    pub fn log_path(&self) -> PathBuf {
        self.shared.supervisor.root().join(self.shared.launch.name).join("log")
    }

    /// Kills the server with SIGKILL. Its data are kept for [`Database::start_again`].
    pub async fn stop(&self) -> Result<()> {
        self.shared.process.stop().await
    }

    /// Starts a stopped server with its old data and waits until it answers. Does nothing if it runs.
    pub async fn start_again(&self) -> Result<()> {
        self.shared.process.start_again(Box::pin(self.shared.launch.run(&self.shared.supervisor))).await
    }

    /// Makes the server hang (SIGSTOP), and waits until it does: its threads stop one after the other.
    pub async fn pause(&self) -> Result<()> {
        self.shared.process.pause().await
    }

    /// Lets a paused server go on (SIGCONT).
    pub async fn resume(&self) -> Result<()> {
        self.shared.process.resume().await
    }
}

impl Launch {
    async fn run(&self, supervisor: &Arc<Supervisor>) -> Result<Process> {
        let process = supervisor.run(self.name, &self.program, &self.arguments)?;
        ready(self.name, &process, async || greeting(&self.socket).await).await?;
        Ok(process)
    }
}

/// Reads the beginning of the server's greeting: version 10 of the protocol, or a refusal
/// (MySQL's protocol, "Protocol::HandshakeV10").
async fn greeting(socket: &Path) -> Result<(), String> {
    let read = async {
        let mut beginning = [0; 5];
        UnixStream::connect(socket).await?.read_exact(&mut beginning).await?;
        std::io::Result::Ok(beginning[4])
    };
    match read.await {
        Ok(10) => Ok(()),
        Ok(other) => Err(format!("it greets with {other}")),
        Err(error) => Err(error.to_string()),
    }
}
