//! A replica's part in the election of one shard's leader.

use std::borrow::Cow;
use std::num::NonZero;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use tenancy::Shard;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::decide::{Seen, Step, next};
use super::number::Number;
use super::{Claim, LEASE_NAME, Share, Timing, lease_name};

/// How long giving the Lease away may take: it runs out anyway.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// Annotation with which a replica asks the Lease's holder for it. It stands until the next renewal, which answers it.
const ASKED_BY: &str = "fedd.io/asked-by";

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
    /// Somebody has changed the number of shards.
    #[error(
        "lost lease: there are not {0} shards any more; start all replicas with the same --shards (the Lease {LEASE_NAME} \
         says which number is in force)"
    )]
    OtherNumber(NonZero<u32>),
}

/// How leading ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By losing the Lease: nothing may be written any more.
    Lost(LostLease),
    /// By this one's asking, who holds fewer shards: see [`Election::release`].
    AskedBy(String),
}

/// A replica in the election of one shard's leader.
pub struct Election {
    api: Api<Lease>,
    shard: Shard,
    name: Cow<'static, str>,
    share: Share,
    timing: Timing,
    claim: watch::Sender<Option<Instant>>,
    /// The Lease as last seen or written, for compare-and-swap.
    current: Option<Lease>,
    seen: Option<Seen>,
}

impl Election {
    /// A replica that is not leading yet, and its claim.
    pub fn new(client: Client, namespace: &str, shard: Shard, share: Share, timing: Timing) -> (Self, Claim) {
        let (sender, claim) = Claim::none_yet();
        let election = Self {
            api: Api::namespaced(client, namespace),
            shard,
            name: lease_name(shard.index()),
            share,
            timing,
            claim: sender,
            current: None,
            seen: None,
        };
        (election, claim)
    }

