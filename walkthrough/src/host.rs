//! The federation's API server: a real kube-apiserver with `fedd run` beside it, or `fedd serve` on a datastore.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use testbed::ApiServer;

/// The federation's API server.
pub(crate) enum Host {
    /// A real kube-apiserver.
    KubeApiServer(ApiServer),
    /// fedd's own.
    Datastore {
        /// Where the data is.
        url: String,
        /// Where it is served, at every start.
        listen: String,
        /// Where the administrator's kubeconfig is, once it has started.
        kubeconfig: PathBuf,
    },
}

/// The types of the story.
const TYPES: &str = "namespaces,configmaps,services,deployments";

impl Host {
    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        match self {
            Self::KubeApiServer(server) => server.kubeconfig_path(),
            Self::Datastore { kubeconfig, .. } => kubeconfig.clone(),
        }
    }

    /// The command that makes a federation of it, if it is not one by itself.
    pub(crate) fn install(&self) -> Option<Vec<String>> {
        let is_one = matches!(self, Self::Datastore { .. });
        (!is_one).then(|| ["install", "--types", TYPES].map(str::to_owned).to_vec())
    }

    /// The daemon's command. `health`, `webhook` and `tunnel` are addresses that it may listen on.
    pub(crate) fn daemon(&self, health: &str, webhook: &str, tunnel: &str) -> Vec<String> {
        let url = format!("https://{webhook}");
        let kubeconfig = self.kubeconfig().display().to_string();
        let mut args = match self {
            Self::KubeApiServer(_) => vec![
                "run",
                "--kubeconfig",
                &kubeconfig,
                "--healthz-addr",
                health,
                "--metrics-addr",
                "off",
                "--webhook-addr",
                webhook,
                "--webhook-url",
                &url,
            ],
            Self::Datastore { url, listen, .. } => vec![
                "serve",
                "--datastore",
                url,
                "--types",
                TYPES,
                "--listen",
                listen,
                "--kubeconfig-out",
                &kubeconfig,
            ],
        };
        args.extend(["--tunnel-listen", tunnel]);
        args.into_iter().map(str::to_owned).collect()
    }

    /// A client, once there is a kubeconfig.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        if let Self::KubeApiServer(server) = self {
            return Ok(server.client());
        }
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Whether the daemon says that it is ready: `fedd run` at `health`, an API server to its clients.
    pub(crate) async fn is_ready(&self, health: &str) -> bool {
        match self {
            Self::KubeApiServer(_) => http_ok(health).await,
            Self::Datastore { .. } => {
                let Ok(client) = self.client().await else { return false };
                let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
                client.request_text(request).await.is_ok()
            }
        }
    }
}

/// Whether `/readyz` answers 200.
async fn http_ok(address: &str) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { return false };
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.write_all(request.as_bytes()).await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}
