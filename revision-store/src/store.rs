//! The store that an API server stands on.

use async_trait::async_trait;

use crate::{Commits, Got, Page, Range, Revision, StoreError, Watch, Write, WriteError, Written};

/// A revisioned key-value store.
///
/// # Guarantees
/// - Revisions are contiguous: each write that is done has the one after the write before, whoever wrote.
/// - A write that returned is durable, and every read that begins afterwards sees it.
/// - A read sees one revision: never half of what several writes did.
/// - What is read at a revision stays the same until it is compacted.
///
/// A call that is dropped before it returned may still have its effect.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Does one write.
    async fn write(&self, write: Write) -> Result<Written, WriteError>;

    /// Reads one key, now or as it was at a revision.
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError>;

    /// Reads the keys with a prefix, a page at a time if so wished.
    async fn list(&self, range: Range) -> Result<Page, StoreError>;

    /// How many keys start with this prefix now.
    async fn count(&self, prefix: &str) -> Result<u64, StoreError>;

    /// Every write under the prefix with a revision greater than `after`, in order, nothing lost or doubled: first
    /// what has been, then what comes. [`StoreError::Compacted`] if history no longer reaches back so far,
    /// [`StoreError::Future`] if it does not reach so far yet.
    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError>;

    /// Forgets what was superseded or deleted up to and including a revision, so that `to` becomes the oldest that can
    /// be read. Returns the oldest revision, which is `to` or one that was compacted to before.
    async fn compact(&self, to: Revision) -> Result<Revision, StoreError>;

    /// The newest revision.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// How writes have shared commits since the store was opened; `None` where that is not counted. A store that stands
    /// before another one hands its count on.
    fn commits(&self) -> Option<Commits> {
        None
    }

    /// Ends all watches, finishes what is being written and gives the file or the connections free. Every later call answers
    /// [`StoreError::Closed`].
    async fn close(&self);
}
