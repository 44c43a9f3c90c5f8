//! One API server of a testbed.

mod access;
mod flags;
mod token;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use access::Access;
pub(crate) use flags::{serving, token_signing};

use crate::{
    AuditedWrite, Binary, ControllerManager, Error, Result, Testbed, audit,
    blocking::blocking,
    certificates::Certificates,
    kine::{self, Kine},
    ports::free_port,
    readiness::ready,
    restartable::Restartable,
    supervisor::Process,
};

/// How often a start is tried again because someone else took the port.
const ATTEMPTS: usize = 8;

/// What an API server can be started with beyond the usual.
#[derive(Debug, Clone, Default)]
pub struct ApiServerOptions {
    /// More flags of kube-apiserver, such as `--max-requests-inflight=800`. A flag given here wins over the
    /// testbed's own of the same name.
    pub flags: Vec<String>,
    /// Whether writes are logged for [`ApiServer::writes`].
    pub audit_writes: bool,
    /// An SQLite file with kine's table that holds the server's data under the prefix `/registry`, in the place of the
    /// testbed's etcd. A kine serves it as long as the server is held.
    pub sqlite: Option<PathBuf>,
    /// The same in a MySQL database, by kine's endpoint: [`Database::kine_endpoint`](crate::Database::kine_endpoint).
    pub mysql: Option<String>,
    /// The address of an etcd in the place of the testbed's own, such as one that syncs its writes to the disk.
    pub etcd: Option<String>,
}

/// A real kube-apiserver on 127.0.0.1 with its own data, certificates and keys.
///
/// A clone is another handle on the same server. It is killed when the last handle is dropped.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    process: Restartable,
    launch: Launch,
    access: Access,
    /// After `process`, so that the server goes first.
    _kine: Option<Kine>,
    testbed: Testbed,
}

/// What a start needs, the first and every later one.
struct Launch {
    name: String,
    binary: PathBuf,
    flags: Vec<String>,
    folder: PathBuf,
}

