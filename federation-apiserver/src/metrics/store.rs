//! A store whose operations are measured.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use prometheus_client::encoding::EncodeLabelSet;
use revision_store::{Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written};

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

    async fn close(&self) {
        self.store.close().await;
    }
}
