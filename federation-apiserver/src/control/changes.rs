//! What is stored, and then what happens to it: the one loop that all parts of the server share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::SelectAll;
use futures::{FutureExt as _, StreamExt as _};
use revision_store::{Entry, Event, Range, Revision, Store, StoreError, Watch, WatchItem};
use tokio::time::{Instant, sleep_until};

/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How many entries are read at once.
const PAGE: usize = 500;

/// One thing to know.
pub(crate) enum Change {
    /// Nothing that was known counts any more: what is there is told anew.
    Begin,
    /// This is there.
    Found(Entry),
    /// All that is there has been told.
    Loaded,
    /// This happened.
    Event(Event),
}

/// Everything under some prefixes, in order, for ever.
///
/// A store that fails, or that has forgotten the events that come next, is read again from the beginning.
pub(crate) struct Changes {
    store: Arc<dyn Store>,
    listed: Vec<String>,
    watched: Vec<String>,
    phase: Phase,
}

enum Phase {
    /// Nothing is known, and nothing is asked until then.
    Waiting(Instant),
    Listing(Listing),
    Watching(SelectAll<Watch>),
}

struct Listing {
    /// Which of the prefixes.
    prefix: usize,
    after: Option<String>,
    at: Option<Revision>,
    found: VecDeque<Entry>,
}

impl Changes {
    /// What is under the prefixes, none of which is the beginning of another.
    pub(crate) fn new(store: Arc<dyn Store>, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let listed: Vec<String> = prefixes.into_iter().map(Into::into).collect();
        let watched = listed.clone();
        Self { store, listed, watched, phase: Phase::Waiting(Instant::now()) }
    }

    /// Tells of events under these prefixes in place of those that are listed.
    pub(crate) fn watching(self, prefixes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { watched: prefixes.into_iter().map(Into::into).collect(), ..self }
    }

    /// Begins again, after a pause: something that had to be done could not be done.
    pub(crate) fn begin_again(&mut self) {
        self.phase = Phase::Waiting(Instant::now() + PAUSE);
    }

    /// The next thing to know, or `None` when a moment has come before it. Nothing is lost if the future is dropped.
    pub(crate) async fn next_before(&mut self, moment: Option<Instant>) -> Option<Change> {
        let Some(moment) = moment else { return Some(self.next().await) };
        tokio::select! {
            change = self.next() => Some(change),
            () = sleep_until(moment) => None,
        }
    }

    /// What is known without waiting.
    pub(crate) fn next_now(&mut self) -> Option<Change> {
        self.next().now_or_never()
    }

    /// The next thing to know. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Change {
        loop {
            match self.step().await {
                Ok(Some(change)) => return change,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, prefixes = ?self.listed, "the store cannot be followed; it is read again");
                    self.begin_again();
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Change>, StoreError> {
        match &mut self.phase {
            Phase::Waiting(until) => {
                sleep_until(*until).await;
                let nothing = Listing { prefix: 0, after: None, at: None, found: VecDeque::new() };
                self.phase = Phase::Listing(nothing);
                Ok(Some(Change::Begin))
            }
            Phase::Listing(listing) => {
                if let Some(entry) = listing.found.pop_front() {
                    return Ok(Some(Change::Found(entry)));
                }
                if let Some(prefix) = self.listed.get(listing.prefix) {
                    listing.page(&*self.store, prefix).await?;
                    return Ok(None);
                }
                let mut watches = SelectAll::new();
                for prefix in &self.watched {
                    watches.push(self.store.watch(prefix, listing.at.unwrap_or_default()).await?);
                }
                self.phase = Phase::Watching(watches);
                Ok(Some(Change::Loaded))
            }
            Phase::Watching(watches) => match watches.next().await {
                Some(Ok(WatchItem::Event(event))) => Ok(Some(Change::Event(event))),
                Some(Ok(WatchItem::Progress(_))) => Ok(None),
                Some(Err(error)) => Err(error),
                None => Err(StoreError::Closed),
            },
        }
    }
}

impl Listing {
    /// Reads a page; after the last one of a prefix, the next prefix is due.
    async fn page(&mut self, store: &dyn Store, prefix: &str) -> Result<(), StoreError> {
        let range = Range {
            prefix: prefix.to_owned(),
            after: self.after.clone(),
            limit: PAGE,
            at: self.at,
            keys_only: false,
        };
        let page = store.list(range).await?;
        self.at = Some(page.revision);
        self.after = page.entries.last().filter(|_| page.remaining > 0).map(|last| last.key.clone());
        if self.after.is_none() {
            self.prefix += 1;
        }
        self.found = page.entries.into();
        Ok(())
    }
}
