//! `fedd run`, `fedd controller`, `fedd webhook`: the daemon, whole and in parts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use federation_model::{Settings, parse_duration};
use kube::Client;
use propagation_engine::kube_ports::Timeouts;
use propagation_engine::{Engine, EngineOptions};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::access;
use crate::args::{HostArgs, Listen, listen};
use crate::http::{self, Readiness};
use crate::leader::{Candidate, LeaseTimes, identity};
use crate::metrics::Metrics;
use crate::settings;
use crate::webhook::{self, WebhookOptions};

/// What every daemon has.
#[derive(Args, Clone, Debug)]
pub struct DaemonArgs {
    /// The federation's API server.
    #[command(flatten)]
    pub host: HostArgs,
    /// File with a KubeFedConfig, instead of the one on the API server. It is read once, at the start
    #[arg(long, value_name = "FILE")]
    pub kubefed_config: Option<PathBuf>,
    /// Address of /healthz and /readyz; off for none
    #[arg(long, value_name = "ADDRESS", default_value = ":8080", value_parser = listen)]
    pub healthz_addr: Listen,
    /// Address of /metrics; off for none
    #[arg(long, value_name = "ADDRESS", default_value = ":9090", value_parser = listen)]
    pub metrics_addr: Listen,
}

/// What the controllers have.
#[derive(Args, Clone, Debug)]
pub struct EngineArgs {
    /// How long a member may take to accept a connection
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub member_connect_timeout: Duration,
    /// How long a member may take to answer a read or a write
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub member_request_timeout: Duration,
    /// Elect a leader by Lease; only it writes. Without, there must be no other replica
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub leader_elect: bool,
    /// Accepted for KubeFed's sake and without effect: requests to a member are bounded by syncController.maxConcurrentReconciles
    #[arg(long, hide = true)]
    pub rest_config_qps: Option<f64>,
    /// Accepted for KubeFed's sake and without effect
    #[arg(long, hide = true)]
    pub rest_config_burst: Option<u32>,
}

/// Run everything: controllers and webhooks.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd install --kubeconfig host.yaml\n  fedd run --kubeconfig host.yaml --webhook-url https://10.0.0.5:8443")]
pub struct RunArgs {
    /// The daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The controllers.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The webhooks.
    #[command(flatten)]
    pub webhook: webhook::WebhookArgs,
}

/// Run the controllers alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd controller --kubeconfig host.yaml --leader-elect=false")]
pub struct ControllerArgs {
    /// The daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The controllers.
    #[command(flatten)]
    pub engine: EngineArgs,
}

/// Run the webhooks alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  fedd webhook --kubeconfig host.yaml --webhook-service kube-federation-system/fedd-webhook:443")]
pub struct WebhookArgs {
    /// The daemon.
    #[command(flatten)]
    pub daemon: DaemonArgs,
    /// The webhooks.
    #[command(flatten)]
    pub webhook: webhook::WebhookArgs,
}

/// Runs everything.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let options = args.webhook.options(&args.daemon.host.federation_namespace)?;
    daemon(args.daemon, Some(args.engine), Some(options)).await
}

/// Runs the controllers.
pub async fn controller(args: ControllerArgs) -> anyhow::Result<()> {
    daemon(args.daemon, Some(args.engine), None).await
}

/// Runs the webhooks.
pub async fn webhook(args: WebhookArgs) -> anyhow::Result<()> {
    let options = args.webhook.options(&args.daemon.host.federation_namespace)?;
    daemon(args.daemon, None, Some(options)).await
}

