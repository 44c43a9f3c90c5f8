//! Calls of admission webhooks. Their names are configured, so their number is bounded.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;

use super::Metrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct WebhookLabels {
    name: String,
    operation: &'static str,
    rejected: &'static str,
    r#type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct WebhookAnswered {
    #[prometheus(flatten)]
    labels: WebhookLabels,
    code: u16,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebhookCall<'a> {
    /// The webhook's name.
    pub(crate) name: &'a str,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub(crate) operation: &'static str,
    /// It may change objects.
    pub(crate) mutating: bool,
    /// It refused the write, or could not be called.
    pub(crate) rejected: bool,
    /// The code that it answered a refusal with; 200 where it allowed, 600 where it could not be called: the values
    /// that kube-apiserver gives.
    pub(crate) code: u16,
}

impl Metrics {
    /// A webhook was called.
    pub(crate) fn webhook_called(&self, call: WebhookCall<'_>, took: Duration) {
        let labels = WebhookLabels {
            name: call.name.to_owned(),
            operation: call.operation,
            rejected: if call.rejected { "true" } else { "false" },
            r#type: if call.mutating { "admit" } else { "validating" },
        };
        self.webhook_time.get_or_create(&labels).observe(took.as_secs_f64());
        self.webhook_calls.get_or_create(&WebhookAnswered { labels, code: call.code }).inc();
    }
}
