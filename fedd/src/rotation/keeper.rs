//! Rotates members' tokens when it is time, as long as this replica leads.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use federation_model::{KubeFedCluster, annotation};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt};
use parking_lot::Mutex;
use propagation_engine::kube_ports::{Dialer, Timeouts};
use propagation_engine::ports::MayWrite;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::decide::{Action, Kind, Policy, State, decide};
use super::host::{KubeHost, clusters_by_secret};
use super::member::MemberPort;
use super::step::{self, OnHost as _, Overtaken, Revoked};
use super::told::{Failure, is_news};
use crate::failure::words;
use crate::metrics::Metrics;
use crate::sealing::Sealing;

/// How often everything is looked at when nothing changes: keys may have come back, clocks may have been set.
const EVERY: Duration = Duration::from_mins(1);
/// What comes in so quick succession is looked at together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Members that are asked at once.
const AT_ONCE: usize = 8;
/// After a failure, and no more often than this after many: doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_mins(5);

/// Rotates tokens.
pub struct Keeper {
    /// The federation's API server.
    pub host: Client,
    /// Its namespace.
    pub namespace: String,
    /// When.
    pub policy: Policy,
    /// Which keys seal tokens.
    pub sealing: Option<Arc<Sealing>>,
    /// How long members may take.
    pub timeouts: Timeouts,
    /// Makes the connections to members that are reached by tunnel.
    pub dialer: Option<Arc<dyn Dialer>>,
    /// Whether this process may write.
    pub may_write: MayWrite,
    /// Where it is measured.
    pub metrics: Arc<Metrics>,
}

/// What this process knows of a Secret besides what is in it.
#[derive(Clone, Debug)]
struct Known {
    /// As which its token was opened first, and when.
    version: Option<String>,
    opened: Instant,
    failures: u32,
    /// When it was last renewed here.
    renewed: Option<Instant>,
    /// Not to be tried before.
    rest: Option<Instant>,
}

/// What is measured of tokens ends with who knows it.
struct Measured(Arc<Metrics>);

impl Drop for Measured {
    fn drop(&mut self) {
        self.0.forget_tokens(|_| true);
    }
}

/// Whether controllers say that they cannot open a cluster's token.
pub fn is_unopened(cluster: &KubeFedCluster) -> bool {
    cluster.condition("CredentialsUnavailable").is_some_and(|condition| condition.status == "True")
}

/// Whether a token is of a life of which nobody knows how much is left.
fn is_unnoted(state: &State) -> bool {
    matches!(state.kind, Kind::Bound { put_at: None, .. }) && !state.asked
}

/// Whether it is for a right that is missing.
fn is_forbidden(error: &anyhow::Error) -> bool {
    let mut answers = error.chain().filter_map(|cause| cause.downcast_ref::<kube::Error>());
    answers.any(|answer| matches!(answer, kube::Error::Api(status) if status.code == 403))
}

impl Keeper {
    /// Goes on until told to stop. A rotation that is under way then is cut off, and goes on where it was.
    pub async fn run(self, stop: CancellationToken) {
        let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(self.host.clone(), &self.namespace);
        let mut changes = watcher(api, watcher::Config::default()).default_backoff().boxed();
        let known = Mutex::new(HashMap::new());
        // Another replica tells it from then on.
        let _measured = Measured(Arc::clone(&self.metrics));
        loop {
            let pause = match stop.run_until_cancelled(self.pass(&known)).await {
                None => return,
                Some(Ok(pause)) => pause.min(EVERY),
                Some(Err(error)) => {
                    debug!("tokens are not looked at: {}", words(&error));
                    FIRST_RETRY
                }
            };
            let next = Instant::now() + pause.max(TOGETHER);
            let changed = async {
                // A watch that fails says so again and again, which is no change.
                while changes.next().await.is_some_and(|event| event.is_err()) {}
                tokio::time::sleep(TOGETHER).await;
                while changes.next().now_or_never().flatten().is_some() {}
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
                () = changed => {}
            }
        }
    }

    /// Looks at every token, and does what is to be done. Answers when something is to be done next.
    async fn pass(&self, known: &Mutex<HashMap<String, Known>>) -> anyhow::Result<Duration> {
        let clusters = clusters_by_secret(&self.host, &self.namespace).await?;
        let api: Api<Secret> = Api::namespaced(self.host.clone(), &self.namespace);
        let secrets = api.list(&ListParams::default()).await.context("cannot list Secrets")?;
        known.lock().retain(|name, _| clusters.contains_key(name));
        let mut looks: Vec<BoxFuture<'_, Duration>> = Vec::new();
        let mut with_tokens = BTreeSet::new();
        for secret in &secrets.items {
            if let Some(clusters) = clusters.get(&secret.name_any()) {
                with_tokens.extend(clusters.iter().map(ResourceExt::name_any));
                looks.push(self.look_at(known, secret, clusters).boxed());
            }
        }
        self.metrics.forget_tokens(|cluster| !with_tokens.contains(cluster));
        let waits: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
        Ok(waits.into_iter().min().unwrap_or(EVERY))
    }