async fn daemon(args: DaemonArgs, engine: Option<EngineArgs>, webhook: Option<WebhookOptions>) -> anyhow::Result<()> {
    let stop = stop_on_signals()?;
    let client = access::host(&args.host).await?.client;
    let settings = settings::load(&client, &args.host.federation_namespace, args.kubefed_config.as_deref()).await?;
    let metrics = Arc::new(Metrics::default());
    let webhook_ready = Arc::new(AtomicBool::new(webhook.is_none()));
    let ready: Readiness = {
        let webhook_ready = webhook_ready.clone();
        // A replica that waits for the lease is ready: its webhooks serve, and it will lead when it must.
        Arc::new(move || if webhook_ready.load(Ordering::Acquire) { Ok(()) } else { Err("webhooks are not serving yet".to_owned()) })
    };
    let mut servers = Vec::new();
    let (health, measured) = (http::health(ready), http::metrics(metrics.clone()));
    let listeners = if args.healthz_addr == args.metrics_addr {
        vec![(args.healthz_addr, "--healthz-addr and --metrics-addr", health.merge(measured))]
    } else {
        vec![(args.healthz_addr, "--healthz-addr", health), (args.metrics_addr, "--metrics-addr", measured)]
    };
    for (address, flag, router) in listeners {
        if let Listen(Some(address)) = address {
            servers.push(http::serve(address, flag, router, stop.clone()).await?);
        }
    }
    let webhooks = webhook.map(|options| {
        let (client, settings, stop) = (client.clone(), settings.clone(), stop.clone());
        tokio::spawn(async move {
            let outcome = webhook::run(client, options, settings, stop.clone(), webhook_ready).await;
            stop.cancel(); // without webhooks there is no control plane: end, and be started again
            outcome
        })
    });
    let outcome = match engine {
        Some(engine) => lead(&client, &args, engine, &settings, metrics, &stop).await,
        None => {
            stop.cancelled().await;
            Ok(())
        }
    };
    stop.cancel();
    if let Some(webhooks) = webhooks {
        webhooks.await.context("the webhooks panicked")??;
    }
    for server in servers {
        server.await.context("a server panicked")?;
    }
    outcome
}

/// Leads, when it is this replica's turn, until told to stop.
async fn lead(
    client: &Client,
    args: &DaemonArgs,
    engine: EngineArgs,
    settings: &Settings,
    metrics: Arc<Metrics>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let times = LeaseTimes {
        duration: settings.lease_duration,
        renew_deadline: settings.renew_deadline,
        retry_period: settings.retry_period,
    };
    let mut candidate = Candidate::new(client.clone(), &args.host.federation_namespace, identity(), times);
    if engine.leader_elect && !candidate.acquire(stop).await {
        return Ok(());
    }
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let runner = Engine::new(EngineOptions {
        host: client.clone(),
        namespace: args.host.federation_namespace.clone(),
        settings: settings.clone(),
        timeouts: Timeouts {
            connect: engine.member_connect_timeout,
            request: engine.member_request_timeout,
            probe: settings.health_timeout,
        },
        seed,
        telemetry: metrics.clone(),
    });
    metrics.follow(runner.core());
    let engine_stop = CancellationToken::new();
    info!("Starting cluster controller");
    let mut running = tokio::spawn(runner.run(engine_stop.clone()));
    let held = async {
        if engine.leader_elect { candidate.hold(stop).await } else { Ok(stop.cancelled().await) }
    };
    tokio::select! {
        ended = &mut running => {
            return ended.context("the controllers panicked")?.context("the controllers ended");
        }
        outcome = held => {
            if let Err(lost) = outcome {
                // Another may lead by now. What is under way cannot be called back, but nothing new may begin: end at once.
                error!("{lost:#}");
                running.abort();
                return Err(lost);
            }
        }
    }
    engine_stop.cancel();
    running.await.context("the controllers panicked")??;
    if engine.leader_elect {
        candidate.release().await;
    }
    Ok(())
}

/// Cancelled by SIGTERM or SIGINT; a second one ends the process at once.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = stop.clone();
    tokio::spawn(async move {
        for time in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if time == 0 {
                info!("told to stop; what is under way is finished first");
                told.cancel();
            } else {
                std::process::exit(130);
            }
        }
    });
    Ok(stop)
}
