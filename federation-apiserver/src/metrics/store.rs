//! A store whose operations are measured.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use revision_store::{
    Commits, Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
};

use super::Metrics;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Operation {
    operation: &'static str,
}

/// A store, with the time that its operations take. Of a write, it is the time until it is durable, together with those
/// that share its commit.
pub(crate) struct MeasuredStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl MeasuredStore {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn measured<T, E>(
        &self,
        operation: &'static str,
        does: impl Future<Output = Result<T, E>>,
        failed: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        let begun = Instant::now();
        let outcome = does.await;
        let operation = Operation { operation };
        self.metrics.store_time.get_or_create(&operation).observe(begun.elapsed().as_secs_f64());
        if outcome.as_ref().is_err_and(failed) {
            self.metrics.store_failures.get_or_create(&operation).inc();
        }
        outcome
    }
}

/// What a caller asked for and cannot have is no failure of the store.
fn is_failure(error: &StoreError) -> bool {
    !matches!(error, StoreError::Compacted { .. } | StoreError::Future { .. } | StoreError::Closed)
}

#[async_trait]
impl Store for MeasuredStore {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        let failed = |error: &WriteError| matches!(error, WriteError::Store(error) if is_failure(error));
        self.measured("write", self.store.write(write), failed).await
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        self.measured("get", self.store.get(key, at), is_failure).await
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        self.measured("list", self.store.list(range), is_failure).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        self.store.count(prefix).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        self.measured("watch", self.store.watch(prefix, after), is_failure).await
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        self.measured("compact", self.store.compact(to), is_failure).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.store.revision().await
    }

    fn commits(&self) -> Option<Commits> {
        self.store.commits()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

/// How writes share commits, read from the store when asked for.
pub(super) struct StoreCommits(pub(super) Arc<dyn Store>);

impl fmt::Debug for StoreCommits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCommits").finish_non_exhaustive()
    }
}

impl Collector for StoreCommits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(commits) = self.0.commits() else { return Ok(()) };
        let mut histogram = encoder.encode_descriptor(
            "revision_store_commit_writes",
            "Writes in one commit of the store",
            None,
            MetricType::Histogram,
        )?;
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 writes")]
        let bounds = Commits::BOUNDS.map(|bound| bound as f64).into_iter().chain([f64::MAX]);
        let counts = commits.by_writes.into_iter().chain([0]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 writes")]
        let writes = commits.writes as f64;
        histogram.encode_histogram::<[(&str, &str); 0]>(writes, commits.total(), &buckets, None)
    }
}
