//! Leader election by Lease: what to do is a pure decision, doing it is thin.
//!
//! The claim is bounded by this process's own clock: whoever could not renew for the renew deadline stops, before the
//! lease lasts out for the others. Clocks of different machines are never compared: a candidate counts from the moment
//! at which it saw the lease change (as client-go's elector does).

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams, Preconditions};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Name of the Lease.
pub const LEASE_NAME: &str = "fedd-controller";

/// How long things last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long a lease lasts without renewal.
    pub duration: Duration,
    /// How long a leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// Wait between tries.
    pub retry_period: Duration,
}

/// What a candidate knows.
#[derive(Clone, Debug, Default)]
struct Knowledge {
    /// The lease as last seen, and since when it has been that.
    seen: Option<(Lease, Instant)>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// There is no lease: make it.
    Create,
    /// It is ours, or nobody's, or has lasted out: write it.
    Take,
    /// It is another's.
    Wait,
}

impl Knowledge {
    /// The lease is so now; what to do.
    fn decide(&mut self, lease: Option<Lease>, me: &str, now: Instant) -> Step {
        let Some(lease) = lease else {
            self.seen = None;
            return Step::Create;
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if seen.spec == lease.spec => *since,
            _ => now,
        };
        self.seen = Some((lease, since));
        let lasts = Duration::from_secs(u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0));
        match spec.holder_identity.as_deref() {
            None | Some("") => Step::Take,
            Some(holder) if holder == me => Step::Take,
            Some(_) if now.duration_since(since) >= lasts => Step::Take,
            Some(_) => Step::Wait,
        }
    }
}

/// A candidate.
pub struct Candidate {
    api: Api<Lease>,
    me: String,
    times: LeaseTimes,
    knowledge: Knowledge,
}

impl Candidate {
    /// A candidate with an identity of its own.
    pub fn new(client: Client, namespace: &str, me: String, times: LeaseTimes) -> Self {
        Self { api: Api::namespaced(client, namespace), me, times, knowledge: Knowledge::default() }
    }

    /// Waits until this candidate leads; `false` when told to stop before.
    pub async fn acquire(&mut self, stop: &CancellationToken) -> bool {
        info!(identity = self.me, "waits for the lease {LEASE_NAME}");
        loop {
            let attempt = tokio::time::timeout(self.times.renew_deadline, self.try_take());
            let leads = tokio::select! {
                () = stop.cancelled() => return false,
                outcome = attempt => match outcome {
                    Ok(Ok(leads)) => leads,
                    Ok(Err(error)) => { debug!(%error, "lease not taken"); false }
                    Err(_) => { debug!("lease not taken in time"); false }
                },
            };
            if leads {
                info!(identity = self.me, "promoted as leader");
                return true;
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(self.times.retry_period) => {}
            }
        }
    }

    /// Renews until told to stop, and then gives the lease away.
    ///
    /// # Errors
    /// The lease is lost: it could not be renewed within the deadline, or another has it.
    pub async fn hold(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.times.retry_period.min(self.times.renew_deadline / 2)) => {}
            }
            let left = self.times.renew_deadline.saturating_sub(renewed.elapsed());
            let started = Instant::now();
            match tokio::time::timeout(left, self.try_take()).await {
                Ok(Ok(true)) => renewed = started,
                Ok(Ok(false)) => bail!("lost lease: another replica leads"),
                Ok(Err(error)) => warn!(%error, "lease not renewed; tries again"),
                Err(_) => {}
            }
            if renewed.elapsed() >= self.times.renew_deadline {
                bail!("lost lease: it could not be renewed within {:?}", self.times.renew_deadline);
            }
        }
    }

    /// Gives the lease away, so that another need not wait until it lasts out.
    pub async fn release(&self) {
        let Some((lease, _)) = &self.knowledge.seen else { return };
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                resource_version: lease.metadata.resource_version.clone(),
                uid: lease.metadata.uid.clone(),
            }),
            ..DeleteParams::default()
        };
        let release = self.api.delete(LEASE_NAME, &params);
        match tokio::time::timeout(Duration::from_secs(2), release).await {
            Ok(Ok(_)) => info!("lease given away"),
            Ok(Err(error)) => debug!(%error, "lease not given away; it lasts out"),
            Err(_) => debug!("lease not given away in time; it lasts out"),
        }
    }

    /// One try; answers whether this candidate leads now.
    async fn try_take(&mut self) -> anyhow::Result<bool> {
        let there = self.api.get_opt(LEASE_NAME).await.context("cannot read the lease")?;
        let step = self.knowledge.decide(there, &self.me, Instant::now());
        let written = match step {
            Step::Wait => return Ok(false),
            Step::Create => {
                let lease = self.lease(None);
                self.api.create(&PostParams::default(), &lease).await
            }
            Step::Take => {
                let lease = self.lease(self.knowledge.seen.as_ref().map(|(lease, _)| lease));
                self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await
            }
        };
        match written {
            Ok(lease) => {
                self.knowledge.seen = Some((lease, Instant::now()));
                Ok(true)
            }
            // Somebody else was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error).context("cannot write the lease"),
        }
    }

    /// The lease as ours. The resource version of what it replaces makes the write a compare-and-swap.
    fn lease(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
        let old = before.and_then(|l| l.spec.clone()).unwrap_or_default();
        let mine = old.holder_identity.as_deref() == Some(self.me.as_str());
        Lease {
            metadata: before.map_or_else(|| ObjectMeta { name: Some(LEASE_NAME.to_owned()), ..ObjectMeta::default() }, |l| ObjectMeta { managed_fields: None, ..l.metadata.clone() }),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.me.clone()),
                lease_duration_seconds: i32::try_from(self.times.duration.as_secs()).ok(),
                acquire_time: if mine { old.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(!mine && before.is_some())),
                ..LeaseSpec::default()
            }),
        }
    }
}

/// An identity as KubeFed has it: host name and something unique.
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewals: i32) -> Lease {
        Lease {
            metadata: ObjectMeta::default(),
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: Some(15),
                lease_transitions: Some(renewals),
                ..LeaseSpec::default()
            }),
        }
    }

    #[test]
    fn a_lease_is_taken_when_there_is_none_or_it_is_ours_or_nobodys() {
        let now = Instant::now();
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.decide(None, "me", now), Step::Create);
        assert_eq!(knowledge.decide(Some(lease("me", 0)), "me", now), Step::Take);
        assert_eq!(knowledge.decide(Some(lease("", 0)), "me", now), Step::Take);
    }

    #[test]
    fn anothers_lease_lasts_from_when_its_last_change_was_seen() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut knowledge = Knowledge::default();
        assert_eq!(knowledge.decide(Some(lease("other", 0)), "me", at(0)), Step::Wait);
        assert_eq!(knowledge.decide(Some(lease("other", 0)), "me", at(14)), Step::Wait);
        assert_eq!(knowledge.decide(Some(lease("other", 1)), "me", at(14)), Step::Wait);
        assert_eq!(knowledge.decide(Some(lease("other", 1)), "me", at(28)), Step::Wait);
        assert_eq!(knowledge.decide(Some(lease("other", 1)), "me", at(29)), Step::Take);
    }
}
