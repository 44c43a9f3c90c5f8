//! `fedd run`, `fedd controller`, `fedd webhook`: the control plane, whole and in parts.

mod lead;
mod sharding;
mod shutdown;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args};
use federation_model::{Settings, parse_duration};
use kube::Client;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub(crate) use self::lead::{AfterLoss, Leading, Work};
pub use self::sharding::ShardArgs;
pub(crate) use self::shutdown::Shutdown;
use crate::args::{HostArgs, Listen, listen};
use crate::http::{self, Check, Readiness, Server};
use crate::metrics::Metrics;
use crate::rotation::RotationArgs;
use crate::sealing::{Sealing, SealingArgs};
use crate::traces::TracesArgs;
use crate::tunnel::{TunnelArgs, Tunnels};
use crate::webhook::{self, WebhookOptions};
use crate::{access, key_providers, settings};

/// What every part has.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct DaemonArgs {
    /// File with a KubeFedConfig; it is put into the API. Without, the KubeFedConfig `kubefed` there counts, and is made
    /// with the defaults when there is none. It is read once, at the start: restart after a change
    #[arg(long, value_name = "FILE")]
    pub kubefed_config: Option<PathBuf>,
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

/// What the controllers have.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Controllers")]
pub struct EngineArgs {
    /// Let only the replica that holds a shard's Lease write for it (fedd-controller, fedd-controller-1, …); false for a
    /// single replica
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    pub leader_elect: bool,
    /// Who does what.
    #[command(flatten)]
    pub sharding: ShardArgs,
    /// How long members may take.
    #[command(flatten)]
    pub timeouts: MemberTimeoutArgs,
    /// Members that are reached through their agents.
    #[command(flatten)]
    pub tunnels: TunnelArgs,
    /// Accepted for KubeFed's command lines, and without effect: requests to a member are not limited per second, but in
    /// how many are under way at once (KubeFedConfig spec.syncController.maxConcurrentReconciles, default 16)
    #[arg(long, value_name = "NUMBER")]
    pub rest_config_qps: Option<f64>,
    /// Accepted for KubeFed's command lines, and without effect
    #[arg(long, value_name = "NUMBER")]
    pub rest_config_burst: Option<u32>,
    /// Which keys open sealed tokens.
    #[command(flatten)]
    pub sealing: SealingArgs,
    /// When tokens are renewed.
    #[command(flatten)]
    pub rotation: RotationArgs,
}

/// How long members may take.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Controllers")]
pub struct MemberTimeoutArgs {
    /// How long a member may take to accept a connection
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub member_connect_timeout: Duration,
    /// How long a member may take to answer a read or a write
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub member_request_timeout: Duration,
}

impl EngineArgs {
    /// For a process with an API server of its own. If no other process has the data, nobody else can lead.
    pub(crate) fn of_server(
        sharding: ShardArgs,
        timeouts: MemberTimeoutArgs,
        tunnels: TunnelArgs,
        sealing: SealingArgs,
        rotation: RotationArgs,
        is_shared: bool,
    ) -> Self {
        Self {
            leader_elect: is_shared,
            sharding,
            timeouts,
            tunnels,
            rest_config_qps: None,
            rest_config_burst: None,
            sealing,
            rotation,
        }
    }

