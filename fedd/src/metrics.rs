//! What is measured. Names are KubeFed's where they mean the same.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::collector::Collector;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use propagation_engine::core::Core;
use propagation_engine::telemetry::Telemetry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconcileLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClusterStateLabels {
    state: &'static str,
    cluster: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClusterFailureLabels {
    cluster: String,
    action: &'static str,
}

/// The registry and what goes into it. Labels are types and clusters, never object names.
pub struct Metrics {
    registry: Mutex<Registry>,
    dispatch: Family<ActionLabels, Histogram>,
    failures: Family<ClusterFailureLabels, Counter>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_time: Histogram,
    statuses: Family<ReconcileLabels, Counter>,
    states: Family<ClusterStateLabels, Gauge>,
    health_time: Histogram,
}

/// KubeFed's buckets reach from 10 ms up; fedd's writes take less, so there are finer ones.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            dispatch: Family::new_with_constructor(histogram),
            failures: Family::default(),
            reconciles: Family::default(),
            reconcile_time: histogram(),
            statuses: Family::default(),
            states: Family::default(),
            health_time: histogram(),
        };
        {
            let mut registry = metrics.registry.lock();
            registry.register("dispatch_operation_duration_seconds", "Time of one write to a member", metrics.dispatch.clone());
            registry.register("fedd_dispatch_failures", "Writes that a member did not take", metrics.failures.clone());
            registry.register("controller_runtime_reconcile", "Plans made and carried out", metrics.reconciles.clone());
            registry.register("reconcile_federated_resources_duration_seconds", "Time of one plan and its writes", metrics.reconcile_time.clone());
            registry.register("fedd_status_writes", "Statuses written to the federation's API server", metrics.statuses.clone());
            registry.register("kubefedcluster_total", "1 for the state that a cluster is in", metrics.states.clone());
            registry.register("cluster_health_status_duration_seconds", "Time of one health check", metrics.health_time.clone());
        }
        metrics
    }
}

impl Metrics {
    /// Adds the engine's queue lengths, read when asked for.
    pub fn follow(&self, core: Arc<Core>) {
        self.registry.lock().register_collector(Box::new(Queues(core)));
    }

    /// All metrics in OpenMetrics' text form.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}

impl Telemetry for Metrics {
    fn dispatched(&self, operation: &'static str, cluster: &str, ok: bool, took: Duration) {
        self.dispatch.get_or_create(&ActionLabels { action: operation }).observe(took.as_secs_f64());
        if !ok {
            let labels = ClusterFailureLabels { cluster: cluster.to_owned(), action: operation };
            self.failures.get_or_create(&labels).inc();
        }
    }

    fn reconciled(&self, r#type: &str, ok: bool, took: Duration) {
        let result = if ok { "success" } else { "error" };
        self.reconciles.get_or_create(&ReconcileLabels { controller: r#type.to_owned(), result }).inc();
        self.reconcile_time.observe(took.as_secs_f64());
    }

    fn status_written(&self, r#type: &str, ok: bool) {
        let result = if ok { "success" } else { "error" };
        self.statuses.get_or_create(&ReconcileLabels { controller: r#type.to_owned(), result }).inc();
    }

    fn probed(&self, cluster: &str, state: &'static str, took: Duration) {
        for known in ["ready", "notready", "offline"] {
            let labels = ClusterStateLabels { state: known, cluster: cluster.to_owned() };
            self.states.get_or_create(&labels).set(i64::from(known == state));
        }
        self.health_time.observe(took.as_secs_f64());
    }
}

/// Queue lengths, read on scrape.
struct Queues(Arc<Core>);

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queues")
    }
}

impl Collector for Queues {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, length) in self.0.queue_lengths() {
            let gauge = ConstGauge::new(i64::try_from(length).unwrap_or(i64::MAX));
            let labels = [("name", name)];
            let mut metric = encoder.encode_descriptor("workqueue_depth", "Items that wait", None, gauge.metric_type())?;
            gauge.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
