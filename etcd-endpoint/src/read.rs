//! Reads the keys of a span.

use revision_store::{Entry, Range, Revision, Store, StoreError};

use crate::span::{Many, Span};

/// How many keys are read at one go where a span is no prefix.
const PAGE: usize = 1000;

/// How often a read of the newest is begun again because a compaction overtook it.
const ATTEMPTS: usize = 5;

/// What is read of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// At which revision; `None`: the newest.
    pub(crate) at: Option<Revision>,
    /// At most so many entries; 0: all.
    pub(crate) limit: usize,
    /// Whether the values are left out.
    pub(crate) keys_only: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The entries, in the order of their keys.
    pub(crate) entries: Vec<Entry>,
    /// How many keys the span has, whatever the limit.
    pub(crate) count: u64,
    /// The newest revision at the time of the read; of a read of the newest, exactly what was read.
    pub(crate) revision: Revision,
}

/// Reads a span at one revision.
pub(crate) async fn read(store: &dyn Store, span: &Span, reading: Reading) -> Result<Found, StoreError> {
    match span {
        Span::One(key) => {
            let got = store.get(key, reading.at).await?;
            let entries = Vec::from_iter(got.entry);
            Ok(Found { count: entries.len() as u64, entries, revision: got.revision })
        }
        Span::Many(many) => {
            let mut attempt = 1;
            loop {
                match read_many(store, many, reading).await {
                    Err(StoreError::Compacted { .. }) if reading.at.is_none() && attempt < ATTEMPTS => {
                        attempt += 1
                    }
                    done => return done,
                }
            }
        }
    }
}

async fn read_many(store: &dyn Store, many: &Many, reading: Reading) -> Result<Found, StoreError> {
    if many.is_empty() {
        let revision = store.revision().await?;
        return match reading.at {
            Some(at) if at > revision => Err(StoreError::Future { current: revision }),
            // A revision that is compacted is refused for it too.
            at => store.get("\0", at).await.map(|_| Found { revision, ..Found::default() }),
        };
    }
    let Reading { at, limit, keys_only } = reading;
    let prefix = many.prefix.clone();
    let range = Range { prefix, after: many.after.clone(), limit, at, keys_only };
    let (mut entries, mut count, read_at) =
        if many.exact { one_page(store, range).await? } else { pages(store, many, range).await? };
    if let Some(first) = &many.first
        && let Some(entry) = store.get(first, Some(read_at)).await?.entry
    {
        entries.insert(0, entry);
        count += 1;
        if limit > 0 {
            entries.truncate(limit);
        }
    }
    let revision = if at.is_some() { store.revision().await? } else { read_at };
    Ok(Found { entries, count, revision })
}

/// Entries, how many keys there are, and the revision that was read.
type Read = (Vec<Entry>, u64, Revision);

async fn one_page(store: &dyn Store, range: Range) -> Result<Read, StoreError> {
    let page = store.list(range).await?;
    let count = page.entries.len() as u64 + page.remaining;
    Ok((page.entries, count, page.revision))
}

/// Goes on until the span's end. What is beyond the limit is only counted.
async fn pages(store: &dyn Store, many: &Many, range: Range) -> Result<Read, StoreError> {
    let (mut entries, mut count) = (Vec::new(), 0);
    let wanted = if range.limit == 0 { usize::MAX } else { range.limit };
    let mut next = Range { limit: PAGE, ..range.clone() };
    loop {
        next.keys_only = range.keys_only || entries.len() >= wanted;
        let page = store.list(next.clone()).await?;
        let last = page.entries.last().map(|entry| entry.key.clone());
        let ended = page.remaining == 0 || last.as_ref().is_none_or(|key| many.is_behind(key));
        for entry in page.entries.into_iter().filter(|entry| many.contains(&entry.key)) {
            count += 1;
            if entries.len() < wanted {
                entries.push(entry);
            }
        }
        if ended {
            return Ok((entries, count, page.revision));
        }
        next = Range { after: last, at: Some(page.revision), ..next };
    }
}
