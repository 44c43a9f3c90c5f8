//! Health of member clusters: what a check's result makes of a cluster's status. Pure.
//!
//! KubeFed's conditions and words, with thresholds that mean what its documentation says: a ready cluster becomes unready
//! after that many failures in a row, an unready one ready after that many successes. A first check counts at once.

use federation_model::{ClusterCondition, KubeFedClusterStatus};
use jiff::Timestamp;

use crate::ports::Probe;
use crate::status::seconds;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server answered `/healthz`.
    Answered(Probe),
    /// It did not; the words say why.
    NoAnswer(String),
    /// The reverse tunnel to it is down; the words say why.
    TunnelDown(String),
    /// There is no client to ask with; the words say why.
    Malformed(String),
}

/// Checks in a row with the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    healthy: bool,
    length: u32,
}

/// How many in a row it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failures that make a ready cluster unready.
    pub failure: u32,
    /// Successes that make an unready cluster ready.
    pub success: u32,
}

/// The state of a cluster, for metrics: KubeFed's words.
pub fn state_of(status: &KubeFedClusterStatus) -> &'static str {
    let is = |type_: &str| status.conditions.iter().any(|c| c.type_ == type_ && c.status == "True");
    if is("Ready") {
        "ready"
    } else if is("Offline") {
        "offline"
    } else {
        "notready"
    }
}

/// The status after a check; `previous` is the one before.
pub fn after_check(
    previous: Option<&KubeFedClusterStatus>,
    run: &mut Run,
    finding: &Finding,
    thresholds: Thresholds,
    now: Timestamp,
) -> KubeFedClusterStatus {
    let healthy = matches!(finding, Finding::Answered(probe) if is_ok(probe));
    *run = Run { healthy, length: if run.healthy == healthy { run.length.saturating_add(1) } else { 1 } };
    let now = seconds(now);
    let was_ready = previous.filter(|p| !p.conditions.is_empty()).map(|p| state_of(p) == "ready");
    let needed = if healthy { thresholds.success } else { thresholds.failure };
    if let (Some(previous), Some(was_ready)) = (previous, was_ready)
        && was_ready != healthy
        && run.length < needed
    {
        let mut kept = previous.clone();
        for condition in &mut kept.conditions {
            condition.last_probe_time.clone_from(&now);
        }
        return kept;
    }
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        let before =
            previous.into_iter().flat_map(|p| &p.conditions).find(|c| c.type_ == type_ && c.status == status);
        ClusterCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            last_probe_time: now.clone(),
            last_transition_time: before
                .and_then(|b| b.last_transition_time.clone())
                .or_else(|| Some(now.clone())),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
        }
    };
    let mut status = previous.cloned().unwrap_or_default();
    match finding {
        Finding::Answered(probe) if healthy => {
            status.conditions =
                vec![condition("Ready", "True", "ClusterReady", "/healthz responded with ok")];
            status.kubernetes_version.clone_from(&probe.version);
            status.region.clone_from(&probe.region);
            status.zones.clone_from(&probe.zones);
            if probe.cluster_uid.is_some() {
                status.cluster_uid.clone_from(&probe.cluster_uid);
            }
        }
        Finding::Answered(_) => {
            status.conditions = vec![
                condition("Ready", "False", "ClusterNotReady", "/healthz responded without ok"),
                condition("Offline", "False", "ClusterReachable", "cluster is reachable"),
            ];
        }
        Finding::NoAnswer(words) => {
            let message = format!("cluster is not reachable: {words}");
            status.conditions = vec![condition("Offline", "True", "ClusterNotReachable", &message)];
        }
        Finding::TunnelDown(words) => {
            let message = format!("the tunnel to the cluster is down: {words}");
            status.conditions = vec![condition("Offline", "True", "TunnelDown", &message)];
        }
        Finding::Malformed(words) => {
            let message = format!("cluster's configuration may be malformed: {words}");
            status.conditions =
                vec![condition("ConfigMalformed", "True", "ClusterConfigMalformed", &message)];
        }
    }
    status
}

/// What may be wrong with a cluster whatever its health checks say: each a condition of its own, there while it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its sealed credentials cannot be opened now. While they were opened before, it works on.
    CredentialsUnavailable,
    /// Its member forbids something that the federated types take.
    RightsMissing,
    /// Its token is to be renewed, or the one before to be revoked, and that fails. Until the token expires, it works on.
    TokenNotRotated,
}

impl Trouble {
    /// Type and reason of the condition.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::CredentialsUnavailable => ("CredentialsUnavailable", "SealedCredentialsNotOpened"),
            Self::RightsMissing => ("RightsMissing", "Forbidden"),
            Self::TokenNotRotated => ("TokenNotRotated", "RotationFailed"),
        }
    }
}

