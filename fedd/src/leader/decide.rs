//! What is due for one Lease: pure.

use std::time::Duration;

use federation_model::Settings;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use tokio::time::Instant;

/// How long things last (`KubeFedConfig.spec.leaderElect`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long the Lease lasts without renewal, for the others.
    pub lease_duration: Duration,
    /// How long the leader tries to renew before it gives up; shorter than `lease_duration`.
    pub renew_deadline: Duration,
    /// From one renewal to the next.
    pub retry_period: Duration,
}

impl Timing {
    /// The settings'.
    pub fn of(settings: &Settings) -> Self {
        Self {
            lease_duration: settings.lease_duration,
            renew_deadline: settings.renew_deadline,
            retry_period: settings.retry_period,
        }
    }

    /// The Lease's duration as it is written: whole seconds, never shorter than it is.
    pub fn whole_seconds(&self) -> i32 {
        i32::try_from(self.lease_duration.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
    }
}

/// The Lease as this replica saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Who holds it; nobody, when empty.
    pub holder: String,
    /// How long it lasts from its last change on.
    pub lasts: Duration,
    /// When this replica saw it change, or, for its own writes, sent the change.
    pub since: Instant,
    spec: LeaseSpec,
}

impl Seen {
    /// The Lease as it is seen now, after it was seen before: unchanged, it is as old as it was.
    pub fn of(lease: &Lease, before: Option<Self>, now: Instant) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let since = before.filter(|before| before.spec == spec).map_or(now, |before| before.since);
        let seconds = spec.lease_duration_seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
        Self {
            holder: spec.holder_identity.clone().unwrap_or_default(),
            lasts: Duration::from_secs(seconds),
            since,
            spec,
        }
    }
}

/// What is due for who does not lead yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is nobody's, has run out, or is in one's own hand: take it.
    Acquire,
    /// It is another's for so long, unless it changes.
    Wait(Duration),
}

/// What is due now, given the Lease as it was seen (`None`: there is none) and one's own identity.
pub fn next(now: Instant, lease: Option<&Seen>, me: &str) -> Step {
    let Some(lease) = lease.filter(|lease| !lease.holder.is_empty() && lease.holder != me) else {
        return Step::Acquire;
    };
    match (lease.since + lease.lasts).saturating_duration_since(now) {
        Duration::ZERO => Step::Acquire,
        wait => Step::Wait(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: &str, renewal: i32) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: Some(15),
                // Stands for the renewal's time, which differs each time.
                lease_transitions: Some(renewal),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    /// Plays sightings at seconds, and gives what is due at the last.
    fn play(sightings: &[(u64, &str, i32)], at: u64) -> Step {
        let start = Instant::now();
        let second = |s| start + Duration::from_secs(s);
        let seen = sightings.iter().fold(None, |before, (s, holder, renewal)| {
            Some(Seen::of(&lease(holder, *renewal), before, second(*s)))
        });
        next(second(at), seen.as_ref(), "me")
    }

    #[test]
    fn what_is_nobodys_is_taken_at_once() {
        assert_eq!(play(&[], 0), Step::Acquire);
        assert_eq!(play(&[(0, "", 0)], 0), Step::Acquire);
    }

    #[test]
    fn anothers_lease_is_taken_when_it_was_seen_unchanged_for_its_duration() {
        assert_eq!(play(&[(0, "other", 0)], 14), Step::Wait(Duration::from_secs(1)));
        assert_eq!(play(&[(0, "other", 0)], 15), Step::Acquire);
        // Seen again as it was, it is as old as it was; renewed, it is young.
        assert_eq!(play(&[(0, "other", 0), (10, "other", 0)], 15), Step::Acquire);
        assert_eq!(play(&[(0, "other", 0), (10, "other", 1)], 15), Step::Wait(Duration::from_secs(10)));
        assert_eq!(play(&[(0, "other", 0), (10, "third", 0)], 24), Step::Wait(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_in_ones_own_hand_is_taken_at_once() {
        assert_eq!(play(&[(0, "other", 0), (3, "me", 1)], 3), Step::Acquire);
    }

    #[test]
    fn a_duration_is_written_no_shorter_than_it_is() {
        let timing = Timing {
            lease_duration: Duration::from_millis(1500),
            renew_deadline: Duration::from_secs(1),
            retry_period: Duration::from_millis(500),
        };
        assert_eq!(timing.whole_seconds(), 2);
    }
}