impl ApiServer {
    pub(crate) async fn start(testbed: Testbed, name: &str, options: ApiServerOptions) -> Result<Self> {
        let binary = blocking(|| Binary::KubeApiserver.path()).await?;
        let folder = testbed.supervisor().make_folder(name)?;
        let certificates = Certificates::generate(name)?;
        flags::write_files(&folder, &certificates)?;
        if options.audit_writes {
            audit::write_policy(&folder)?;
        }

        let endpoint = options.mysql.clone().or_else(|| options.sqlite.as_deref().map(kine::sqlite));
        let kine = match &endpoint {
            Some(endpoint) => Some(Kine::start(testbed.supervisor(), name, endpoint).await?),
            None => None,
        };
        let store = match &kine {
            Some(kine) => flags::Store { address: kine.address(), prefix: "/registry".to_owned() },
            None => flags::Store {
                address: options.etcd.clone().unwrap_or_else(|| testbed.etcd().address()),
                prefix: format!("/{name}"),
            },
        };

        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let access = Access::new(name, port, &certificates).await?;
            let launch = Launch {
                name: name.to_owned(),
                binary: binary.clone(),
                flags: flags::flags(port, &store, &folder, &options),
                folder: folder.clone(),
            };
            match launch.run(&testbed, &access).await {
                Ok(process) => {
                    access.write(&folder)?;
                    return Ok(Self {
                        shared: Arc::new(Shared {
                            process: Restartable::new(process),
                            launch,
                            access,
                            _kine: kine,
                            testbed,
                        }),
                    });
                }
                Err(Error::Ended { tail, .. })
                    if attempt < ATTEMPTS && tail.contains("address already in use") =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The name it was started with: its kubeconfig's context and its prefix in etcd.
    pub fn name(&self) -> &str {
        &self.shared.launch.name
    }

    /// Its address, such as `https://127.0.0.1:16443`. The same after a stop and a new start.
    pub fn url(&self) -> &str {
        self.shared.access.url()
    }

    /// The certificate of the authority that signed the server's certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        self.shared.access.ca_pem()
    }

    /// A new client of an administrator (a client certificate of the group `system:masters`).
    ///
    /// # Panics
    /// Outside a Tokio runtime: a client's background task lives in the runtime that made it.
    pub fn client(&self) -> kube::Client {
        self.shared.access.client()
    }

    /// What [`ApiServer::client`] is made from, to be changed before a client is made: other time-outs, a user to
    /// act as.
    pub fn kube_config(&self) -> kube::Config {
        self.shared.access.config()
    }

    /// A kubeconfig of the administrator as text, JSON and so YAML too. Its one context, cluster and user have the
    /// server's name; certificates and key are in it.
    pub fn kubeconfig(&self) -> &str {
        self.shared.access.kubeconfig()
    }

    /// A file with [`ApiServer::kubeconfig`], there as long as the testbed.
    pub fn kubeconfig_path(&self) -> PathBuf {
        Access::path(&self.shared.launch.folder)
    }

    /// What the server has printed so far, all starts together.
    pub fn log_path(&self) -> PathBuf {
        self.shared.launch.folder.join("log")
    }

    /// The process id; `None` while it is stopped and until a new start is ready.
    pub fn pid(&self) -> Option<u32> {
        self.shared.process.pid()
    }

    /// As [`ApiServer::pid`], after a stop or start that is under way.
    pub async fn process_id(&self) -> Option<u32> {
        self.shared.process.process_id().await
    }

    /// Kills the server with SIGKILL. Data and port are kept for [`ApiServer::start_again`]. Does nothing if it is
    /// stopped already.
    pub async fn stop(&self) -> Result<()> {
        self.shared.process.stop().await
    }

    /// Starts a stopped server with its old data on its old port and waits until it is ready. Does nothing if it
    /// runs.
    pub async fn start_again(&self) -> Result<()> {
        self.shared
            .process
            .start_again(Box::pin(self.shared.launch.run(&self.shared.testbed, &self.shared.access)))
            .await
    }

    /// Makes the server hang (SIGSTOP): connections are accepted by the system and nothing answers.
    pub async fn pause(&self) -> Result<()> {
        self.shared.process.pause().await
    }

    /// Lets a paused server go on (SIGCONT).
    pub async fn resume(&self) -> Result<()> {
        self.shared.process.resume().await
    }

    /// A token that may do everything: of the service account with this name in `kube-system`, which is made and
    /// bound to `cluster-admin` if it is not yet. It is valid for a day.
    pub async fn token(&self, cluster_admin_name: &str) -> Result<String> {
        token::cluster_admin(self.client(), self.name(), cluster_admin_name).await
    }

    /// Starts a kube-controller-manager with only these controllers, by the names of its `--controllers` flag, such
    /// as `namespace-controller`, `deployment-controller` or `serviceaccount-token-controller`.
    ///
    /// Builds the binary if it is not there yet. It runs as long as the answer is held.
    pub async fn controller_manager(&self, controllers: &[&str]) -> Result<ControllerManager> {
        Box::pin(ControllerManager::start(self, controllers)).await
    }

    /// The writes it has answered so far, oldest first, its own internal ones left out. Empty unless it was started
    /// with [`ApiServerOptions::audit_writes`].
    pub async fn writes(&self) -> Result<Vec<AuditedWrite>> {
        let (name, folder) = (self.name().to_owned(), self.folder().to_owned());
        blocking(move || audit::read(&name, &folder)).await
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.shared.launch.folder
    }

    pub(crate) fn testbed(&self) -> &Testbed {
        &self.shared.testbed
    }
}

impl Launch {
    async fn run(&self, testbed: &Testbed, access: &Access) -> Result<Process> {
        let process = testbed.supervisor().run(&self.name, &self.binary, &self.flags)?;
        let client = access.client();
        ready(&self.name, &process, async || access::serves(&client).await).await?;
        Ok(process)
    }
}
