//! What happens on a server is logged, and what somebody has to look into becomes an event of its cluster.

use std::collections::HashMap;
use std::time::Duration;

use cluster_tunnel::server::{Caller, Refusal, ServerEvent};
use cluster_tunnel::{ClusterName, Reason};
use federation_model::KubeFedCluster;
use kube::api::Api;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// Events that wait; more are dropped.
const WAITING: usize = 64;
/// The least time between two events of one cluster and reason: who tries again and again is told of once in a while.
const APART: Duration = Duration::from_secs(600);
/// Clusters and reasons that are remembered for that.
const REMEMBERED: usize = 1000;

/// Something to look into.
struct Alarm {
    cluster: ClusterName,
    reason: &'static str,
    note: String,
}

/// Tells what happens.
pub(super) struct Observer {
    alarms: mpsc::Sender<Alarm>,
}

impl Observer {
    /// Starts the writer of events; it ends with the observer.
    pub(super) fn start(client: &Client, namespace: &str) -> Self {
        let (alarms, mut waiting) = mpsc::channel::<Alarm>(WAITING);
        let clusters: Api<KubeFedCluster> = Api::namespaced(client.clone(), namespace);
        let client = client.clone();
        tokio::spawn(async move {
            let mut told = Told::default();
            while let Some(alarm) = waiting.recv().await {
                if told.is_due(&alarm.cluster, alarm.reason, Instant::now())
                    && let Err(error) = write(&client, &clusters, &alarm).await
                {
                    debug!(%error, "an event cannot be written");
                }
            }
        });
        Self { alarms }
    }

    pub(super) fn tell(&self, event: &ServerEvent) {
        match event {
            ServerEvent::AgentConnected(claim) => info!(cluster = %claim.cluster, "an agent has connected"),
            ServerEvent::AgentLost(claim) => info!(cluster = %claim.cluster, "an agent is gone"),
            ServerEvent::AgentRefused { claim, refusal } => {
                let cluster = claim.as_ref().map(|claim| &claim.cluster);
                warn!(
                    cluster = cluster.map(ClusterName::as_str),
                    reason = refusal.category(),
                    "an agent was refused: {refusal}"
                );
                self.refused(cluster, refusal);
            }
            ServerEvent::CertificateIssued(cluster) => info!(%cluster, "an agent got a certificate"),
            ServerEvent::CertificateRefused { cluster, refusal } => {
                let name = cluster.as_ref().map(ClusterName::as_str);
                warn!(cluster = name, reason = refusal.category(), "an agent got no certificate: {refusal}");
                self.refused(cluster.as_ref(), refusal);
            }
            ServerEvent::DialFailed { caller, cluster: Some(cluster), reason: Reason::Denied(words) } => {
                let Caller { name, address, .. } = caller;
                warn!(%cluster, caller = name, ?address, "a dial was denied: {words}");
                self.alarm(cluster, "TunnelDialDenied", format!("{name}: {words}"));
            }
            _ => {}
        }
    }

    fn refused(&self, cluster: Option<&ClusterName>, refusal: &Refusal) {
        let reason = match refusal {
            Refusal::StolenName { .. } => "TunnelNameStolen",
            Refusal::UsedTwice { .. } => "TunnelTokenUsedTwice",
            Refusal::NotServed { .. } => "TunnelNotServed",
            _ => return,
        };
        if let Some(cluster) = cluster {
            self.alarm(cluster, reason, refusal.to_string());
        }
    }

    fn alarm(&self, cluster: &ClusterName, reason: &'static str, note: String) {
        let _ = self.alarms.try_send(Alarm { cluster: cluster.clone(), reason, note }); // full: the log and the metrics have it
    }
}

/// When what was told last.
#[derive(Default)]
struct Told(HashMap<(ClusterName, &'static str), Instant>);

impl Told {
    fn is_due(&mut self, cluster: &ClusterName, reason: &'static str, now: Instant) -> bool {
        self.0.retain(|_, at| now - *at < APART);
        // Names are the claimer's choice, so they may not fill the memory.
        let key = (cluster.clone(), reason);
        if self.0.len() >= REMEMBERED || self.0.contains_key(&key) {
            return false;
        }
        self.0.insert(key, now);
        true
    }
}

/// An event of the cluster that was claimed, if there is one.
async fn write(client: &Client, clusters: &Api<KubeFedCluster>, alarm: &Alarm) -> kube::Result<()> {
    let Some(cluster) = clusters.get_opt(alarm.cluster.as_str()).await? else { return Ok(()) };
    let reporter = Reporter { controller: "fedd-tunnel-server".to_owned(), instance: None };
    let event = Event {
        type_: EventType::Warning,
        reason: alarm.reason.to_owned(),
        note: Some(alarm.note.chars().take(1024).collect()), // events.k8s.io/v1's limit
        action: "Refused".to_owned(),
        secondary: None,
    };
    Recorder::new(client.clone(), reporter).publish(&event, &cluster.object_ref(&())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_again_and_again_is_told_of_once_in_a_while() {
        let (mut told, m1, m2, now) =
            (Told::default(), "m1".parse().unwrap(), "m2".parse().unwrap(), Instant::now());
        assert!(told.is_due(&m1, "a", now) && told.is_due(&m2, "a", now) && told.is_due(&m1, "b", now));
        assert!(!told.is_due(&m1, "a", now + APART / 2));
        assert!(told.is_due(&m1, "a", now + APART));
    }

    #[test]
    fn names_that_are_made_up_do_not_fill_the_memory() {
        let (mut told, now) = (Told::default(), Instant::now());
        let due = (0..REMEMBERED * 2).filter(|i| told.is_due(&format!("m{i}").parse().unwrap(), "a", now));
        assert_eq!(due.count(), REMEMBERED);
    }
}
