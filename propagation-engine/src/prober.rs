//! Checks members' health, once per access: the cells of one cluster are checked together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use federation_model::{KubeFedCluster, KubeFedClusterStatus, Settings, annotation};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::core::Core;
use crate::health::{Finding, Run, Thresholds, Trouble, after_check, is_news, state_of, with_trouble};
use crate::ports::{ApiFailure, Clock, MayWrite, Member};
use crate::telemetry::Telemetry;

/// How old `lastProbeTime` may get while nothing changes. KubeFed writes every status at every check, which wakes every
/// watcher of clusters for nothing.
const REFRESH: Duration = Duration::from_secs(60);

/// Checks members' health and writes it into their `KubeFedCluster`s.
pub(crate) struct Prober {
    api: Api<KubeFedCluster>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    telemetry: Arc<dyn Telemetry>,
    may_write: MayWrite,
    /// Knows what members forbid.
    core: Arc<Core>,
    stop: CancellationToken,
    tasks: TaskTracker,
    groups: Mutex<HashMap<GroupKey, Group>>,
    /// By cluster, why its sealed credentials cannot be opened.
    unopened: Mutex<HashMap<String, String>>,
}

/// A group is all clusters with one client; those without any client are groups of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum GroupKey {
    Client(usize),
    Malformed(String),
}

struct Group {
    clusters: Arc<Mutex<BTreeMap<String, Tracked>>>,
    /// Told when a cluster joins.
    joined: Arc<Notify>,
    stop: CancellationToken,
}

/// Which clusters of a group a check is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// All: it is their turn.
    All,
    /// Those that have never been checked. For the others it would be a check too many: failures in a row count.
    Newcomers,
}

#[derive(Default)]
struct Tracked {
    checked: bool,
    run: Run,
    status: Option<KubeFedClusterStatus>,
    /// Why its token is not rotated, as whoever rotates it says.
    not_rotated: Option<String>,
    written: Option<Instant>,
}

