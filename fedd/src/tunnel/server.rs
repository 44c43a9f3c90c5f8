//! The server that agents connect to, in the engine's process or in one of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use clap::Args;
use cluster_tunnel::TunnelServer;
use cluster_tunnel::server::{Listener, ServerSettings};
use federation_apiserver::auth::Identity;
use kube::Client;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::issuer::AgentIssuer;
use super::known::KnownClusters;
use super::observer::Observer;
use super::servers::Membership;
use super::tenants::Tenancy;
use super::{authority, tls};

/// What agents are shown.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tunnels")]
pub struct ShownArgs {
    /// Name or address by which it is reached, for the certificate that is made; may be given several times
    #[arg(long = "tunnel-hostname", value_name = "NAME")]
    pub tunnel_hostnames: Vec<String>,
    /// Certificate to show to agents, with its chain, as PEM [default: one that is made, by the federation's authority]
    #[arg(long, value_name = "FILE", requires = "tunnel_key_file")]
    pub tunnel_cert_file: Option<PathBuf>,
    /// The key of that certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tunnel_cert_file")]
    pub tunnel_key_file: Option<PathBuf>,
}

/// How often files are read again.
const REREAD: Duration = Duration::from_secs(60);
/// How often a certificate is made anew.
pub(super) const REMAKE: Duration = Duration::from_secs(24 * 3600);

/// A server of tunnels.
pub struct AgentServer {
    server: TunnelServer,
    shown: Arc<Shown>,
    membership: Arc<Membership>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl AgentServer {
    /// Listens for agents of the clusters that are within `tenancy`. A connection to a member may take as long as `dial`.
    ///
    /// # Errors
    /// The authority, the certificate or the address cannot be used.
    pub async fn start(
        client: &Client,
        namespace: &str,
        address: SocketAddr,
        args: &ShownArgs,
        tenancy: Tenancy,
        dial: Duration,
    ) -> anyhow::Result<Self> {
        let authority = authority::of(client, namespace).await?;
        let shown = Arc::new(Shown::new(authority.clone(), address, args));
        let config = Arc::new(ArcSwap::from_pointee(shown.to_agents()?));
        let id = uuid::Uuid::new_v4().to_string();
        let mut settings = ServerSettings::new(&id);
        settings.core.dial = dial;
        settings.issuer = Some(Arc::new(AgentIssuer::new(client, namespace, tenancy.clone(), authority)));
        let observer = Observer::start(client, namespace);
        settings.observer = Arc::new(move |event| observer.tell(event));
        let membership = Arc::new(Membership::new(client, namespace, &id, &tenancy.served));
        let known = Arc::new(KnownClusters::follow(client, namespace, tenancy));
        let server = TunnelServer::new(settings, known.clone(), known);
        let listener = Listener::tcp(address, Some(config.clone()))
            .await
            .with_context(|| format!("--tunnel-listen: cannot listen on {address}"))?;
        if let Some(address) = listener.address() {
            info!(%address, "--tunnel-listen is served");
        }
        let (serving, counting) = (server.clone(), server.clone());
        let (showing, counted) = (shown.clone(), membership.clone());
        let tasks = [
            tokio::spawn(async move { serving.serve_agents(listener).await }),
            tokio::spawn(async move { showing.keep(&config, Shown::to_agents).await }),
            tokio::spawn(async move { counted.keep(&counting).await }),
        ];
        let tasks = tasks.map(AbortOnDropHandle::new).into();
        Ok(Self { server, shown, membership, tasks })
    }

    /// Listens for engines of other processes and for tenants' programs, too.
    ///
    /// # Errors
    /// The certificate or the address cannot be used.
    pub async fn serve_engines(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let config = Arc::new(ArcSwap::from_pointee(self.shown.to_engines()?));
        let listener = Listener::tcp(address, Some(config.clone()))
            .await
            .with_context(|| format!("--engine-listen: cannot listen on {address}"))?;
        if let Some(address) = listener.address() {
            info!(%address, "--engine-listen is served");
        }
        let (serving, showing) = (self.server.clone(), self.shown.clone());
        let tasks = [
            tokio::spawn(async move { serving.serve_connect(listener).await }),
            tokio::spawn(async move { showing.keep(&config, Shown::to_engines).await }),
        ];
        self.tasks.extend(tasks.map(AbortOnDropHandle::new));
        Ok(())
    }

    /// The server, to be measured and dialled through.
    pub fn server(&self) -> &TunnelServer {
        &self.server
    }

    /// Ends it, and all tunnels with it.
    pub async fn stop(self) {
        self.membership.leave().await;
        self.server.stop().await;
        drop(self.tasks);
    }
}

/// The certificates that are shown.
struct Shown {
    authority: Identity,
    hosts: Vec<String>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Shown {
    fn new(authority: Identity, address: SocketAddr, args: &ShownArgs) -> Self {
        let mut hosts = args.tunnel_hostnames.clone();
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        hosts.extend(Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
        Self { authority, hosts, files: args.tunnel_cert_file.clone().zip(args.tunnel_key_file.clone()) }
    }

    fn to_agents(&self) -> anyhow::Result<rustls::ServerConfig> {
        let shown = match &self.files {
            Some((certificate, key)) => tls::identity(certificate, key)?,
            None => authority::server(&self.authority, &self.hosts)?,
        };
        tls::server(&shown, &self.authority.certificate).context("--tunnel-listen")
    }

    /// Engines have the authority at hand, so they are shown what it signs.
    fn to_engines(&self) -> anyhow::Result<rustls::ServerConfig> {
        let shown = authority::server(&self.authority, &self.hosts)?;
        tls::for_engines(&shown, &self.authority.certificate).context("--engine-listen")
    }

    /// Shows a new one in good time, without end.
    async fn keep(
        &self,
        current: &ArcSwap<rustls::ServerConfig>,
        make: fn(&Self) -> anyhow::Result<rustls::ServerConfig>,
    ) {
        let pause = if self.files.is_some() { REREAD } else { REMAKE };
        loop {
            tokio::time::sleep(pause).await;
            match make(self) {
                Ok(config) => current.store(Arc::new(config)),
                Err(error) => warn!("the tunnels' certificate cannot be renewed: {error:#}"),
            }
        }
    }
}