    /// Waits until this replica leads: by watch, so that a Lease that is given away is taken at once.
    pub async fn lead(&mut self) {
        info!(identity = self.share.me(), "waits for the lease {}", self.name);
        let (mut changes, mut others) = (self.changes(), self.share.changes());
        let (mut known, mut warned) = (false, false);
        loop {
            let wait = match next(Instant::now(), self.seen.as_ref(), self.share.me()) {
                // Without a first look, "there is none" is not known.
                _ if !known => None,
                Step::Wait(wait) => {
                    warned = warned || self.warns_of_other_number();
                    Some(if self.ask().await { wait.min(self.timing.retry_period) } else { wait })
                }
                Step::Acquire => match self.take().await {
                    Ok(true) => {
                        info!(identity = self.share.me(), shard = %self.shard, "promoted as leader");
                        return;
                    }
                    Ok(false) => Some(self.timing.retry_period),
                    Err(failure) => {
                        debug!(lease = %self.name, ?failure, "lease not taken; tries again");
                        if matches!(failure, Failure::Conflict) {
                            self.look().await;
                        }
                        Some(self.timing.retry_period)
                    }
                },
            };
            let waited = async {
                match wait {
                    Some(wait) => sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = waited => {}
                // Who holds how many decides whether to ask; the sender is the share's own and stays.
                _ = others.changed() => {}
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

    /// Renews until the Lease is lost, or asked for by who is to have it. Dropped, it leaves the Lease as it is; see
    /// [`Election::release`].
    pub async fn keep(&mut self) -> End {
        let mut retry = None;
        let mut why = "no answer".to_owned();
        loop {
            let renewed = self.seen.as_ref().map_or_else(Instant::now, |s| s.since);
            let deadline = renewed + self.timing.renew_deadline;
            sleep_until(retry.unwrap_or(renewed + self.timing.retry_period).min(deadline)).await;
            if Instant::now() >= deadline {
                return self.lost(LostLease::NotRenewed { within: self.timing.renew_deadline, why });
            }
            retry = None;
            match timeout_at(deadline, self.write(false)).await {
                // Renewed; or the deadline is here, which the next round sees.
                Ok(Ok(true)) | Err(_) => {}
                Ok(Ok(false) | Err(Failure::OtherNumber(_))) => {
                    return self.lost(LostLease::OtherNumber(self.shard.count()));
                }
                Ok(Err(Failure::Conflict)) => {
                    // Somebody wrote it: a person, who asks for it, or another replica that leads.
                    if let Ok(true) = timeout_at(deadline, self.look_only()).await {
                        if let Some(other) = holder(self.current.as_ref()).filter(|h| *h != self.share.me()) {
                            return self.lost(LostLease::Taken(other.to_owned()));
                        }
                        if let Some(asker) = self.asked_by().filter(|asker| self.share.gives_to(asker)) {
                            return End::AskedBy(asker.to_owned());
                        }
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

    /// Gives the Lease away, if it is ours, so that another replica need not wait until it runs out: into somebody's
    /// hand, or to whoever comes first.
    pub async fn release(mut self, to: Option<&str>) {
        self.claim.send_replace(None);
        let release = async {
            self.look_only().await;
            let Some(mut lease) = self.current.take().filter(|l| holder(Some(l)) == Some(self.share.me()))
            else {
                return;
            };
            set_asked_by(&mut lease, None);
            if let Some(spec) = &mut lease.spec {
                spec.holder_identity = Some(to.unwrap_or_default().to_owned());
                spec.renew_time = Some(now());
                match to {
                    Some(_) => {
                        spec.acquire_time = Some(now());
                        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
                    }
                    None => spec.lease_duration_seconds = Some(1),
                }
            }
            match self.api.replace(&self.name, &PostParams::default(), &lease).await {
                Ok(_) => {
                    self.share.note(self.shard.index(), to.unwrap_or_default());
                    info!(lease = %self.name, to, "lease given away");
                }
                Err(error) => debug!(%error, "lease not given away; it runs out"),
            }
        };
        if tokio::time::timeout(RELEASE_WITHIN, release).await.is_err() {
            debug!("lease not given away in time; it runs out");
        }
    }

    fn lost(&self, lost: LostLease) -> End {
        self.claim.send_replace(None);
        End::Lost(lost)
    }

    fn changes(&self) -> BoxStream<'static, kube::runtime::watcher::Result<Option<Lease>>> {
        watch_object(self.api.clone(), &self.name).default_backoff().boxed()
    }

    /// Between two tries to renew: a fifth of the usual period, so that several fit before the deadline.
    fn between_tries(&self) -> Duration {
        self.timing.retry_period / 5
    }

    fn observe(&mut self, lease: Option<Lease>) {
        self.seen = lease.as_ref().map(|lease| Seen::of(lease, self.seen.take(), Instant::now()));
        self.know(lease);
    }

    fn know(&mut self, lease: Option<Lease>) {
        self.share.note(self.shard.index(), holder(lease.as_ref()).unwrap_or_default());
        self.current = lease;
    }

    /// Reads the Lease; answers whether that worked.
    async fn look(&mut self) -> bool {
        match self.api.get_opt(&self.name).await {
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
        match self.api.get_opt(&self.name).await {
            Ok(lease) => {
                self.know(lease);
                true
            }
            Err(_) => false,
        }
    }

    fn asked_by(&self) -> Option<&str> {
        self.current.as_ref()?.metadata.annotations.as_ref()?.get(ASKED_BY).map(String::as_str)
    }

    /// Asks the holder for the Lease if it holds more than its share, and nobody has asked; answers whether it is wanted.
    async fn ask(&mut self) -> bool {
        if !self.share.wants(self.shard.index()) || self.in_force().await.is_err() {
            return false;
        }
        if let Some(mut lease) = self.current.clone().filter(|_| self.asked_by().is_none()) {
            set_asked_by(&mut lease, Some(self.share.me()));
            match self.api.replace(&self.name, &PostParams::default(), &lease).await {
                Ok(lease) => self.observe(Some(lease)),
                Err(error) => {
                    debug!(lease = %self.name, %error, "not asked for");
                    self.look().await;
                }
            }
        }
        true
    }

    /// Says, at shard 0, that replicas with another number lead, if they do; answers whether it has.
    fn warns_of_other_number(&self) -> bool {
        let other = self.current.as_ref().map(Number::in_lease).filter(|n| *n != self.number());
        let warns = other.is_some() && self.shard.is_first();
        if warns {
            warn!(
                "replicas that lead do not have {} shards: this one waits until they have ended; start all with the same \
                 --shards",
                self.shard.count()
            );
        }
        warns
    }

    fn number(&self) -> Number {
        Number::InForce(self.shard.count())
    }

    /// Fails when our number of shards is not in force.
    async fn in_force(&self) -> Result<(), Failure> {
        let read;
        let lease = if self.shard.is_first() {
            self.current.as_ref()
        } else {
            read = self.api.get_opt(LEASE_NAME).await.map_err(|error| Failure::Other(error.to_string()))?;
            read.as_ref()
        };
        match lease.map(Number::in_lease) {
            Some(number) if number == self.number() => Ok(()),
            Some(number) => Err(Failure::OtherNumber(number)),
            None => Err(Failure::Other(format!(
                "nobody has written down in {LEASE_NAME} how many shards there are"
            ))),
        }
    }

    /// Takes the Lease; answers whether this replica leads by it.
    async fn take(&mut self) -> Result<bool, Failure> {
        let lasted = self.seen.as_ref().map_or(Duration::ZERO, |seen| seen.lasts);
        if self.write(false).await? {
            return Ok(true);
        }
        // Whoever led by another number asks for it before each renewal, so its claim runs out within this time.
        let end = Instant::now() + lasted.max(self.timing.lease_duration);
        warn!("there will be {} shards, when who led by another number has stopped", self.shard.count());
        while Instant::now() < end {
            sleep(self.timing.retry_period.min(end - Instant::now())).await;
            self.write(false).await?;
        }
        self.write(true).await
    }

    /// Writes the Lease as ours, if it is still as it was seen; answers whether this replica leads by it. The claim counts
    /// from before the first request was sent. `settled`: see [`Number::towards`].
    async fn write(&mut self, settled: bool) -> Result<bool, Failure> {
        let sent = Instant::now();
        if !self.shard.is_first() {
            self.in_force().await?;
        }
        let lease = self.lease(settled);
        let written = match lease.metadata.resource_version {
            None => self.api.create(&PostParams::default(), &lease).await,
            Some(_) => self.api.replace(&self.name, &PostParams::default(), &lease).await,
        };
        let written = written.map_err(|error| match error {
            // Gone, there already, or changed.
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => Failure::Conflict,
            other => Failure::Other(other.to_string()),
        })?;
        let leads = !self.shard.is_first() || Number::in_lease(&written) == self.number();
        self.seen = Some(Seen::of(&written, None, sent));
        self.know(Some(written));
        self.claim.send_replace(leads.then(|| sent + self.timing.renew_deadline));
        Ok(leads)
    }

    fn lease(&self, settled: bool) -> Lease {
        let mut lease = self.current.clone().unwrap_or_default();
        let before = lease.spec.take().unwrap_or_default();
        let mine = before.holder_identity.as_deref() == Some(self.share.me());
        let is_new = lease.metadata.resource_version.is_none();
        lease.metadata.name = Some(self.name.clone().into_owned());
        set_asked_by(&mut lease, None);
        if self.shard.is_first() {
            let before = Some(&lease).filter(|_| !is_new);
            Number::towards(self.shard.count(), before, settled).write(&mut lease);
        }
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.share.me().to_owned()),
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

#[derive(Debug)]
enum Failure {
    /// The Lease is not as it was seen.
    Conflict,
    /// Another number of shards is in force, or none.
    OtherNumber(#[expect(dead_code, reason = "it is logged")] Number),
    Other(String),
}

fn holder(lease: Option<&Lease>) -> Option<&str> {
    lease?.spec.as_ref()?.holder_identity.as_deref().filter(|h| !h.is_empty())
}

/// Writes who asks into a Lease that is about to be written.
fn set_asked_by(lease: &mut Lease, asker: Option<&str>) {
    lease.metadata.managed_fields = None;
    let annotations = lease.metadata.annotations.get_or_insert_default();
    match asker {
        Some(asker) => drop(annotations.insert(ASKED_BY.to_owned(), asker.to_owned())),
        None => drop(annotations.remove(ASKED_BY)),
    }
    if annotations.is_empty() {
        lease.metadata.annotations = None;
    }
}

/// For people who read the Lease; nothing is decided by it.
fn now() -> MicroTime {
    MicroTime(jiff::Timestamp::now())
}
