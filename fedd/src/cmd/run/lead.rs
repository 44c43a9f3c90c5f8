//! The controllers, while this replica leads.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use federation_model::Settings;
use kube::Client;
use propagation_engine::core::Core;
use propagation_engine::kube_ports::{Dialer, Timeouts};
use propagation_engine::ports::MayWrite;
use propagation_engine::{Engine, EngineOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use super::EngineArgs;
use crate::leader::{Claim, Election, LostLease, Timing, identity};
use crate::metrics::Metrics;
use crate::rotation::keeper::Keeper;
use crate::rotation::step;
use crate::sealing::Sealing;

/// The controllers of a replica.
#[derive(Default)]
pub(crate) struct Leading {
    /// The engine's heart, while it runs.
    core: ArcSwapOption<Core>,
    /// The way to members that are reached by tunnel.
    dialer: Option<Arc<dyn Dialer>>,
    /// The keys that open sealed tokens.
    sealing: Option<Arc<Sealing>>,
    after_loss: AfterLoss,
}

/// What becomes of the controllers when the Lease is lost. Either way no write of theirs begins after that.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum AfterLoss {
    /// The process ends: they are given until another replica may lead.
    #[default]
    End,
    /// The process goes on: they end in good order, so that nothing of them is left when they lead again.
    GoOn,
}

impl Leading {
    /// Controllers that do not run yet.
    pub(crate) fn new(dialer: Option<Arc<dyn Dialer>>, sealing: Option<Arc<Sealing>>) -> Self {
        Self { dialer, sealing, ..Self::default() }
    }

    /// The keys that open sealed tokens, if there are some.
    pub(crate) fn sealing(&self) -> Option<&Sealing> {
        self.sealing.as_deref()
    }

    /// Whether the controllers know everything that they need, or do not run because another replica leads.
    pub(crate) fn is_ready(&self) -> bool {
        self.core.load().as_ref().is_none_or(|core| core.is_synced())
    }

    /// Runs the controllers whenever this replica leads, until told to stop.
    ///
    /// # Errors
    /// The controllers ended by themselves.
    pub(crate) async fn run_in_turns(
        self,
        client: Client,
        namespace: &str,
        args: &EngineArgs,
        settings: Settings,
        metrics: Arc<Metrics>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let leading = Self { after_loss: AfterLoss::GoOn, ..self };
        loop {
            let turn = leading.run(client.clone(), namespace, args, settings.clone(), metrics.clone(), stop);
            match turn.await {
                Err(error) if error.is::<LostLease>() && !stop.is_cancelled() => {
                    info!("the controllers wait for their next turn");
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits until this replica leads, and runs the controllers until told to stop.
    pub(crate) async fn run(
        &self,
        client: Client,
        namespace: &str,
        args: &EngineArgs,
        settings: Settings,
        metrics: Arc<Metrics>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if !args.leader_elect {
            metrics.follow_claim(Claim::forever());
            let lost = std::future::pending();
            let claim = Claim::forever();
            return self.engine(client, namespace, args, settings, metrics, stop, claim, lost).await;
        }
        let timing = Timing::of(&settings);
        let (mut election, claim) = Election::new(client.clone(), namespace, identity(), timing);
        metrics.follow_claim(claim.clone());
        let leads = tokio::select! {
            () = election.lead() => true,
            () = stop.cancelled() => false,
        };
        let outcome = if leads {
            let lost = election.keep();
            self.engine(client, namespace, args, settings, metrics, stop, claim, lost).await
        } else {
            Ok(())
        };
        // A lost lease is another's, or runs out while this process ends: there is nothing to give away.
        if outcome.is_ok() {
            election.release().await;
        }
        outcome
    }

    #[allow(clippy::too_many_arguments, reason = "called from one place, which has them all in hand")]
    async fn engine(
        &self,
        client: Client,
        namespace: &str,
        args: &EngineArgs,
        settings: Settings,
        metrics: Arc<Metrics>,
        stop: &CancellationToken,
        claim: Claim,
        lost: impl Future<Output = LostLease>,
    ) -> anyhow::Result<()> {
        let timing = Timing::of(&settings);
        step::check_lasting(args.rotation.renewed_token_duration)?;
        let may_write: MayWrite = Arc::new(move || claim.is_held());
        let timeouts = Timeouts {
            connect: args.timeouts.member_connect_timeout,
            request: args.timeouts.member_request_timeout,
            probe: settings.health_timeout,
        };
        let keeper = args.rotation.policy().map(|policy| Keeper {
            host: client.clone(),
            namespace: namespace.to_owned(),
            policy,
            sealing: self.sealing.clone(),
            timeouts,
            dialer: self.dialer.clone(),
            may_write: may_write.clone(),
            metrics: metrics.clone(),
        });
        let mut engine = Engine::new(EngineOptions {
            host: client,
            namespace: namespace.to_owned(),
            timeouts,
            settings,
            dialer: self.dialer.clone(),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            telemetry: metrics.clone(),
            may_write,
        });
        if let Some(sealing) = self.sealing.clone() {
            engine = engine.opening_with(sealing);
        }
        metrics.follow(&engine.core());
        self.core.store(Some(engine.core()));
        // KubeFed's words, which tools wait for.
        info!("Starting cluster controller");
        let end = CancellationToken::new();
        let mut running = tokio::spawn(engine.run(end.clone()));
        let _keeping = keeper.map(|keeper| AbortOnDropHandle::new(tokio::spawn(keeper.run(end.clone()))));
        let lost = tokio::select! {
            ended = &mut running => {
                return ended.context("the controllers panicked")?.context("the controllers ended");
            }
            () = stop.cancelled() => None,
            lost = lost => Some(lost),
        };
        // No new write begins from here on.
        end.cancel();
        let outcome = match lost {
            None => running.await.context("the controllers panicked")?.context("the controllers ended"),
            Some(lost) => {
                error!("{lost}");
                if self.after_loss == AfterLoss::GoOn {
                    // How long a request may take bounds it.
                    let ended = running.await;
                    self.core.store(None);
                    ended.context("the controllers panicked")?.context("the controllers ended")?;
                    return Err(lost.into());
                }
                // Writes that are under way were begun in good time; another replica starts when the Lease has run out.
                let left = match lost {
                    LostLease::Taken(_) => Duration::ZERO,
                    LostLease::NotRenewed { .. } => {
                        timing.lease_duration.saturating_sub(timing.renew_deadline) / 2
                    }
                };
                if tokio::time::timeout(left, &mut running).await.is_err() {
                    running.abort();
                }
                Err(lost.into())
            }
        };
        self.core.store(None);
        outcome
    }
}
