//! How an engine comes to its tunnels: by a server of its own process, or by servers of others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use clap::Args;
use cluster_tunnel::TunnelServer;
use federation_apiserver::auth::Identity;
use federation_model::Settings;
use kube::Client;
use propagation_engine::kube_ports::Dialer;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::dialer::EngineDialer;
use super::remote::RemoteDialer;
use super::server::{AgentServer, REMAKE, ShownArgs};
use super::tenants::Tenancy;
use super::{authority, tls};
use crate::args::{Listen, host_and_port, listen};

/// Flags of an engine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Tunnels")]
pub struct TunnelArgs {
    /// Address that agents of members connect to; `off` for none. See docs/tunnels.md
    #[arg(long, value_name = "ADDRESS", default_value = "off", value_parser = listen)]
    pub tunnel_listen: Listen,
    /// Instead, where a `fedd tunnel-server` has its --engine-listen; once for each of them
    #[arg(long = "tunnel-server", value_name = "HOST:PORT", value_parser = host_and_port,
          conflicts_with = "tunnel_listen")]
    pub tunnel_servers: Vec<(String, u16)>,
    /// What agents are shown.
    #[command(flatten)]
    pub shown: ShownArgs,
}

impl TunnelArgs {
    /// Without tunnels.
    pub fn off() -> Self {
        Self { tunnel_listen: Listen(None), tunnel_servers: Vec::new(), shown: ShownArgs::default() }
    }
}

/// An engine's way to its tunnels.
pub struct Tunnels {
    dialer: Arc<dyn Dialer>,
    server: Option<AgentServer>,
    _renewing: Option<AbortOnDropHandle<()>>,
}

impl Tunnels {
    /// As the flags say; `None` without tunnels. A connection to a member may take as long as `dial`.
    ///
    /// # Errors
    /// The authority, a certificate or an address cannot be used.
    pub async fn start(
        client: &Client,
        namespace: &str,
        args: &TunnelArgs,
        settings: &Settings,
        dial: Duration,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(address) = args.tunnel_listen.0 {
            let server =
                AgentServer::start(client, namespace, address, &args.shown, Tenancy::of(settings), dial);
            let server = server.await?;
            let dialer = Arc::new(EngineDialer(server.server().clone()));
            return Ok(Some(Self { dialer, server: Some(server), _renewing: None }));
        }
        if args.tunnel_servers.is_empty() {
            return Ok(None);
        }
        let authority = authority::of(client, namespace).await?;
        let tls = Arc::new(ArcSwap::from_pointee(shown(&authority)?));
        let dialer = Arc::new(RemoteDialer::new(&args.tunnel_servers, tls.clone(), dial));
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(REMAKE).await;
                match shown(&authority) {
                    Ok(config) => tls.store(Arc::new(config)),
                    Err(error) => warn!("the engine's certificate cannot be renewed: {error:#}"),
                }
            }
        });
        Ok(Some(Self { dialer, server: None, _renewing: Some(AbortOnDropHandle::new(renewing)) }))
    }

    /// The engine's way through them.
    pub fn dialer(&self) -> Arc<dyn Dialer> {
        self.dialer.clone()
    }

    /// The server of this process, to be measured.
    pub fn server(&self) -> Option<&TunnelServer> {
        self.server.as_ref().map(AgentServer::server)
    }

    /// Ends the server of this process, and all tunnels with it.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

fn shown(authority: &Identity) -> anyhow::Result<rustls::ClientConfig> {
    tls::engine(&authority::engine(authority)?, &authority.certificate).context("--tunnel-server")
}
