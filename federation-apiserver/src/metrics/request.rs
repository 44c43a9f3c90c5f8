//! Requests and watches.

use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::Gauge;

use super::Metrics;
use crate::audit::Log;

/// Upper bounds, in seconds: kube-apiserver's that service level objectives use, and finer ones below.
pub(super) const LATENCY: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 30.0, 60.0];

/// What requests are told apart by, beside the code of their answer.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Labels {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    component: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Answered {
    #[prometheus(flatten)]
    labels: Labels,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Kind {
    request_kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ResourceLabels {
    group: String,
    version: String,
    resource: String,
}

/// What a request is for, as it is counted: only what is served has its name here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    /// `GET`, `LIST`, `WATCH`, `POST`, `PUT`, `PATCH`, `APPLY`, `DELETE`, `DELETECOLLECTION`, or empty.
    pub(crate) verb: &'static str,
    /// The API group.
    pub(crate) group: &'a str,
    /// The version in the group.
    pub(crate) version: &'a str,
    /// The plural name; empty for a path.
    pub(crate) resource: &'a str,
    /// The part of the object; of a path its first step.
    pub(crate) subresource: &'a str,
    /// `cluster`, `namespace` or `resource`; empty for a path.
    pub(crate) scope: &'static str,
}

impl Subject<'_> {
    fn labels(&self) -> Labels {
        Labels {
            verb: self.verb,
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            resource: self.resource.to_owned(),
            subresource: self.subresource.to_owned(),
            scope: self.scope,
            component: "apiserver",
        }
    }
}

/// A request that is counted when it is answered.
pub(crate) struct Counted {
    labels: Labels,
    begun: Instant,
}

impl Counted {
    /// A request has come.
    pub(crate) fn begin(subject: &Subject<'_>) -> Self {
        Self { labels: subject.labels(), begun: Instant::now() }
    }
}

/// A request that is being answered: counted as long as this lives.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A watch that is open: counted as long as this lives.
pub(crate) struct LongRunning(Gauge);

impl Drop for LongRunning {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// A request is answered.
    pub(crate) fn answered(&self, counted: &Counted, code: u16) {
        let Counted { labels, begun } = counted;
        let took: Duration = begun.elapsed();
        self.durations.get_or_create(labels).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { labels: labels.clone(), code }).inc();
    }

    /// A request is being answered.
    pub(crate) fn in_flight(&self, writes: bool) -> InFlight {
        let request_kind = if writes { "mutating" } else { "readOnly" };
        let gauge = self.in_flight.get_or_create_owned(&Kind { request_kind });
        gauge.inc();
        InFlight(gauge)
    }

    /// A watch is open.
    pub(crate) fn long_running(&self, counted: &Counted) -> LongRunning {
        let gauge = self.long_running.get_or_create_owned(&counted.labels);
        gauge.inc();
        LongRunning(gauge)
    }

    /// The count of the events of a resource's watches.
    pub(crate) fn watch_events(&self, group: &str, version: &str, resource: &str) -> Counter {
        self.watch_events.get_or_create_owned(&ResourceLabels {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

/// What is read from an audit log when asked for.
pub(super) struct AuditLog(pub(super) Log);

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

impl Collector for AuditLog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self.0.counts();
        let events =
            encoder.encode_descriptor("apiserver_audit_event", "Audit events", None, MetricType::Counter)?;
        ConstCounter::new(counts.events).encode(events)?;
        let help = "Audit events that are lost: the queue was full (buffered), or the file not written (log)";
        let mut errors =
            encoder.encode_descriptor("apiserver_audit_error", help, None, MetricType::Counter)?;
        for (plugin, count) in [("buffered", counts.dropped), ("log", counts.failed)] {
            ConstCounter::new(count).encode(errors.encode_family(&[("plugin", plugin)])?)?;
        }
        let help = "Requests by how much is recorded of them";
        let mut levels =
            encoder.encode_descriptor("apiserver_audit_level", help, None, MetricType::Counter)?;
        for (level, count) in ["None", "Metadata", "Request", "RequestResponse"].iter().zip(counts.levels) {
            ConstCounter::new(count).encode(levels.encode_family(&[("level", *level)])?)?;
        }
        Ok(())
    }
}
