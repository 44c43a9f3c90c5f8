//! `fedd tunnel-server`: tunnels alone, in a process beside the controllers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{Feature, Settings, parse_duration};
use tenancy::Scope;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::run::{Shutdown, serve};
use crate::args::{HostArgs, Listen, listen};
use crate::failure::Usage;
use crate::http::Readiness;
use crate::metrics::Metrics;
use crate::traces::TracesArgs;
use crate::tunnel::tenants::{Bounds, Tenancy};
use crate::tunnel::{AgentServer, ShownArgs};
use crate::{access, settings};

/// What `--help` says first.
pub const ABOUT: &str = "Serve tunnels alone: agents of members that cannot be reached connect to it, and the controllers, which run \
    elsewhere with --tunnel-server, dial through it.\n\n\
    It can be where agents reach it, in front of a firewall that the controllers are behind. Any number may run: agents \
    connect to each, and the controllers use those that answer. `fedd run` and `fedd serve` do without it when they \
    have --tunnel-listen. SIGTERM and SIGINT end it, and all tunnels with it.";

/// Flags of `fedd tunnel-server`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd tunnel-server --kubeconfig host.yaml --tunnel-hostname tunnels.example.org\n  \
        fedd run --kubeconfig host.yaml --tunnel-server tunnels.example.org:8133 …")]
pub struct TunnelServerArgs {
    /// Address that agents of members connect to
    #[arg(long, value_name = "ADDRESS", default_value = ":8132", value_parser = listen)]
    pub tunnel_listen: Listen,
    /// Address that controllers and tenants' programs dial through: HTTP CONNECT, by TLS with a certificate of the
    /// federation's authority
    #[arg(long, value_name = "ADDRESS", default_value = ":8133", value_parser = listen)]
    pub engine_listen: Listen,
    /// What agents and controllers are shown.
    #[command(flatten)]
    pub shown: ShownArgs,
    /// Serve the clusters of this tenant alone: agents of others are refused
    #[arg(long, value_name = "NAME", requires = "workspace_group")]
    pub tenant: Option<String>,
    /// Workspace group of the tenant
    #[arg(long, value_name = "NAME", requires = "tenant")]
    pub workspace_group: Option<String>,
    /// How long an agent may take to connect to its API server
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = parse_duration)]
    pub dial_timeout: Duration,
    /// Address of /healthz and /readyz; `off` for none
    #[arg(long, value_name = "ADDRESS", default_value = ":8080", value_parser = listen)]
    pub healthz_addr: Listen,
    /// Address of /metrics; `off` for none, and it may be the same as --healthz-addr
    #[arg(long, value_name = "ADDRESS", default_value = ":9090", value_parser = listen)]
    pub metrics_addr: Listen,
    /// Where traces go.
    #[command(flatten)]
    pub traces: TracesArgs,
    /// Where.
    #[command(flatten)]
    pub host: HostArgs,
}

/// Serves until told to stop.
///
/// # Errors
/// The federation's API server, a certificate or an address cannot be used.
pub async fn run(args: TunnelServerArgs) -> anyhow::Result<()> {
    let (Some(agents), Some(engines)) = (args.tunnel_listen.0, args.engine_listen.0) else {
        let words = "--tunnel-listen and --engine-listen cannot be off: nothing would be left to do";
        return Err(Usage(words.to_owned()).into());
    };
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let work = async {
        let host = access::host(&args.host).await?;
        info!(server = host.server, version = env!("CARGO_PKG_VERSION"), "the tunnel server starts");
        let namespace = &args.host.federation_namespace;
        let tenancy = tenancy(&args, &settings::read(&host.client, namespace).await?)?;
        let dial = args.dial_timeout;
        let server = AgentServer::start(&host.client, namespace, agents, &args.shown, tenancy, dial);
        let mut server = server.await?;
        server.serve_engines(engines).await?;
        let metrics = Arc::new(Metrics::default());
        metrics.follow_tunnels(server.server());
        // It has listened before anybody can ask.
        let ready: Readiness = Arc::new(Vec::new);
        let stop = CancellationToken::new();
        let servers = serve(args.healthz_addr, args.metrics_addr, ready, &metrics, &stop).await?;
        shutdown.gently.cancelled().await;
        server.stop().await;
        stop.cancel();
        for server in servers {
            server.ended().await;
        }
        info!("the tunnel server has ended");
        Ok(())
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}

/// Whose clusters are served.
fn tenancy(args: &TunnelServerArgs, settings: &Settings) -> anyhow::Result<Tenancy> {
    let all = Tenancy::of(settings);
    let (Some(tenant), Some(workspace_group)) = (&args.tenant, &args.workspace_group) else { return Ok(all) };
    let scope = scope(tenant, workspace_group, settings)?;
    Ok(Tenancy { served: Bounds::Tenant(scope), ..all })
}

/// The scope that flags name.
///
/// # Errors
/// It is none, or there are none.
pub(super) fn scope(tenant: &str, workspace_group: &str, settings: &Settings) -> anyhow::Result<Scope> {
    if !settings.gates.is_on(Feature::TenantIsolation) {
        bail!(
            "--tenant {tenant}: the feature gate TenantIsolation is off, so that no cluster is a tenant's; turn it on in the \
             KubeFedConfig, or leave out --tenant"
        );
    }
    for (flag, value) in [("--tenant", tenant), ("--workspace-group", workspace_group)] {
        if value.is_empty() || value.contains('/') {
            bail!("{flag} {value:?} is no label's value; write the one that the clusters have");
        }
    }
    Ok(Scope::Tenant { tenant: tenant.to_owned(), workspace_group: workspace_group.to_owned() })
}
