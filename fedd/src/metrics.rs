//! What is measured. Names are KubeFed's where they mean the same, controller-runtime's and client-go's where those do.
//!
//! Labels are types and clusters, never names of objects: their number is bounded by what is configured. A cluster that
//! has left the federation has no series any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cluster_tunnel::TunnelServer;
use federation_apiserver::metrics::Exposition;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use propagation_engine::core::Core;
use propagation_engine::telemetry::Telemetry;
use tenancy::Shard;

use crate::key_providers;
use crate::leader::Claim;
use crate::sealing::Sealing;
use crate::tunnel::measure;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Action {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reconciled {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClusterState {
    state: &'static str,
    cluster: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClusterAction {
    cluster: String,
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCluster {
    cluster: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Rotated {
    result: &'static str,
}

/// The registry and what goes into it.
pub struct Metrics {
    registry: Mutex<Registry>,
    dispatch: Family<Action, Histogram>,
    dispatch_failures: Family<ClusterAction, Counter>,
    reconciles: Family<Reconciled, Counter>,
    reconcile_time: Histogram,
    status_writes: Family<Reconciled, Counter>,
    cluster_states: Family<ClusterState, Gauge>,
    health_time: Histogram,
    rotations: Family<Rotated, Counter>,
    token_expiry: Family<OfCluster, Gauge>,
    /// The clusters that have a series of it: all of the federation's, on the replica that rotates tokens.
    with_expiry: Mutex<BTreeSet<String>>,
    /// The clusters that have series, each with the actions that failed there.
    of_clusters: Mutex<BTreeMap<String, BTreeSet<&'static str>>>,
    read: Arc<Mutex<Read>>,
}

/// What is read when asked for.
#[derive(Default)]
struct Read {
    shards: BTreeMap<Shard, Turn>,
    tunnels: Option<TunnelServer>,
    sealing: Option<Arc<Sealing>>,
}

/// A replica that leads a shard again has another claim and another engine.
#[derive(Default)]
struct Turn {
    claim: Option<Claim>,
    /// Gone when its engine has ended.
    core: Weak<Core>,
}

impl Read {
    /// The engines that run.
    fn cores(&self) -> Vec<Arc<Core>> {
        self.shards.values().filter_map(|turn| turn.core.upgrade()).collect()
    }

    /// How many shards this replica leads; none if it never has to do with any.
    fn leads(&self) -> Option<usize> {
        let mut claims = self.shards.values().filter_map(|turn| turn.claim.as_ref()).peekable();
        claims.peek()?;
        Some(claims.filter(|claim| claim.is_held()).count())
    }
}

/// Upper bounds, in seconds. KubeFed's begin at 10 ms; a write here takes less, so there are finer ones.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// The states of a cluster (KubeFed's).
const STATES: [&str; 3] = ["ready", "notready", "offline"];

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            dispatch: Family::new_with_constructor(histogram),
            dispatch_failures: Family::default(),
            reconciles: Family::default(),
            reconcile_time: histogram(),
            status_writes: Family::default(),
            cluster_states: Family::default(),
            health_time: histogram(),
            rotations: Family::default(),
            token_expiry: Family::default(),
            with_expiry: Mutex::default(),
            of_clusters: Mutex::default(),
            read: Arc::default(),
        };
        {
            let mut registry = metrics.registry.lock();
            registry.register(
                "dispatch_operation_duration_seconds",
                "Time of one write to a member",
                metrics.dispatch.clone(),
            );
            registry.register(
                "fedd_dispatch_failures",
                "Writes that a member did not take",
                metrics.dispatch_failures.clone(),
            );
            registry.register(
                "controller_runtime_reconcile",
                "Plans made and carried out",
                metrics.reconciles.clone(),
            );
            let help = "Time of one plan and its writes";
            registry.register(
                "reconcile_federated_resources_duration_seconds",
                help,
                metrics.reconcile_time.clone(),
            );
            let help = "Statuses written to the federation's API server";
            registry.register("fedd_status_writes", help, metrics.status_writes.clone());
            registry.register(
                "kubefedcluster_total",
                "1 for the state that a cluster is in",
                metrics.cluster_states.clone(),
            );
            registry.register(
                "cluster_health_status_duration_seconds",
                "Time of one health check",
                metrics.health_time.clone(),
            );
            registry.register(
                "fedd_token_rotations",
                "Members' tokens that were renewed, and previous ones that were revoked or left valid; failed tries",
                metrics.rotations.clone(),
            );
            let help = "When a member's token expires, by the member's clock; absent for one that does not";
            registry.register("fedd_token_expiry_timestamp_seconds", help, metrics.token_expiry.clone());
            registry.register(
                "fedd_build",
                "Version of fedd",
                Info::new([("version", env!("CARGO_PKG_VERSION"))]),
            );
            registry.register_collector(Box::new(AtScrape(metrics.read.clone())));
        }
        metrics
    }
}

impl Metrics {
    /// The engine of a shard, whose queues and clusters are read when asked for, until it ends or another is followed.
    pub fn follow(&self, shard: Shard, core: &Arc<Core>) {
        self.read.lock().shards.entry(shard).or_default().core = Arc::downgrade(core);
    }

    /// The claim by which this replica leads a shard or does not, which is read when asked for.
    pub fn follow_claim(&self, shard: Shard, claim: Claim) {
        self.read.lock().shards.entry(shard).or_default().claim = Some(claim);
    }

    /// The tunnels, which are read when asked for.
    pub fn follow_tunnels(&self, server: &TunnelServer) {
        self.read.lock().tunnels = Some(server.clone());
    }

    /// The keys, whose providers' health is read when asked for.
    pub fn follow_sealing(&self, sealing: &Arc<Sealing>) {
        self.read.lock().sealing = Some(Arc::clone(sealing));
    }

    /// Something came of the rotation of a member's token: `renewed`, `revoked`, `left` or `failed`.
    pub fn rotated(&self, result: &'static str) {
        self.rotations.get_or_create(&Rotated { result }).inc();
    }

    /// A member's token expires then, in seconds of Unix time, or never.
    pub fn token_expires(&self, cluster: &str, at: Option<i64>) {
        let Some(at) = at else { return self.forget_tokens(|name| name == cluster) };
        let mut with_expiry = self.with_expiry.lock();
        with_expiry.insert(cluster.to_owned());
        self.token_expiry.get_or_create(&OfCluster { cluster: cluster.to_owned() }).set(at);
    }

    /// Takes away what is told of the tokens of some clusters. Who rotates tokens knows all clusters, those of shards that are
    /// led elsewhere too; so it is not for the engines of this replica to say who has left.
    pub fn forget_tokens(&self, of: impl Fn(&str) -> bool) {
        self.with_expiry.lock().retain(|cluster| {
            let goes = of(cluster);
            if goes {
                self.token_expiry.remove(&OfCluster { cluster: cluster.clone() });
            }
            !goes
        });
    }

    /// Everything, in OpenMetrics' text form.
    ///
    /// # Errors
    /// None in practice: text is written to memory.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        self.write(&mut text)?;
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Takes away the series of clusters that have left. At each scrape, since a check or a write that was under way
    /// when a cluster left is counted after.
    fn forget_clusters(&self, has_left: impl Fn(&str) -> bool) {
        self.of_clusters.lock().retain(|cluster, failed| {
            if !has_left(cluster) {
                return true;
            }
            for state in STATES {
                self.cluster_states.remove(&ClusterState { state, cluster: cluster.clone() });
            }
            for action in failed.iter().copied() {
                self.dispatch_failures.remove(&ClusterAction { cluster: cluster.clone(), action });
            }
            false
        });
    }
}

/// Beside those of the API server, in a process that has both.
impl Exposition for Metrics {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let clusters: Vec<_> = self.read.lock().cores().iter().map(|core| core.clusters()).collect();
        if !clusters.is_empty() {
            self.forget_clusters(|name| clusters.iter().all(|of_shard| of_shard.get(name).is_none()));
        }
        encode_registry(out, &self.registry.lock())
    }
}

impl Telemetry for Metrics {
    fn dispatched(&self, operation: &'static str, cluster: &str, ok: bool, took: Duration) {
        self.dispatch.get_or_create(&Action { action: operation }).observe(took.as_secs_f64());
        if !ok {
            let labels = ClusterAction { cluster: cluster.to_owned(), action: operation };
            let mut of_clusters = self.of_clusters.lock();
            of_clusters.entry(cluster.to_owned()).or_default().insert(operation);
            self.dispatch_failures.get_or_create(&labels).inc();
        }
    }

    fn reconciled(&self, r#type: &str, ok: bool, took: Duration) {
        self.reconciles
            .get_or_create(&Reconciled { controller: r#type.to_owned(), result: result(ok) })
            .inc();
        self.reconcile_time.observe(took.as_secs_f64());
    }

    fn status_written(&self, r#type: &str, ok: bool) {
        self.status_writes
            .get_or_create(&Reconciled { controller: r#type.to_owned(), result: result(ok) })
            .inc();
    }

    fn probed(&self, cluster: &str, state: &'static str, took: Duration) {
        let mut of_clusters = self.of_clusters.lock();
        of_clusters.entry(cluster.to_owned()).or_default();
        for known in STATES {
            let labels = ClusterState { state: known, cluster: cluster.to_owned() };
            self.cluster_states.get_or_create(&labels).set(i64::from(known == state));
        }
        self.health_time.observe(took.as_secs_f64());
    }
}

fn result(ok: bool) -> &'static str {
    if ok { "success" } else { "error" }
}

/// Reads the engines and the claims of the present turns.
struct AtScrape(Arc<Mutex<Read>>);

impl std::fmt::Debug for AtScrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AtScrape").finish_non_exhaustive()
    }
}

impl Collector for AtScrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (leads, cores, tunnels, sealing) = {
            let read = self.0.lock();
            (read.leads(), read.cores(), read.tunnels.clone(), read.sealing.clone())
        };
        if let Some(sealing) = sealing {
            key_providers::measure(&mut encoder, &sealing.health())?;
        }
        if let Some(tunnels) = tunnels {
            measure(&mut encoder, &tunnels.snapshot())?;
        }
        let mut gauge = |name: &str, help: &str, value: usize| {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(number(value)).encode(gauge)
        };
        if let Some(leads) = leads {
            gauge("fedd_leader", "1 while this replica leads", leads.min(1))?;
            gauge("fedd_shards_led", "Shards that this replica leads", leads)?;
        }
        if cores.is_empty() {
            return Ok(());
        }
        let joined = cores.iter().map(|core| core.clusters().iter().count()).sum();
        gauge("joined_cluster_total", "Clusters of the federation", joined)?;
        // Engines of several shards have queues of the same names.
        let mut lengths = BTreeMap::<String, usize>::new();
        for (name, length) in cores.iter().flat_map(|core| core.queue_lengths()) {
            *lengths.entry(name).or_default() += length;
        }
        let mut queues =
            encoder.encode_descriptor("workqueue_depth", "Items that wait", None, MetricType::Gauge)?;
        for (name, length) in &lengths {
            let labels = [("name", name.as_str())];
            ConstGauge::new(number(*length)).encode(queues.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

fn number(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_kubefeds_where_they_mean_the_same() {
        let metrics = Metrics::default();
        metrics.dispatched("create", "c", true, Duration::from_millis(3));
        metrics.dispatched("update", "c", false, Duration::from_millis(3));
        metrics.reconciled("configmaps", true, Duration::from_millis(4));
        metrics.probed("c", "ready", Duration::from_millis(5));
        metrics.probed("c", "offline", Duration::from_millis(5));
        metrics.follow_claim(Shard::WHOLE, Claim::forever());
        let text = metrics.text().unwrap();
        for line in [
            r#"dispatch_operation_duration_seconds_count{action="create"} 1"#,
            r#"fedd_dispatch_failures_total{cluster="c",action="update"} 1"#,
            r#"controller_runtime_reconcile_total{controller="configmaps",result="success"} 1"#,
            r#"kubefedcluster_total{state="ready",cluster="c"} 0"#,
            r#"kubefedcluster_total{state="offline",cluster="c"} 1"#,
            "fedd_leader 1",
            "fedd_shards_led 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_cluster_that_has_left_has_no_series() {
        let metrics = Metrics::default();
        for cluster in ["left", "stays"] {
            metrics.probed(cluster, "ready", Duration::from_millis(1));
            metrics.dispatched("update", cluster, false, Duration::from_millis(1));
        }
        metrics.forget_clusters(|cluster| cluster == "left");
        let text = metrics.text().unwrap();
        let of = |cluster: &str| text.matches(&format!("cluster=\"{cluster}\"")).count();
        assert_eq!((of("left"), of("stays")), (0, 4), "{text}");
        // A check that was under way when it left.
        metrics.probed("left", "offline", Duration::from_millis(1));
        metrics.forget_clusters(|cluster| cluster == "left");
        assert!(!metrics.text().unwrap().contains("left"));
    }

    /// The engines here know the clusters of their shards, and say of all others that they have left.
    #[test]
    fn expiries_are_those_of_all_clusters_whoever_leads_their_shards() {
        let metrics = Metrics::default();
        for cluster in ["here", "elsewhere", "left", "eternal"] {
            metrics.token_expires(cluster, Some(7));
        }
        metrics.probed("here", "ready", Duration::from_millis(1));
        metrics.forget_clusters(|cluster| cluster != "here");
        metrics.forget_tokens(|cluster| cluster == "left");
        metrics.token_expires("eternal", None);
        let text = metrics.text().unwrap();
        let told: BTreeSet<_> =
            text.lines().filter(|line| line.starts_with("fedd_token_expiry_timestamp_seconds{")).collect();
        let line = |cluster| format!("fedd_token_expiry_timestamp_seconds{{cluster=\"{cluster}\"}} 7");
        assert_eq!(told, BTreeSet::from([line("elsewhere").as_str(), line("here").as_str()]));
    }
}
