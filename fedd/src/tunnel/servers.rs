//! How many tunnel servers there are: each keeps a Lease and counts those of the others that serve the same clusters.
//!
//! Clocks of different machines are never compared: a Lease counts until it was seen unchanged for as long as it lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster_tunnel::TunnelServer;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use tokio::time::Instant;
use tracing::{debug, info};

use super::tenants::Bounds;

/// What comes before the server's id in a Lease's name.
const PREFIX: &str = "fedd-tunnel-server-";
/// The label of the Leases.
const LABEL: (&str, &str) = ("app.kubernetes.io/name", "fedd-tunnel-server");
/// The annotation of the Leases that says whose clusters are served; none for all.
const SERVES: &str = "fedd.io/serves";
/// How long a Lease lasts (upstream's: 30 s).
const LASTS: Duration = Duration::from_secs(30);
/// How often it is renewed, and the others are looked at.
const RENEWED: Duration = Duration::from_secs(10);
/// Leases of servers that are gone for so long are removed by whoever sees them.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// How long giving the Lease away may take: it runs out anyway.
const RELEASE: Duration = Duration::from_secs(2);

/// The Leases as they were seen.
#[derive(Debug, Default)]
struct Seen(BTreeMap<String, Sight>);

/// A Lease as it was seen.
#[derive(Debug)]
struct Sight {
    version: Option<String>,
    /// Since when it has that version.
    since: Instant,
    /// Whose clusters its server serves.
    serves: Option<String>,
}

impl Seen {
    /// Takes in what there is now.
    fn look(&mut self, leases: &[Lease], now: Instant) {
        let mut seen = BTreeMap::new();
        for lease in leases {
            let (name, version) = (lease.name_any(), lease.resource_version());
            let since = match self.0.get(&name) {
                Some(before) if before.version == version => before.since,
                _ => now,
            };
            let serves = lease.annotations().get(SERVES).cloned();
            seen.insert(name, Sight { version, since, serves });
        }
        self.0 = seen;
    }

    /// Servers of the same clusters that have renewed their Lease not too long ago; this one is one of them.
    fn alive(&self, serves: Option<&str>, now: Instant) -> usize {
        let same = self.0.values().filter(|sight| sight.serves.as_deref() == serves);
        same.filter(|sight| now - sight.since <= LASTS).count().max(1)
    }

    /// Leases that nobody has renewed for very long.
    fn forgotten(&self, now: Instant) -> Vec<&str> {
        let gone = self.0.iter().filter(|(_, sight)| now - sight.since > FORGOTTEN);
        gone.map(|(name, _)| name.as_str()).collect()
    }
}

/// One server among all.
pub(super) struct Membership {
    api: Api<Lease>,
    name: String,
    /// Whose clusters it serves; none for all.
    serves: Option<String>,
}

impl Membership {
    pub(super) fn new(client: &Client, namespace: &str, id: &str, served: &Bounds) -> Self {
        let serves = match served {
            Bounds::Federation => None,
            Bounds::Tenant(scope) => Some(scope.to_string()),
        };
        Self { api: Api::namespaced(client.clone(), namespace), name: format!("{PREFIX}{id}"), serves }
    }

    /// Renews the Lease and tells the server how many there are; without end.
    pub(super) async fn keep(&self, server: &TunnelServer) {
        let (mut seen, mut known) = (Seen::default(), 0);
        let mut rounds = tokio::time::interval(RENEWED);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            match tokio::time::timeout(RENEWED, self.round()).await {
                Ok(Ok(leases)) => seen.look(&leases, Instant::now()),
                Ok(Err(error)) => debug!(%error, "the tunnel servers cannot be counted; tries again"),
                Err(_) => debug!("the tunnel servers cannot be counted in time; tries again"),
            }
            let now = Instant::now();
            let alive = seen.alive(self.serves.as_deref(), now);
            if std::mem::replace(&mut known, alive) != alive {
                info!(servers = alive, "tunnel servers are counted");
                server.set_servers(alive);
            }
            for name in seen.forgotten(now) {
                let _ = self.api.delete(name, &DeleteParams::default()).await; // another one may have done it
            }
        }
    }

    /// Takes the Lease away, so that agents do not look for this server any more.
    pub(super) async fn leave(&self) {
        let params = DeleteParams::default();
        let deleting = self.api.delete(&self.name, &params);
        match tokio::time::timeout(RELEASE, deleting).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => debug!(%error, "the lease runs out by itself"),
            Err(_) => debug!("the lease runs out by itself"),
        }
    }

    async fn round(&self) -> kube::Result<Vec<Lease>> {
        let mut lease = Lease::default();
        lease.metadata.name = Some(self.name.clone());
        lease.metadata.labels = Some([(LABEL.0.to_owned(), LABEL.1.to_owned())].into());
        let serves = self.serves.iter().map(|scope| (SERVES.to_owned(), scope.clone()));
        lease.metadata.annotations = Some(serves.collect());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.name.clone()),
            lease_duration_seconds: i32::try_from(LASTS.as_secs()).ok(),
            renew_time: Some(MicroTime(jiff::Timestamp::now())),
            ..LeaseSpec::default()
        });
        let params = PatchParams::apply("fedd-tunnel-server").force();
        self.api.patch(&self.name, &params, &Patch::Apply(&lease)).await?;
        let all = ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
        Ok(self.api.list(&all).await?.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(name: &str, version: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.name = Some(name.to_owned());
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    #[test]
    fn a_server_counts_until_its_lease_was_unchanged_for_as_long_as_it_lasts() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        assert_eq!(seen.alive(None, start), 1, "the server itself");
        seen.look(&[lease("a", "1"), lease("b", "1")], start);
        assert_eq!(seen.alive(None, start), 2);
        seen.look(&[lease("a", "2"), lease("b", "1")], start + LASTS);
        assert_eq!(seen.alive(None, start + LASTS), 2);
        assert_eq!(seen.alive(None, start + LASTS + RENEWED), 1);
        seen.look(&[lease("a", "3"), lease("b", "2")], start + LASTS * 2);
        assert_eq!(seen.alive(None, start + LASTS * 2), 2, "it is back");
        seen.look(&[lease("a", "4")], start + LASTS * 2);
        assert_eq!(seen.alive(None, start + LASTS * 2), 1);
    }

    #[test]
    fn servers_of_one_tenant_are_counted_by_themselves() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let mut tenants = lease("c", "1");
        tenants.metadata.annotations = Some([(SERVES.to_owned(), "bank/prod".to_owned())].into());
        seen.look(&[lease("a", "1"), lease("b", "1"), tenants], start);
        assert_eq!((seen.alive(None, start), seen.alive(Some("bank/prod"), start)), (2, 1));
    }

    #[test]
    fn what_nobody_renews_is_removed_at_last() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        seen.look(&[lease("a", "1")], start);
        assert!(seen.forgotten(start + LASTS * 2).is_empty());
        assert_eq!(seen.forgotten(start + FORGOTTEN * 2), ["a"]);
    }
}
