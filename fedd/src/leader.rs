//! Leader election by Lease: of all replicas, one writes.
//!
//! Clocks of different machines are never compared. A candidate waits until it has seen the Lease unchanged for as long
//! as the Lease says it lasts; the leader counts from the moment at which it *sent* its last successful renewal, and gives
//! up when `renew_deadline` has passed. Since that is shorter than `lease_duration`, the old leader has stopped before a
//! new one starts, whatever is late. (client-go's elector reasons alike.)
//!
//! What is due is decided in [`decide`], without clock or network; [`Election`] carries it out; [`Claim`] is what effects
//! are gated by: it runs out by itself, also when nobody is there to take it back, as after a process was paused.

pub mod decide;

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

pub use self::decide::{Seen, Step, Timing, next};

/// Name of the Lease, in the federation's namespace.
pub const LEASE_NAME: &str = "fedd-controller";

/// How long giving the Lease away may take: it runs out anyway.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Why a leader does not lead any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostLease {
    /// Another replica has it.
    #[error("lost lease: {0} leads now")]
    Taken(String),
    /// It could not be renewed in time; the words are the last failure's.
    #[error("lost lease: not renewed within {} s ({why})", within.as_secs_f32())]
    NotRenewed {
        /// The renew deadline.
        within: Duration,
        /// The last failure.
        why: String,
    },
}

/// Whether this replica leads, at any moment.
#[derive(Clone, Debug)]
pub struct Claim(watch::Receiver<Option<Instant>>);

impl Claim {
    /// A claim that never runs out: for a replica that is known to be the only one.
    pub fn forever() -> Self {
        // Far from now, but not so far that arithmetic on it could overflow.
        let (sender, receiver) = watch::channel(Some(Instant::now() + Duration::from_hours(24 * 365 * 30)));
        drop(sender);
        Self(receiver)
    }

    /// Whether the claim holds now. It costs a clock reading, so it can be asked before every write.
    pub fn is_held(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }
}

/// A replica in the election.
pub struct Election {
    api: Api<Lease>,
    me: String,
    timing: Timing,
    claim: watch::Sender<Option<Instant>>,
    /// The Lease as last seen or written, for compare-and-swap.
    current: Option<Lease>,
    seen: Option<Seen>,
}

impl Election {
    /// A replica that is not leading yet, and its claim.
    pub fn new(client: Client, namespace: &str, me: String, timing: Timing) -> (Self, Claim) {
        let (sender, receiver) = watch::channel(None);
        let api = Api::namespaced(client, namespace);
        (Self { api, me, timing, claim: sender, current: None, seen: None }, Claim(receiver))
    }

