//! All versions of all keys, as values: no waiting, no clock.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;

use crate::{Entry, Event, EventKind, Got, Page, Range, Revision, StoreError, Write, WriteError, step::step};

/// What a key was at and after a revision.
struct Version {
    revision: Revision,
    /// `None`: deleted.
    state: Option<Alive>,
}

struct Alive {
    value: Bytes,
    create_revision: Revision,
    lease: u32,
}

/// The table.
pub(super) struct Versions {
    revision: Revision,
    oldest: Revision,
    keys: BTreeMap<String, Vec<Version>>,
    /// Every event after `oldest`.
    events: VecDeque<Arc<Event>>,
}

impl Versions {
    pub(super) fn new() -> Self {
        Self { revision: 1, oldest: 0, keys: BTreeMap::new(), events: VecDeque::new() }
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Does one write and says what happened.
    pub(super) fn write(&mut self, write: Write) -> Result<Event, WriteError> {
        let revision = self.revision + 1;
        let event = step(self.current(write.key()), write, revision)?;
        let state = (event.kind == EventKind::Put).then(|| Alive {
            value: event.entry.value.clone(),
            create_revision: event.entry.create_revision,
            lease: event.entry.lease,
        });
        self.revision = revision;
        self.keys.entry(event.entry.key.clone()).or_default().push(Version { revision, state });
        self.events.push_back(Arc::new(event.clone()));
        Ok(event)
    }

    fn current(&self, key: &str) -> Option<Entry> {
        entry_at(key, self.keys.get(key)?, Revision::MAX, false)
    }

    pub(super) fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        let at = self.check_read(at)?;
        let entry = self.keys.get(key).and_then(|versions| entry_at(key, versions, at, false));
        Ok(Got { entry, revision: self.revision })
    }

    pub(super) fn list(&self, range: &Range) -> Result<Page, StoreError> {
        let revision = self.check_read(range.at)?;
        let start = match &range.after {
            Some(after) if after.as_str() >= range.prefix.as_str() => Bound::Excluded(after.as_str()),
            _ => Bound::Included(range.prefix.as_str()),
        };
        let mut found = self
            .keys
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&range.prefix))
            .filter_map(|(key, versions)| entry_at(key, versions, revision, range.keys_only));
        let limit = if range.limit == 0 { usize::MAX } else { range.limit };
        let entries = found.by_ref().take(limit).collect();
        Ok(Page { entries, revision, remaining: found.count() as u64 })
    }

    pub(super) fn count(&self, prefix: &str) -> u64 {
        self.keys
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, versions)| versions.last().is_some_and(|version| version.state.is_some()))
            .count() as u64
    }

    /// The events with `after < revision <= upto`.
    pub(super) fn events(&self, after: Revision, upto: Revision) -> impl Iterator<Item = &Arc<Event>> {
        let first = self.events.partition_point(|event| event.revision() <= after);
        self.events.range(first..).take_while(move |event| event.revision() <= upto)
    }

    pub(super) fn compact(&mut self, to: Revision) -> Result<Revision, StoreError> {
        if to > self.revision {
            return Err(StoreError::Future { current: self.revision });
        }
        if to > self.oldest {
            self.oldest = to;
            self.keys.retain(|_, versions| {
                // The last version up to `to` is what is read there; a deletion reads like nothing at all.
                let upto = versions.partition_point(|version| version.revision <= to);
                let superseded = match upto.checked_sub(1).and_then(|last| versions.get(last)) {
                    Some(Version { state: Some(_), .. }) => upto - 1,
                    _ => upto,
                };
                versions.drain(..superseded);
                !versions.is_empty()
            });
            let gone = self.events.partition_point(|event| event.revision() <= to);
            self.events.drain(..gone);
        }
        Ok(self.oldest)
    }

    /// The revision to read at.
    fn check_read(&self, at: Option<Revision>) -> Result<Revision, StoreError> {
        let at = at.unwrap_or(self.revision);
        self.check_watch(at)?;
        if at > self.revision { Err(StoreError::Future { current: self.revision }) } else { Ok(at) }
    }

    /// Whether every event after a revision is still known.
    pub(super) fn check_watch(&self, after: Revision) -> Result<(), StoreError> {
        if after < self.oldest { Err(StoreError::Compacted { oldest: self.oldest }) } else { Ok(()) }
    }
}

/// A key as it was at a revision.
fn entry_at(key: &str, versions: &[Version], at: Revision, keys_only: bool) -> Option<Entry> {
    let upto = versions.partition_point(|version| version.revision <= at);
    let Version { revision, state } = versions.get(upto.checked_sub(1)?)?;
    state.as_ref().map(|alive| Entry {
        key: key.to_owned(),
        value: if keys_only { Bytes::new() } else { alive.value.clone() },
        create_revision: alive.create_revision,
        mod_revision: *revision,
        lease: alive.lease,
    })
}
