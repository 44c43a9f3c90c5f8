//! `fedd quickstart`: a federation to look at and play with, in one process.

mod cells;
mod members;
mod objects;
mod table;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_model::{ClusterHealthCheckConfig, DEFAULT_FEDERATION_NAMESPACE, KubeFedConfigSpec};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio_util::sync::CancellationToken;

use self::members::Members;
use self::table::Live;
use super::run::{EngineArgs, Leading, MemberTimeoutArgs, ShardArgs, Shutdown, Work};
use crate::embedded::{Embedded, EmbeddedOptions, Opened, Storage, write_private};
use crate::federation::choose_types;
use crate::metrics::Metrics;
use crate::output::note;
use crate::rotation::RotationArgs;
use crate::sealing::SealingArgs;
use crate::settings;
use crate::tunnel::TunnelArgs;

/// What `--help` says first.
pub const ABOUT: &str = "See it work: a federation with three simulated members and four cells, in this process. Nothing else is needed, and \
    nothing is left when it ends.\n\n\
    A Deployment and a ConfigMap are applied by cell. A table shows what each cell runs, as it changes; below it is what to \
    try with kubectl. Type `stop m2` or `start m2` to lose a member and to have it back, `quit` to end.";

/// Flags of `fedd quickstart`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fedd quickstart --log-level warn")]
pub struct QuickstartArgs {
    /// The controllers.
    #[command(flatten)]
    pub timeouts: MemberTimeoutArgs,
}

/// Types that the quick start federates.
const TYPES: [&str; 4] = ["namespaces", "configmaps", "services", "deployments"];

/// Runs until told to stop.
///
/// # Errors
/// It cannot start.
pub async fn run(args: QuickstartArgs) -> anyhow::Result<()> {
    let shutdown = Shutdown::on_signals().context("cannot take signals")?;
    let folder = tempfile::tempdir().context("cannot make a folder for the data")?;
    let work = play(args.timeouts, folder.path(), &shutdown.gently);
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.now.cancelled() => bail!("ended at once by a second signal"),
    }
}

async fn play(timeouts: MemberTimeoutArgs, folder: &Path, stop: &CancellationToken) -> anyhow::Result<()> {
    let types: Vec<String> = TYPES.map(str::to_owned).into();
    let metrics = Arc::new(Metrics::default());
    let Opened { store, secrets, .. } = Storage::file(folder.join("fedd.db")).open().await?;
    let options = EmbeddedOptions {
        types: choose_types(Some(&types))?,
        settings: quick_settings(),
        metrics: metrics.clone(),
        ..EmbeddedOptions::new(store, secrets)
    };
    let (embedded, mut members) = tokio::try_join!(Embedded::start(options), Members::start())?;
    let kubeconfig = folder.join("kubeconfig");
    let mut access = embedded.admin_kubeconfig()?;
    members.add_contexts(&mut access);
    write_private(&kubeconfig, &access.to_string())?;
    let client = embedded.client().clone();
    let work = Work {
        client: client.clone(),
        namespace: DEFAULT_FEDERATION_NAMESPACE.to_owned(),
        args: EngineArgs::of_server(
            ShardArgs::ONE,
            timeouts,
            TunnelArgs::off(),
            SealingArgs::default(),
            RotationArgs::off(),
            false,
        ),
        settings: embedded.settings().clone(),
        metrics,
        stop: stop.clone(),
    };
    let controllers = tokio::spawn(async move {
        // Whatever they end by, the rest ends with them.
        let _guard = work.stop.clone().drop_guard();
        Leading::default().run(work).await
    });
    objects::apply_all(&client, &members).await?;
    let live = tokio::spawn(Live::new(client, kubeconfig).run(stop.clone()));
    obey(&mut members, stop).await?;
    stop.cancel();
    live.await.context("the table panicked")??;
    controllers.await.context("the controllers panicked")??;
    embedded.stop().await;
    Ok(())
}

/// Health checks every second, so that nobody waits for a cluster to be called down.
fn quick_settings() -> KubeFedConfigSpec {
    let second = Some("1s".to_owned());
    let written = settings::written_out();
    let check = written.cluster_health_check.clone().unwrap_or_default();
    let check = ClusterHealthCheckConfig { period: second.clone(), timeout: second, ..check };
    KubeFedConfigSpec { cluster_health_check: Some(check), ..written }
}

/// Does what is typed, until told to stop. Without anybody who types, it waits for a signal.
async fn obey(members: &mut Members, stop: &CancellationToken) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.context("standard input cannot be read")?,
            () = stop.cancelled() => return Ok(()),
        };
        let Some(line) = line else {
            stop.cancelled().await;
            return Ok(());
        };
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            ["quit" | "exit"] => return Ok(()),
            ["stop", name] => note(&members.stop(name)),
            ["start", name] => note(&members.start_again(name).await?),
            other => note(&format!("{:?} is none of: stop MEMBER, start MEMBER, quit", other.join(" "))),
        }
    }
}
