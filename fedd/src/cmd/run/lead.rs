//! The controllers: an engine for each shard that this replica leads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_model::Settings;
use futures::future::try_join_all;
use kube::Client;
use parking_lot::Mutex;
use propagation_engine::core::Core;
use propagation_engine::kube_ports::{Dialer, Timeouts};
use propagation_engine::ports::MayWrite;
use propagation_engine::{Engine, EngineOptions};
use tenancy::Shard;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use super::EngineArgs;
use crate::leader::{Claim, Election, End, LostLease, Share, Timing, identity};
use crate::metrics::Metrics;
use crate::rotation::keeper::Keeper;
use crate::rotation::step;
use crate::sealing::Sealing;

/// The controllers of a replica.
#[derive(Default)]
pub(crate) struct Leading {
    /// The hearts of the engines that run.
    cores: Mutex<BTreeMap<Shard, Arc<Core>>>,
    /// The way to members that are reached by tunnel.
    dialer: Option<Arc<dyn Dialer>>,
    /// The keys that open sealed tokens.
    sealing: Option<Arc<Sealing>>,
    after_loss: AfterLoss,
}

/// What becomes of the controllers when a Lease is lost. Either way no write of that shard's begins after that.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AfterLoss {
    /// The process ends: they are given until another replica may lead.
    #[default]
    End,
    /// The process goes on: they end in good order, so that nothing of them is left when they lead again.
    GoOn,
}

/// What the controllers work with.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) client: Client,
    /// The federation's.
    pub(crate) namespace: String,
    pub(crate) args: EngineArgs,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
}

impl Leading {
    /// Controllers that do not run yet.
    pub(crate) fn new(
        dialer: Option<Arc<dyn Dialer>>,
        sealing: Option<Arc<Sealing>>,
        after_loss: AfterLoss,
    ) -> Self {
        Self { dialer, sealing, after_loss, ..Self::default() }
    }

    /// The keys that open sealed tokens, if there are some.
    pub(crate) fn sealing(&self) -> Option<&Sealing> {
        self.sealing.as_deref()
    }

    /// Whether the controllers that run know everything that they need.
    pub(crate) fn is_ready(&self) -> bool {
        self.cores.lock().values().all(|core| core.is_synced())
    }

    /// Runs the controllers of each shard whenever this replica leads it, until told to stop.
    ///
    /// # Errors
    /// They cannot be divided so, they ended by themselves, or a Lease was lost and the process is to end by that.
    pub(crate) async fn run(&self, work: Work) -> anyhow::Result<()> {
        let shards = work.args.sharding;
        shards.check(&work.settings)?;
        step::check_lasting(work.args.rotation.renewed_token_duration)?;
        if !work.args.leader_elect {
            // Who is alone has every shard, and needs one engine for all.
            let claim = Claim::forever();
            work.metrics.follow_claim(Shard::WHOLE, claim.clone());
            return self.engine(&work, Shard::WHOLE, claim, std::future::pending()).await.map(drop);
        }
        let share = Share::new(&identity());
        let turns = Shard::all(shards.shards).map(|shard| self.turns(&work, shard, &share));
        try_join_all(turns).await.map(drop)
    }

    /// Leads one shard, turn by turn.
    async fn turns(&self, work: &Work, shard: Shard, share: &Share) -> anyhow::Result<()> {
        let timing = Timing::of(&work.settings);
        loop {
            let (mut election, claim) =
                Election::new(work.client.clone(), &work.namespace, shard, share.clone(), timing);
            work.metrics.follow_claim(shard, claim.clone());
            let leads = tokio::select! {
                () = election.lead() => true,
                () = work.stop.cancelled() => false,
            };
            let end = if leads { self.engine(work, shard, claim, election.keep()).await? } else { None };
            match end {
                None => {
                    election.release(None).await;
                    return Ok(());
                }
                Some(End::AskedBy(other)) => election.release(Some(&other)).await,
                // A lost Lease is another's, or runs out: there is nothing to give away.
                Some(End::Lost(lost)) if self.after_loss == AfterLoss::End || work.stop.is_cancelled() => {
                    return Err(lost.into());
                }
                Some(End::Lost(_)) => info!(%shard, "the controllers wait for their next turn"),
            }
        }
    }

    /// Runs an engine while the claim is held; answers by what that ended, or nothing when told to stop.
    async fn engine(
        &self,
        work: &Work,
        shard: Shard,
        claim: Claim,
        end: impl Future<Output = End>,
    ) -> anyhow::Result<Option<End>> {
        let may_write: MayWrite = Arc::new(move || claim.is_held());
        let timeouts = Timeouts {
            connect: work.args.timeouts.member_connect_timeout,
            request: work.args.timeouts.member_request_timeout,
            probe: work.settings.health_timeout,
        };
        // Tokens of all clusters are renewed by one.
        let policy = work.args.rotation.policy().filter(|_| shard.is_first());
        let keeper = policy.map(|policy| Keeper {
            host: work.client.clone(),
            namespace: work.namespace.clone(),
            policy,
            sealing: self.sealing.clone(),
            timeouts,
            dialer: self.dialer.clone(),
            may_write: may_write.clone(),
            metrics: work.metrics.clone(),
        });
        let mut engine = Engine::new(EngineOptions {
            host: work.client.clone(),
            namespace: work.namespace.clone(),
            timeouts,
            settings: work.settings.clone(),
            shard,
            dialer: self.dialer.clone(),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            telemetry: work.metrics.clone(),
            may_write,
        });
        if let Some(sealing) = self.sealing.clone() {
            engine = engine.opening_with(sealing);
        }
        work.metrics.follow(shard, &engine.core());
        self.cores.lock().insert(shard, engine.core());
        // KubeFed's words, which tools wait for.
        info!("Starting cluster controller");
        let stop = CancellationToken::new();
        // When another shard's loss ends the process, this one's engine ends with it.
        let mut running = AbortOnDropHandle::new(tokio::spawn(engine.run(stop.clone())));
        let _keeping = keeper.map(|keeper| AbortOnDropHandle::new(tokio::spawn(keeper.run(stop.clone()))));
        let end = tokio::select! {
            ended = &mut running => {
                return ended.context("the controllers panicked")?.context("the controllers ended").map(|()| None);
            }
            () = work.stop.cancelled() => None,
            end = end => Some(end),
        };
        // No new write begins from here on.
        stop.cancel();
        if let Some(End::Lost(lost)) = &end {
            error!(%shard, "{lost}");
        }
        match &end {
            Some(End::Lost(lost)) if self.after_loss == AfterLoss::End => {
                let left = time_left(lost, Timing::of(&work.settings));
                // Dropped after that, it ends where it is.
                let _ = tokio::time::timeout(left, running).await;
            }
            // How long a request may take bounds it.
            _ => running.await.context("the controllers panicked")?.context("the controllers ended")?,
        }
        self.cores.lock().remove(&shard);
        Ok(end)
    }
}

/// How long writes that are under way have: they were begun in good time, and another replica starts when the Lease has
/// run out.
fn time_left(lost: &LostLease, timing: Timing) -> Duration {
    match lost {
        LostLease::NotRenewed { .. } => timing.lease_duration.saturating_sub(timing.renew_deadline) / 2,
        LostLease::Taken(_) | LostLease::OtherNumber(_) => Duration::ZERO,
    }
}
