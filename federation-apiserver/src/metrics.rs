//! What is measured, and served at `/metrics`.
//!
//! Names and labels are kube-apiserver's where they mean the same, so that dashboards made for it work. Labels are what
//! is served, never what a client wrote: verbs, resources, codes. A resource that is not served has empty labels. So
//! the number of series is bounded by what is defined and configured.

mod request;
mod store;
mod webhook;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use revision_store::Store;

use request::{Answered, Kind, LATENCY, Labels, ResourceLabels};
pub(crate) use request::{Counted, LongRunning, Subject};
pub(crate) use store::MeasuredStore;
use store::Operation;
pub(crate) use webhook::WebhookCall;
use webhook::{WebhookAnswered, WebhookLabels};

use crate::audit::Log;

/// The media type of [`Metrics::text`].
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics of another part of the program, served beside the server's own.
pub trait Exposition: Send + Sync {
    /// Writes them in OpenMetrics' text form, without the `# EOF` at the end.
    ///
    /// # Errors
    /// Those of the writer.
    fn write(&self, out: &mut String) -> fmt::Result;
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Objects {
    resource: String,
}

/// What a server counts. It can be read as text, and is served at `/metrics`.
pub struct Metrics {
    registry: Mutex<Registry>,
    beside: Vec<Arc<dyn Exposition>>,
    requests: Family<Answered, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
    in_flight: Family<Kind, Gauge>,
    long_running: Family<Labels, Gauge>,
    watch_events: Family<ResourceLabels, Counter>,
    authentications: Family<Outcome, Counter>,
    authorizations: Family<Outcome, Counter>,
    objects: Family<Objects, Gauge>,
    revision: Gauge,
    store_time: Family<Operation, Histogram, fn() -> Histogram>,
    store_failures: Family<Operation, Counter>,
    webhook_time: Family<WebhookLabels, Histogram, fn() -> Histogram>,
    webhook_calls: Family<WebhookAnswered, Counter>,
}

fn latency() -> Histogram {
    Histogram::new(LATENCY)
}

impl Metrics {
    /// Nothing has been counted yet. `beside` is served with it.
    pub fn new(beside: Vec<Arc<dyn Exposition>>) -> Self {
        let new = Self {
            registry: Mutex::default(),
            beside,
            requests: Family::default(),
            durations: Family::new_with_constructor(latency),
            in_flight: Family::default(),
            long_running: Family::default(),
            watch_events: Family::default(),
            authentications: Family::default(),
            authorizations: Family::default(),
            objects: Family::default(),
            revision: Gauge::default(),
            store_time: Family::new_with_constructor(latency),
            store_failures: Family::default(),
            webhook_time: Family::new_with_constructor(latency),
            webhook_calls: Family::default(),
        };
        new.register(&mut new.registry.lock());
        new
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "apiserver_request",
            "Requests answered; watches when they end",
            self.requests.clone(),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Time from a request's head to its answer; of watches to their end",
            self.durations.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests that are being answered now, watches not counted",
            self.in_flight.clone(),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches that are open now",
            self.long_running.clone(),
        );
        registry.register("apiserver_watch_events", "Events sent by watches", self.watch_events.clone());
        registry.register(
            "authentication_attempts",
            "Requests by whether their sender was recognised",
            self.authentications.clone(),
        );
        registry.register(
            "authorization_attempts",
            "Requests by whether they may be made",
            self.authorizations.clone(),
        );
        registry.register("apiserver_storage_objects", "Objects stored", self.objects.clone());
        registry.register("revision_store_revision", "The store's last revision", self.revision.clone());
        registry.register(
            "revision_store_duration_seconds",
            "Time of one operation of the store; of writes until they are durable",
            self.store_time.clone(),
        );
        registry.register(
            "revision_store_failures",
            "Operations of the store that failed, conflicts not counted",
            self.store_failures.clone(),
        );
        registry.register(
            "apiserver_admission_webhook_admission_duration_seconds",
            "Time of one call of an admission webhook",
            self.webhook_time.clone(),
        );
        registry.register(
            "apiserver_admission_webhook_request",
            "Calls of admission webhooks",
            self.webhook_calls.clone(),
        );
    }

    /// Adds what the audit log has counted.
    pub(crate) fn follow_audit(&self, log: Log) {
        self.registry.lock().register_collector(Box::new(request::AuditLog(log)));
    }

    /// Adds how the store's writes share commits.
    pub(crate) fn follow_store(&self, store: Arc<dyn Store>) {
        self.registry.lock().register_collector(Box::new(store::StoreCommits(store)));
    }

    /// Whether the sender of a request was recognised.
    pub(crate) fn authenticated(&self, known: bool) {
        self.authentications
            .get_or_create(&Outcome { result: if known { "success" } else { "failure" } })
            .inc();
    }

    /// Whether a request may be made.
    pub(crate) fn authorized(&self, allowed: bool) {
        self.authorizations
            .get_or_create(&Outcome { result: if allowed { "allowed" } else { "denied" } })
            .inc();
    }

    /// What the store has now: its revision, and how many objects of each resource. What is not given any more is
    /// forgotten.
    pub(crate) fn stored(&self, revision: u64, counts: Vec<(String, u64)>) {
        self.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        self.objects.clear();
        for (resource, count) in counts {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.objects.get_or_create(&Objects { resource }).set(count);
        }
    }

    /// Everything, in OpenMetrics' text form.
    ///
    /// # Errors
    /// None in practice: text is written to memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry.lock())?;
        for one in &self.beside {
            one.write(&mut text)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
