//! The listener for agents.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use clap::Args;
use cluster_tunnel::TunnelServer;
use cluster_tunnel::server::{Listener, ServerEvent, ServerSettings};
use federation_apiserver::auth::Identity;
use kube::Client;
use propagation_engine::kube_ports::Dialer;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::dialer::{EngineAlone, EngineDialer};
use super::known::MembersAgents;
use super::{authority, tls};
use crate::args::{Listen, listen};

/// Flags of the listener.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tunnels")]
pub struct TunnelArgs {
    /// Address that agents of members connect to; `off` for none. See docs/tunnels.md
    #[arg(long, value_name = "ADDRESS", default_value = "off", value_parser = listen)]
    pub tunnel_listen: Listen,
    /// Name or address by which agents reach it, for the certificate that is made; may be given several times
    #[arg(long = "tunnel-hostname", value_name = "NAME")]
    pub tunnel_hostnames: Vec<String>,
    /// Certificate to show to agents, with its chain, as PEM [default: one that is made, by the federation's authority]
    #[arg(long, value_name = "FILE", requires = "tunnel_key_file")]
    pub tunnel_cert_file: Option<PathBuf>,
    /// The key of that certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tunnel_cert_file")]
    pub tunnel_key_file: Option<PathBuf>,
    /// How many replicas there are: agents connect to each
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub tunnel_servers: usize,
}

impl TunnelArgs {
    /// Without tunnels.
    pub fn off() -> Self {
        Self {
            tunnel_listen: Listen(None),
            tunnel_hostnames: Vec::new(),
            tunnel_cert_file: None,
            tunnel_key_file: None,
            tunnel_servers: 1,
        }
    }
}

/// How often files are read again.
const REREAD: Duration = Duration::from_secs(60);
/// How often a certificate is made anew.
const REMAKE: Duration = Duration::from_secs(24 * 3600);

/// A listener for agents.
pub struct Tunnels {
    server: TunnelServer,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl Tunnels {
    /// Listens if it is to. A connection to a member may take as long as `dial`.
    ///
    /// # Errors
    /// The authority, the certificate or the address cannot be used.
    pub async fn start(
        client: &Client,
        namespace: &str,
        args: &TunnelArgs,
        dial: Duration,
    ) -> anyhow::Result<Option<Self>> {
        let Some(address) = args.tunnel_listen.0 else { return Ok(None) };
        let shown = Shown::new(authority::of(client, namespace).await?, args);
        let tls = Arc::new(ArcSwap::from_pointee(shown.config()?));
        let mut settings = ServerSettings::new(&uuid::Uuid::new_v4().to_string());
        settings.count = args.tunnel_servers;
        settings.core.dial = dial;
        settings.observer = Arc::new(tell);
        let agents = Arc::new(MembersAgents::follow(client, namespace));
        let server = TunnelServer::new(settings, agents, Arc::new(EngineAlone));
        let listener = Listener::tcp(address, Some(tls.clone()))
            .await
            .with_context(|| format!("--tunnel-listen: cannot listen on {address}"))?;
        if let Some(address) = listener.address() {
            info!(%address, "--tunnel-listen is served");
        }
        let serving = server.clone();
        let tasks = [
            tokio::spawn(async move { serving.serve_agents(listener).await }),
            tokio::spawn(async move { shown.keep(&tls).await }),
        ];
        Ok(Some(Self { server, tasks: tasks.map(AbortOnDropHandle::new).into() }))
    }

    /// The engine's way through it.
    pub fn dialer(&self) -> Arc<dyn Dialer> {
        Arc::new(EngineDialer(self.server.clone()))
    }

    /// The server, to be measured.
    pub fn server(&self) -> &TunnelServer {
        &self.server
    }

    /// Ends it, and all tunnels with it.
    pub async fn stop(self) {
        self.server.stop().await;
        drop(self.tasks);
    }
}

/// The certificate that agents are shown.
struct Shown {
    authority: Identity,
    hosts: Vec<String>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Shown {
    fn new(authority: Identity, args: &TunnelArgs) -> Self {
        let mut hosts = args.tunnel_hostnames.clone();
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        let address = args.tunnel_listen.0.map(|address| address.ip());
        hosts.extend(address.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
        Self { authority, hosts, files: args.tunnel_cert_file.clone().zip(args.tunnel_key_file.clone()) }
    }

    fn config(&self) -> anyhow::Result<rustls::ServerConfig> {
        let shown = match &self.files {
            Some((certificate, key)) => tls::identity(certificate, key)?,
            None => authority::server(&self.authority, &self.hosts)?,
        };
        tls::server(&shown, &self.authority.certificate).context("--tunnel-listen")
    }

    /// Shows a new one in good time, without end.
    async fn keep(&self, tls: &ArcSwap<rustls::ServerConfig>) {
        let pause = if self.files.is_some() { REREAD } else { REMAKE };
        loop {
            tokio::time::sleep(pause).await;
            match self.config() {
                Ok(config) => tls.store(Arc::new(config)),
                Err(error) => warn!("the tunnels' certificate cannot be renewed: {error:#}"),
            }
        }
    }
}

fn tell(event: &ServerEvent) {
    match event {
        ServerEvent::AgentConnected(claim) => info!(cluster = %claim.cluster, "an agent has connected"),
        ServerEvent::AgentLost(claim) => info!(cluster = %claim.cluster, "an agent is gone"),
        ServerEvent::AgentRefused { claim, refusal } => {
            let cluster = claim.as_ref().map(|claim| claim.cluster.to_string()).unwrap_or_default();
            warn!(cluster, reason = refusal.category(), "an agent was refused: {refusal}");
        }
        _ => {}
    }
}