/// Says in a status what is wrong with the cluster, or says it no more.
pub fn with_trouble(
    previous: Option<&KubeFedClusterStatus>,
    status: &mut KubeFedClusterStatus,
    trouble: Trouble,
    message: Option<&str>,
    now: Timestamp,
) {
    let (type_, reason) = trouble.words();
    status.conditions.retain(|condition| condition.type_ != type_);
    let Some(message) = message else { return };
    let now = seconds(now);
    let before = previous.into_iter().flat_map(|p| &p.conditions).find(|c| c.type_ == type_);
    status.conditions.push(ClusterCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        last_transition_time: before
            .and_then(|condition| condition.last_transition_time.clone())
            .or_else(|| Some(now.clone())),
        last_probe_time: now,
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
    });
}

fn is_ok(probe: &Probe) -> bool {
    probe.healthz.eq_ignore_ascii_case("ok")
}

/// Whether a status must be written: something other than the time of the check changed, or that time is old.
pub fn is_news(
    previous: Option<&KubeFedClusterStatus>,
    new: &KubeFedClusterStatus,
    refresh_due: bool,
) -> bool {
    let without_times = |status: &KubeFedClusterStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_probe_time.clear();
        }
        status
    };
    refresh_due || previous.map(without_times) != Some(without_times(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { failure: 3, success: 1 };

    fn ok() -> Finding {
        Finding::Answered(Probe {
            healthz: "ok".to_owned(),
            cluster_uid: Some("u".to_owned()),
            ..Probe::default()
        })
    }

    fn down() -> Finding {
        Finding::NoAnswer("connection refused".to_owned())
    }

    #[test]
    fn troubles_are_conditions_beside_the_others() {
        let mut run = Run::default();
        let first = after_check(None, &mut run, &ok(), THRESHOLDS, Timestamp::UNIX_EPOCH);
        let (away, refused) = (Trouble::CredentialsUnavailable, Trouble::RightsMissing);
        let mut second = first.clone();
        with_trouble(Some(&first), &mut second, away, Some("kms is away"), Timestamp::UNIX_EPOCH);
        with_trouble(Some(&first), &mut second, refused, Some("no widgets"), Timestamp::UNIX_EPOCH);
        assert_eq!((state_of(&second), second.conditions.len()), ("ready", 3));
        let mut third = second.clone();
        let later = Timestamp::from_second(1000).unwrap();
        with_trouble(Some(&second), &mut third, away, Some("kms is away"), later);
        with_trouble(Some(&second), &mut third, refused, Some("no widgets"), later);
        assert!(!is_news(Some(&second), &third, false), "the time of the transition stays");
        let mut fourth = third.clone();
        with_trouble(Some(&third), &mut fourth, away, None, later);
        assert_eq!(fourth.conditions.last().map(|c| c.type_.as_str()), Some("RightsMissing"));
        with_trouble(Some(&third), &mut fourth, refused, None, later);
        assert_eq!(fourth.conditions, first.conditions);
    }

    fn play(findings: &[Finding]) -> Vec<&'static str> {
        let (mut run, mut status) = (Run::default(), None);
        findings
            .iter()
            .map(|finding| {
                let next = after_check(status.as_ref(), &mut run, finding, THRESHOLDS, Timestamp::UNIX_EPOCH);
                let state = state_of(&next);
                status = Some(next);
                state
            })
            .collect()
    }

    #[test]
    fn one_failed_check_does_not_take_a_healthy_cluster_offline() {
        assert_eq!(
            play(&[ok(), ok(), ok(), ok(), down(), ok(), down(), down(), down(), down(), ok()]),
            [
                "ready", "ready", "ready", "ready", "ready", "ready", "ready", "ready", "offline", "offline",
                "ready"
            ]
        );
    }

    #[test]
    fn the_first_check_counts_at_once() {
        assert_eq!(play(&[down(), ok()]), ["offline", "ready"]);
        assert_eq!(play(&[Finding::Answered(Probe::default()), down()]), ["notready", "offline"]);
    }

    #[test]
    fn a_tunnel_that_is_down_is_told_from_an_api_server_that_is() {
        let reason = |finding| {
            let status = after_check(None, &mut Run::default(), &finding, THRESHOLDS, Timestamp::UNIX_EPOCH);
            (state_of(&status), status.conditions[0].reason.clone().unwrap())
        };
        assert_eq!(reason(down()), ("offline", "ClusterNotReachable".to_owned()));
        assert_eq!(reason(Finding::TunnelDown("no agent".to_owned())), ("offline", "TunnelDown".to_owned()));
    }

    #[test]
    fn a_cluster_that_is_gone_keeps_its_identity() {
        let mut run = Run::default();
        let first = after_check(None, &mut run, &ok(), THRESHOLDS, Timestamp::UNIX_EPOCH);
        let later = after_check(
            Some(&first),
            &mut run,
            &down(),
            Thresholds { failure: 1, success: 1 },
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(later.cluster_uid.as_deref(), Some("u"));
        assert!(later.conditions[0].message.as_deref().is_some_and(|m| m.contains("connection refused")));
    }
}
