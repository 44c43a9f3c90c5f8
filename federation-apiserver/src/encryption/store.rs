//! The store in front of the store.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use revision_store::{
    Commits, Entry, Event, Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
};

use super::rules::{Encryption, ValueError};

/// A store that encrypts what is written and decrypts what is read, watched events and previous values too. Keys,
/// revisions and lengths of lists stay as they are.
#[derive(Clone)]
pub struct EncryptedStore {
    inner: Arc<dyn Store>,
    encryption: Arc<Encryption>,
}

/// What came of rewriting stale values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Values that were looked at.
    pub examined: u64,
    /// Values that were written anew.
    pub rewritten: u64,
    /// Values that somebody else changed meanwhile: they have been written anew by that.
    pub overtaken: u64,
}

/// Values that are read at once.
const PAGE: usize = 500;

impl EncryptedStore {
    /// A store in front of another.
    pub fn new(inner: Arc<dyn Store>, encryption: Arc<Encryption>) -> Self {
        Self { inner, encryption }
    }

    /// Writes anew every value that is not as the first provider would write it now: after a change of keys, before the
    /// old ones are taken away. It can be interrupted and begun again at any time. What expires by itself is left.
    ///
    /// # Errors
    /// A value cannot be read or written; those before it are done.
    pub async fn rewrite_stale(&self) -> Result<Rewritten, WriteError> {
        let mut done = Rewritten::default();
        let mut range = Range { limit: PAGE, ..Range::prefix("/registry/") };
        loop {
            let page = self.inner.list(range.clone()).await?;
            for entry in page.entries.iter().filter(|entry| entry.lease == 0) {
                done.examined += 1;
                let (value, stale) = self.plain(entry).await?;
                if !stale {
                    continue;
                }
                let value = self
                    .encryption
                    .to_storage(&entry.key, value)
                    .await
                    .map_err(|error| unreadable(&entry.key, error))?;
                let write =
                    Write::Update { key: entry.key.clone(), value, expected: entry.mod_revision, lease: 0 };
                match self.inner.write(write).await {
                    Ok(_) => done.rewritten += 1,
                    Err(WriteError::Conflict { .. }) => done.overtaken += 1,
                    Err(error) => return Err(error),
                }
            }
            match page.entries.last() {
                // Later pages are read as they are then: what is written meanwhile is written rightly.
                Some(last) if page.remaining > 0 => range.after = Some(last.key.clone()),
                _ => return Ok(done),
            }
        }
    }

    async fn plain(&self, entry: &Entry) -> Result<(bytes::Bytes, bool), StoreError> {
        let read = self.encryption.of_storage(&entry.key, entry.value.clone()).await;
        read.map_err(|error| unreadable(&entry.key, error))
    }

    async fn decrypted(&self, entry: Entry) -> Result<Entry, StoreError> {
        let (value, _) = self.plain(&entry).await?;
        Ok(Entry { value, ..entry })
    }

    async fn decrypted_event(self, event: Event) -> Result<Event, StoreError> {
        let previous = match event.previous {
            Some(previous) => Some(self.decrypted(previous).await?),
            None => None,
        };
        Ok(Event { entry: self.decrypted(event.entry).await?, previous, ..event })
    }
}

fn unreadable(key: &str, error: ValueError) -> StoreError {
    StoreError::Unreadable { key: key.to_owned(), source: Arc::new(error) }
}

#[async_trait]
impl Store for EncryptedStore {
    async fn write(&self, mut write: Write) -> Result<Written, WriteError> {
        if let Write::Create { key, value, .. } | Write::Update { key, value, .. } = &mut write {
            let plain = std::mem::take(value);
            *value = self.encryption.to_storage(key, plain).await.map_err(|error| unreadable(key, error))?;
        }
        match self.inner.write(write).await {
            Err(WriteError::Conflict { current: Some(current) }) => {
                Err(WriteError::Conflict { current: Some(self.decrypted(current).await?) })
            }
            other => other,
        }
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        let got = self.inner.get(key, at).await?;
        let entry = match got.entry {
            Some(entry) => Some(self.decrypted(entry).await?),
            None => None,
        };
        Ok(Got { entry, ..got })
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        let keys_only = range.keys_only;
        let mut page = self.inner.list(range).await?;
        if !keys_only {
            for entry in &mut page.entries {
                entry.value = self.plain(entry).await?.0;
            }
        }
        Ok(page)
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        self.inner.count(prefix).await
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        let store = self.clone();
        let watch = self.inner.watch(prefix, after).await?;
        Ok(watch.changed_by(move |event| store.clone().decrypted_event(event).boxed()))
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        self.inner.compact(to).await
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.inner.revision().await
    }

    fn commits(&self) -> Option<Commits> {
        self.inner.commits()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