impl Prober {
    #[allow(clippy::too_many_arguments, reason = "called from one place, which has them all in hand")]
    pub(crate) fn new(
        client: Client,
        namespace: &str,
        settings: Settings,
        clock: Arc<dyn Clock>,
        telemetry: Arc<dyn Telemetry>,
        may_write: MayWrite,
        core: Arc<Core>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            api: Api::namespaced(client, namespace),
            settings,
            clock,
            telemetry,
            may_write,
            core,
            stop,
            tasks: TaskTracker::new(),
            groups: Mutex::default(),
            unopened: Mutex::default(),
        })
    }

    /// A cluster is to be checked through this member, or cannot be (the words say why).
    pub(crate) fn track(self: &Arc<Self>, cluster: &KubeFedCluster, member: Result<Arc<dyn Member>, String>) {
        let name = cluster.metadata.name.clone().unwrap_or_default();
        let key = match &member {
            Ok(member) => GroupKey::Client(Arc::as_ptr(member).cast::<()>() as usize),
            Err(words) => GroupKey::Malformed(format!("{name}: {words}")),
        };
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(&key)
            && let Some(tracked) = group.clusters.lock().get_mut(&name)
        {
            tracked.status.clone_from(&cluster.status);
            tracked.not_rotated = not_rotated(cluster);
            return;
        }
        Self::forget(&mut groups, &name);
        let (status, not_rotated) = (cluster.status.clone(), not_rotated(cluster));
        let tracked = Tracked { status, not_rotated, ..Tracked::default() };
        if let Some(group) = groups.get(&key) {
            group.clusters.lock().insert(name, tracked);
            group.joined.notify_one();
            return;
        }
        let joined = Arc::new(Notify::new());
        let clusters = Arc::new(Mutex::new(BTreeMap::from([(name, tracked)])));
        let stop = self.stop.child_token();
        groups.insert(key, Group { clusters: clusters.clone(), joined: joined.clone(), stop: stop.clone() });
        drop(groups);
        let prober = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = prober.check_forever(&clusters, &joined, &member) => {}
            }
        });
    }

    /// A cluster's sealed credentials can be opened, or cannot. Its next check says so.
    pub(crate) fn credentials(&self, name: &str, trouble: Option<&str>) {
        let mut unopened = self.unopened.lock();
        match trouble {
            Some(trouble) => drop(unopened.insert(name.to_owned(), trouble.to_owned())),
            None => drop(unopened.remove(name)),
        }
    }

    /// A cluster is not federated any more.
    pub(crate) fn untrack(&self, name: &str) {
        self.unopened.lock().remove(name);
        Self::forget(&mut self.groups.lock(), name);
    }

    fn forget(groups: &mut HashMap<GroupKey, Group>, name: &str) {
        groups.retain(|_, group| {
            let mut clusters = group.clusters.lock();
            clusters.remove(name);
            let keep = !clusters.is_empty();
            if !keep {
                group.stop.cancel();
            }
            keep
        });
    }

    /// Ends all checks.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn check_forever(
        &self,
        clusters: &Mutex<BTreeMap<String, Tracked>>,
        joined: &Notify,
        member: &Result<Arc<dyn Member>, String>,
    ) {
        let mut turns = tokio::time::interval(self.settings.health_period);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let whom = tokio::select! {
                biased;
                _ = turns.tick() => Whom::All,
                () = joined.notified() => Whom::Newcomers,
            };
            let started = Instant::now();
            let finding = match member {
                Err(words) => Finding::Malformed(words.clone()),
                Ok(member) => match member.probe().await {
                    Ok(probe) => Finding::Answered(probe),
                    Err(ApiFailure::TunnelDown(words)) => Finding::TunnelDown(words),
                    Err(failure) => Finding::NoAnswer(failure.to_string()),
                },
            };
            self.note(clusters, whom, &finding, started).await;
        }
    }

    async fn note(
        &self,
        clusters: &Mutex<BTreeMap<String, Tracked>>,
        whom: Whom,
        finding: &Finding,
        started: Instant,
    ) {
        let thresholds =
            Thresholds { failure: self.settings.failure_threshold, success: self.settings.success_threshold };
        let news: Vec<(String, KubeFedClusterStatus)> = clusters
            .lock()
            .iter_mut()
            .filter(|(_, tracked)| whom == Whom::All || !tracked.checked)
            .filter_map(|(name, tracked)| {
                tracked.checked = true;
                let mut status = after_check(
                    tracked.status.as_ref(),
                    &mut tracked.run,
                    finding,
                    thresholds,
                    self.clock.now(),
                );
                let troubles = [
                    (Trouble::CredentialsUnavailable, self.unopened.lock().get(name).cloned()),
                    (Trouble::RightsMissing, self.core.missing_rights(name)),
                    (Trouble::TokenNotRotated, tracked.not_rotated.clone()),
                ];
                for (trouble, words) in troubles {
                    let before = tracked.status.as_ref();
                    with_trouble(before, &mut status, trouble, words.as_deref(), self.clock.now());
                }
                self.telemetry.probed(name, state_of(&status), started.elapsed());
                let refresh = tracked.written.is_none_or(|w| w.elapsed() >= REFRESH);
                is_news(tracked.status.as_ref(), &status, refresh).then(|| (name.clone(), status))
            })
            .collect();
        for (name, status) in news.into_iter().filter(|_| (self.may_write)()) {
            if state_of(&status) != "ready" {
                warn!(cluster = name, state = state_of(&status), "{}", message_of(&status));
            }
            let patch = json!({"status": {
                "conditions": status.conditions,
                "zones": status.zones,
                "region": status.region,
                "kubernetesVersion": status.kubernetes_version,
                "clusterUID": status.cluster_uid,
            }});
            let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
            let write = self.api.patch_status(&name, &params, &patch);
            match tokio::time::timeout(self.settings.health_period, write).await {
                Ok(Ok(_)) => {
                    if let Some(tracked) = clusters.lock().get_mut(&name) {
                        tracked.status = Some(status);
                        tracked.written = Some(Instant::now());
                    }
                }
                Ok(Err(error)) => {
                    debug!(cluster = name, %error, "health not written; the next check tries again");
                }
                Err(_) => debug!(cluster = name, "health not written in time; the next check tries again"),
            }
        }
    }
}

fn not_rotated(cluster: &KubeFedCluster) -> Option<String> {
    cluster.metadata.annotations.as_ref()?.get(annotation::TOKEN_NOT_ROTATED).cloned()
}

fn message_of(status: &KubeFedClusterStatus) -> &str {
    status.conditions.first().and_then(|c| c.message.as_deref()).unwrap_or_default()
}
