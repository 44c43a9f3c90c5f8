//! Where measurements go. The engine counts nothing itself: who embeds it has a registry of their own.

use std::time::Duration;

/// Takes measurements.
pub trait Telemetry: Send + Sync + 'static {
    /// A member answered a request, or failed to.
    fn dispatched(&self, operation: &'static str, cluster: &str, ok: bool, took: Duration) {
        let _ = (operation, cluster, ok, took);
    }
    /// A federated object's plans on one API server were made and carried out.
    fn reconciled(&self, r#type: &str, ok: bool, took: Duration) {
        let _ = (r#type, ok, took);
    }
    /// A status was written to the host.
    fn status_written(&self, r#type: &str, ok: bool) {
        let _ = (r#type, ok);
    }
    /// A health check ended.
    fn probed(&self, cluster: &str, state: &'static str, took: Duration) {
        let _ = (cluster, state, took);
    }
}

/// Takes none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTelemetry;

impl Telemetry for NoTelemetry {}
