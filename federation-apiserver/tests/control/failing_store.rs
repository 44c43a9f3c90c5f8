//! A store that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use revision_store::{
    Got, MemoryStore, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
};

/// Which calls fail.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) gets: AtomicBool,
    pub(crate) writes: AtomicBool,
    pub(crate) lists: AtomicBool,
}

pub(crate) struct FailingStore {
    pub(crate) inner: MemoryStore,
    pub(crate) faults: Arc<Faults>,
}

fn check(fault: &AtomicBool) -> Result<(), StoreError> {
    if fault.load(Ordering::Relaxed) { Err(StoreError::ReadOnly { place: "test".into() }) } else { Ok(()) }
}

#[async_trait]
impl Store for FailingStore {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        check(&self.faults.writes)?;
        self.inner.write(write).await
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        check(&self.faults.gets)?;
        self.inner.get(key, at).await
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        check(&self.faults.lists)?;
        self.inner.list(range).await
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        check(&self.faults.lists)?;
        self.inner.count(prefix).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        check(&self.faults.lists)?;
        self.inner.watch(prefix, after).await
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        self.inner.compact(to).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.inner.revision().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