    async fn look_at(
        &self,
        known: &Mutex<HashMap<String, Known>>,
        secret: &Secret,
        clusters: &[KubeFedCluster],
    ) -> Duration {
        let name = secret.name_any();
        let before = known.lock().get(&name).cloned();
        let left = before.as_ref().and_then(|before| before.rest).map(|rest| rest - Instant::now());
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return left;
        }
        let host = KubeHost::new(&self.host, &self.namespace, clusters, self.sealing.as_deref());
        // One that does not open is the engine's to tell. It is not in use.
        let Ok(token) = host.token(secret).await else {
            known.lock().remove(&name);
            return FIRST_RETRY;
        };
        let version = secret.resource_version();
        let opened = before.as_ref().filter(|before| before.version == version).map(|before| before.opened);
        let mut now = Known {
            version,
            opened: opened.unwrap_or_else(Instant::now),
            failures: before.as_ref().map_or(0, |before| before.failures),
            renewed: before.and_then(|before| before.renewed),
            rest: None,
        };
        let state = step::state(secret, &token, now.opened.elapsed());
        let expires = match state.kind {
            Kind::Bound { life, .. } => Some(life.expires),
            Kind::Eternal | Kind::Foreign => None,
        };
        for cluster in clusters {
            self.metrics.token_expires(&cluster.name_any(), expires.map(Timestamp::as_second));
        }
        let wait = match self.act(&host, secret, &state, clusters, &mut now.renewed).await {
            Ok(wait) => {
                now.failures = 0;
                self.tell(&host, clusters, |_| None).await;
                wait
            }
            Err(error) if error.is::<Overtaken>() => TOGETHER,
            Err(error) => {
                self.metrics.rotated("failed");
                let cluster = clusters.first().map(ResourceExt::name_any);
                let words = words(&error);
                warn!(cluster, secret = name, "its token is not rotated: {words}");
                let is_forbidden = is_forbidden(&error);
                let told =
                    |cluster: &str| Some(Failure { cluster, words: &words, expires, is_forbidden }.message());
                self.tell(&host, clusters, told).await;
                let pause = (FIRST_RETRY * 2_u32.saturating_pow(now.failures.min(10))).min(LAST_RETRY);
                now.failures += 1;
                now.rest = Some(Instant::now() + pause);
                // It is to be seen in use anew.
                now.version = None;
                pause
            }
        };
        known.lock().insert(name, now);
        wait
    }

    /// Says on clusters what came of a try.
    async fn tell(
        &self,
        host: &KubeHost<'_>,
        clusters: &[KubeFedCluster],
        message: impl Fn(&str) -> Option<String>,
    ) {
        for cluster in clusters {
            let said = cluster.annotations().get(annotation::TOKEN_NOT_ROTATED);
            let message = message(&cluster.name_any());
            if is_news(said.map(String::as_str), message.as_deref()) && (self.may_write)() {
                host.tell_trouble(cluster, message.as_deref()).await;
            }
        }
    }

    /// Does what is to be done about one token; answers how long nothing is to be done afterwards.
    async fn act(
        &self,
        host: &KubeHost<'_>,
        secret: &Secret,
        state: &State,
        clusters: &[KubeFedCluster],
        renewed: &mut Option<Instant>,
    ) -> anyhow::Result<Duration> {
        let Some(cluster) = clusters.first() else { return Ok(EVERY) };
        let member = MemberPort::new(cluster, self.timeouts, self.dialer.as_ref());
        let action = decide(state, &self.policy, Timestamp::now());
        let (cluster, secret_name) = (cluster.name_any(), secret.name_any());
        match action {
            Action::Wait(wait) => return Ok(wait),
            Action::Nothing => return Ok(EVERY),
            // Asked before every action: a replica that lost its lease may not.
            Action::Renew | Action::Revoke if !(self.may_write)() => return Ok(EVERY),
            // The controllers of another replica may still go by the previous one.
            Action::Revoke if clusters.iter().any(is_unopened) => return Ok(EVERY),
            // Who puts the token back each time is not to be answered each time.
            Action::Renew if is_unnoted(state) && renewed.is_some_and(|at| at.elapsed() < LAST_RETRY) => {
                return Ok(renewed.map_or(EVERY, |at| LAST_RETRY.saturating_sub(at.elapsed())));
            }
            Action::Renew => {
                let until = step::renew(host, &member, secret, self.policy.lasting, Timestamp::now)
                    .await
                    .context("its token is not renewed")?;
                *renewed = Some(Instant::now());
                self.metrics.rotated("renewed");
                info!(cluster, secret = secret_name, expires = %until, "its token is renewed");
            }
            Action::Revoke => match step::revoke(host, &member, secret)
                .await
                .context("its previous token is not revoked")?
            {
                Revoked::Deleted => {
                    self.metrics.rotated("revoked");
                    info!(cluster, secret = secret_name, "its previous token is revoked");
                }
                Revoked::Left => {
                    self.metrics.rotated("left");
                    let previous = super::record::superseded(secret).map(|anchor| anchor.name);
                    warn!(
                        cluster,
                        secret = secret_name,
                        previous,
                        "its previous token is left valid: the account may not delete that Secret on the member"
                    );
                }
            },
        }
        Ok(TOGETHER)
    }
}