    /// The way to tunnels, if there is to be one, measured by `metrics`.
    pub(crate) async fn tunnels(
        &self,
        client: &Client,
        namespace: &str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> anyhow::Result<Option<Tunnels>> {
        // Before those who ask lose patience, so that they hear what it was.
        let dial = settings.health_timeout.min(self.timeouts.member_connect_timeout) * 3 / 4;
        let tunnels = Tunnels::start(client, namespace, &self.tunnels, settings, dial).await?;
        if let Some(server) = tunnels.as_ref().and_then(Tunnels::server) {
            metrics.follow_tunnels(server);
        }
        Ok(tunnels)
    }

    /// The keys that open sealed tokens, if there are some, whose providers are asked how they are until told to stop.
    pub(crate) async fn sealing(
        &self,
        client: &Client,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Arc<Sealing>>> {
        let sealing = Sealing::open(&self.sealing, client).await?.map(Arc::new);
        if let Some(sealing) = &sealing {
            metrics.follow_sealing(sealing);
            tokio::spawn(key_providers::watch(Arc::clone(sealing), stop.clone()));
        }
        Ok(sealing)
    }
}

/// What `--help` says first.
pub const ABOUT: &str = "Run the control plane: controllers and webhooks.\n\n\
    Replicas may run side by side: all serve webhooks, and the one that holds a shard's Lease writes for that shard. A \
    replica that loses a Lease ends with exit code 1, to be started again. SIGTERM and SIGINT end it when what is under way is done; a \
    second one ends it at once.";

/// Flags of `fedd run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        fedd run --kubeconfig host.yaml --webhook-url https://10.0.0.5:8443\n  \
        fedd run --webhook-service kube-federation-system/fedd-webhook:443 --log-format json")]
pub struct RunArgs {
    /// The controllers.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The webhooks.
    #[command(flatten)]
    pub webhook: webhook::WebhookArgs,
    /// The rest.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// What `--help` says first.
pub const ABOUT_CONTROLLER: &str = "Run the controllers alone; `fedd webhook` runs the rest.\n\n\
    They read the stored form, so they work on when no webhook does.";

/// Flags of `fedd controller`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fedd controller --kubeconfig host.yaml --leader-elect=false")]
pub struct ControllerArgs {
    /// The controllers.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The rest.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// What `--help` says first.
pub const ABOUT_WEBHOOK: &str = "Run the webhooks alone: conversion between the two forms, and admission; `fedd controller` runs the rest.";

/// Flags of `fedd webhook`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fedd webhook --webhook-service kube-federation-system/fedd-webhook:443")]
pub struct WebhookAloneArgs {
    /// The webhooks.
    #[command(flatten)]
    pub webhook: webhook::WebhookArgs,
    /// The rest.
    #[command(flatten)]
    pub daemon: DaemonArgs,
}

/// Runs everything.
///
/// # Errors
/// It cannot start, a part of it ended by itself, or the Lease was lost.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let options = args.webhook.options(&args.daemon.host.federation_namespace)?;
    daemon(args.daemon, Some(args.engine), Some(options)).await
}

/// Runs the controllers.
///
/// # Errors
/// As for [`run`].
pub async fn controller(args: ControllerArgs) -> anyhow::Result<()> {
    daemon(args.daemon, Some(args.engine), None).await
}

/// Runs the webhooks.
///
/// # Errors
/// As for [`run`].
pub async fn webhook(args: WebhookAloneArgs) -> anyhow::Result<()> {
    let options = args.webhook.options(&args.daemon.host.federation_namespace)?;
    daemon(args.daemon, None, Some(options)).await
}

async fn daemon(
    args: DaemonArgs,
    engine: Option<EngineArgs>,
    webhook: Option<WebhookOptions>,
) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let work = async {
        let host = access::host(&args.host).await?;
        info!(server = host.server, version = env!("CARGO_PKG_VERSION"), "fedd starts");
        let settings =
            settings::load(&host.client, &args.host.federation_namespace, args.kubefed_config.as_deref())
                .await?;
        parts(&args, host.client, settings, engine, webhook, &shutdown.gently).await
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}

/// Runs the parts until told to stop, or until one ends by itself, which ends all.
async fn parts(
    args: &DaemonArgs,
    client: Client,
    settings: Settings,
    engine: Option<EngineArgs>,
    webhook: Option<WebhookOptions>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let webhook_ready = Arc::new(AtomicBool::new(webhook.is_none()));
    let namespace = &args.host.federation_namespace;
    let tunnels = match &engine {
        Some(engine) => engine.tunnels(&client, namespace, &settings, &metrics).await?,
        None => None,
    };
    let sealing = match &engine {
        Some(engine) => engine.sealing(&client, &metrics, stop).await?,
        None => None,
    };
    let dialer = tunnels.as_ref().map(Tunnels::dialer);
    let leading = Arc::new(Leading::new(dialer, sealing, AfterLoss::End));
    let ready = readiness(&webhook_ready, &leading);
    let servers = serve(args.healthz_addr, args.metrics_addr, ready, &metrics, stop).await?;
    let webhooks = webhook.map(|options| {
        let (client, settings, stop) = (client.clone(), settings.clone(), stop.clone());
        tokio::spawn(async move {
            // Whatever it ends by, the rest ends with it: without webhooks there is no control plane.
            let _guard = stop.clone().drop_guard();
            webhook::run(client, options, settings, stop, webhook_ready).await
        })
    });
    if let Some(args) = engine {
        let (namespace, stop) = (namespace.clone(), stop.clone());
        // After a failure, a lost lease above all, nothing is waited for.
        leading.run(Work { client, namespace, args, settings, metrics, stop }).await?;
    } else {
        stop.cancelled().await;
    }
    stop.cancel();
    if let Some(webhooks) = webhooks {
        webhooks.await.context("the webhooks panicked")?.context("the webhooks ended")?;
    }
    if let Some(tunnels) = tunnels {
        tunnels.stop().await;
    }
    for server in servers {
        server.ended().await;
    }
    info!("fedd has ended");
    Ok(())
}

/// A replica that waits for the Lease is ready: its webhooks serve, and it leads when its turn comes.
fn readiness(webhook_ready: &Arc<AtomicBool>, leading: &Arc<Leading>) -> Readiness {
    let (webhook_ready, leading) = (webhook_ready.clone(), leading.clone());
    Arc::new(move || {
        let mut checks = vec![
            Check::new("webhooks", webhook_ready.load(Ordering::Acquire), "not serving yet"),
            Check::new("controllers", leading.is_ready(), "not everything is listed yet"),
        ];
        checks.extend(leading.sealing().map(|sealing| Check {
            name: key_providers::CHECK,
            trouble: key_providers::trouble(&sealing.health()),
        }));
        checks
    })
}

/// Serves health and metrics, together if they have one address.
pub(super) async fn serve(
    healthz_addr: Listen,
    metrics_addr: Listen,
    ready: Readiness,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Server>> {
    let (health, metrics) = (http::health(ready), http::metrics(metrics.clone()));
    let wanted = match (healthz_addr.0, metrics_addr.0) {
        (Some(one), Some(other)) if one == other => vec![(one, "--healthz-addr", health.merge(metrics))],
        (one, other) => one
            .map(|address| (address, "--healthz-addr", health))
            .into_iter()
            .chain(other.map(|address| (address, "--metrics-addr", metrics)))
            .collect(),
    };
    let mut servers = Vec::new();
    for (address, flag, router) in wanted {
        let server = http::serve(address, flag, router, stop.clone()).await?;
        info!(address = %server.address, "{flag} is served");
        servers.push(server);
    }
    Ok(servers)
}