    /// Waits until this replica leads: by watch, so that a Lease that is given away is taken at once.
    pub async fn lead(&mut self) {
        info!(identity = self.me, "waits for the lease {LEASE_NAME}");
        let mut changes = self.changes();
        let mut known = false;
        loop {
            let step = next(Instant::now(), self.seen.as_ref(), &self.me, &self.timing);
            let wait = match step {
                // Without a first look, "there is none" is not known.
                _ if !known => None,
                Step::Wait(wait) => Some(wait),
                Step::Acquire | Step::Renew => match self.write().await {
                    Ok(()) => {
                        info!(identity = self.me, "promoted as leader");
                        return;
                    }
                    Err(Failure::Conflict) => {
                        self.look().await;
                        Some(self.timing.retry_period)
                    }
                    Err(Failure::Other(why)) => {
                        debug!(why, "lease not taken; tries again");
                        Some(self.timing.retry_period)
                    }
                },
            };
            let waited = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = waited => {}
                change = changes.next() => match change {
                    Some(Ok(lease)) => {
                        known = true;
                        self.observe(lease);
                    }
                    Some(Err(error)) => {
                        debug!(%error, "cannot watch the lease; tries again");
                        // A broken watch must not keep a replica from leading: it looks by itself.
                        known |= self.look().await;
                    }
                    None => changes = self.changes(),
                },
            }
        }
    }

    /// Renews until the Lease is lost. Dropped, it leaves the Lease as it is; see [`Election::release`].
    pub async fn keep(&mut self) -> LostLease {
        let mut retry = None;
        let mut why = "no answer".to_owned();
        loop {
            let renewed = self.seen.as_ref().map_or_else(Instant::now, |s| s.since);
            let deadline = renewed + self.timing.renew_deadline;
            sleep_until(retry.unwrap_or(renewed + self.timing.retry_period).min(deadline)).await;
            if Instant::now() >= deadline {
                self.claim.send_replace(None);
                return LostLease::NotRenewed { within: self.timing.renew_deadline, why };
            }
            retry = None;
            match timeout_at(deadline, self.write()).await {
                // Renewed; or the deadline is here, which the next round sees.
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(Failure::Conflict)) => {
                    // Somebody wrote it: a person, or another replica that leads.
                    if let Ok(true) = timeout_at(deadline, self.look_only()).await
                        && let Some(other) = holder(self.current.as_ref()).filter(|holder| *holder != self.me)
                    {
                        self.claim.send_replace(None);
                        return LostLease::Taken(other.to_owned());
                    }
                    retry = Some(Instant::now() + self.between_tries());
                }
                Ok(Err(Failure::Other(words))) => {
                    warn!(why = words, "lease not renewed; tries again");
                    why = words;
                    retry = Some(Instant::now() + self.between_tries());
                }
            }
        }
    }

    /// Gives the Lease away, if it is ours, so that another replica need not wait until it runs out.
    pub async fn release(mut self) {
        self.claim.send_replace(None);
        let release = async {
            self.look_only().await;
            let Some(mut lease) = self.current.take().filter(|l| holder(Some(l)) == Some(self.me.as_str()))
            else {
                return;
            };
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                spec.renew_time = Some(now());
            }
            match self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await {
                Ok(_) => info!("lease given away"),
                Err(error) => debug!(%error, "lease not given away; it runs out"),
            }
        };
        if tokio::time::timeout(RELEASE_WITHIN, release).await.is_err() {
            debug!("lease not given away in time; it runs out");
        }
    }

    fn changes(&self) -> BoxStream<'static, kube::runtime::watcher::Result<Option<Lease>>> {
        watch_object(self.api.clone(), LEASE_NAME).default_backoff().boxed()
    }

    /// Between two tries to renew: a fifth of the usual period, so that several fit before the deadline.
    fn between_tries(&self) -> Duration {
        self.timing.retry_period / 5
    }

    fn observe(&mut self, lease: Option<Lease>) {
        self.seen = lease.as_ref().map(|lease| Seen::of(lease, self.seen.take(), Instant::now()));
        self.current = lease;
    }

    /// Reads the Lease; answers whether that worked.
    async fn look(&mut self) -> bool {
        match self.api.get_opt(LEASE_NAME).await {
            Ok(lease) => {
                self.observe(lease);
                true
            }
            Err(error) => {
                debug!(%error, "cannot read the lease");
                false
            }
        }
    }

    /// Reads the Lease for the next compare-and-swap, and leaves alone since when the claim counts.
    async fn look_only(&mut self) -> bool {
        match self.api.get_opt(LEASE_NAME).await {
            Ok(lease) => {
                self.current = lease;
                true
            }
            Err(_) => false,
        }
    }

    /// Writes the Lease as ours, if it is still as it was seen. The claim counts from before the write was sent.
    async fn write(&mut self) -> Result<(), Failure> {
        let sent = Instant::now();
        let lease = self.lease();
        let written = match lease.metadata.resource_version {
            None => self.api.create(&PostParams::default(), &lease).await,
            Some(_) => self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await,
        };
        let written = written.map_err(|error| match error {
            // Gone, there already, or changed.
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => Failure::Conflict,
            other => Failure::Other(other.to_string()),
        })?;
        self.seen = Some(Seen::of(&written, None, sent));
        self.current = Some(written);
        self.claim.send_replace(Some(sent + self.timing.renew_deadline));
        Ok(())
    }

    fn lease(&self) -> Lease {
        let mut lease = self.current.clone().unwrap_or_default();
        let before = lease.spec.take().unwrap_or_default();
        let mine = before.holder_identity.as_deref() == Some(self.me.as_str());
        let is_new = lease.metadata.resource_version.is_none();
        lease.metadata.name = Some(LEASE_NAME.to_owned());
        lease.metadata.managed_fields = None;
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: Some(self.timing.whole_seconds()),
            acquire_time: if mine { before.acquire_time } else { Some(now()) },
            renew_time: Some(now()),
            lease_transitions: Some(
                before.lease_transitions.unwrap_or(0).saturating_add(i32::from(!mine && !is_new)),
            ),
            ..LeaseSpec::default()
        });
        lease
    }
}

enum Failure {
    /// The Lease is not as it was seen.
    Conflict,
    Other(String),
}

fn holder(lease: Option<&Lease>) -> Option<&str> {
    lease?.spec.as_ref()?.holder_identity.as_deref().filter(|h| !h.is_empty())
}

/// For people who read the Lease; nothing is decided by it.
fn now() -> MicroTime {
    MicroTime(jiff::Timestamp::now())
}

/// An identity that no other replica has: `<host name>_<uuid>` (KubeFed's form).
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "fedd" } else { host.trim() };
    format!("{host}_{}", uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_claim_runs_out_though_nobody_takes_it_back() {
        let (sender, receiver) = watch::channel(None);
        let claim = Claim(receiver);
        assert!(!claim.is_held());
        sender.send_replace(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(claim.is_held());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!claim.is_held());
        assert!(Claim::forever().is_held());
    }

    #[test]
    fn identities_differ() {
        assert_ne!(identity(), identity());
    }
}
