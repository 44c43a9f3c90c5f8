//! What was when, by the log.

use std::collections::{BTreeMap, HashMap};

use revision_store::{Event, EventKind, Revision};

use super::Fault;
use crate::record::{History, Version};

/// The log, replayed.
pub(super) struct Log<'a> {
    events: HashMap<Revision, &'a Event>,
    /// What each key was from which revision on, in order.
    keys: BTreeMap<&'a str, Vec<(Revision, Option<&'a Event>)>>,
    newest: Revision,
}

impl<'a> Log<'a> {
    /// Replays a history's log, and notes where it contradicts itself.
    pub(super) fn replay(history: &'a History, faults: &mut Vec<Fault>) -> Self {
        let mut log = Self { events: HashMap::new(), keys: BTreeMap::new(), newest: history.after };
        for event in &history.log {
            let revision = event.revision();
            if revision != log.newest + 1 {
                faults.push(Fault::NotContiguous { after: log.newest, next: revision });
            }
            let states = log.keys.entry(&event.entry.key).or_default();
            let before = states.last().and_then(|(_, state)| *state);
            let known = before.map(|before| (before.entry.mod_revision, &before.entry.value));
            let said = event.previous.as_ref().map(|previous| (previous.mod_revision, &previous.value));
            let deletes_nothing = event.kind == EventKind::Delete && known.is_none();
            if said != known || deletes_nothing || event.entry.create_revision != created(before, revision) {
                faults.push(Fault::FalseBefore { revision });
            }
            states.push((revision, (event.kind == EventKind::Put).then_some(event)));
            log.events.insert(revision, event);
            log.newest = log.newest.max(revision);
        }
        log
    }

    pub(super) fn event(&self, revision: Revision) -> Option<&'a Event> {
        self.events.get(&revision).copied()
    }

    /// A key at a revision.
    pub(super) fn at(&self, key: &str, revision: Revision) -> Option<Version> {
        state(self.keys.get(key)?, revision)
    }

    /// All keys with a prefix at a revision.
    pub(super) fn list(&self, prefix: &str, revision: Revision) -> Vec<Version> {
        let keys = self.keys.range(prefix..).take_while(|(key, _)| key.starts_with(prefix));
        keys.filter_map(|(_, states)| state(states, revision)).collect()
    }

    /// The revisions at which a key was, one after the other, between two revisions of the store; `None`: it was not
    /// there.
    pub(super) fn states(&self, key: &str, from: Revision, to: Revision) -> Vec<Option<Revision>> {
        let first = self.at(key, from).map(|version| version.revision);
        let changes = self.keys.get(key).into_iter().flatten();
        let changes = changes.filter(|(revision, _)| *revision > from && *revision <= to);
        std::iter::once(first).chain(changes.map(|(revision, state)| state.map(|_| *revision))).collect()
    }
}

/// The revision of creation of what a write makes or takes away.
fn created(before: Option<&Event>, revision: Revision) -> Revision {
    before.map_or(revision, |before| before.entry.create_revision)
}

fn state(states: &[(Revision, Option<&Event>)], revision: Revision) -> Option<Version> {
    let upto = states.partition_point(|(since, _)| *since <= revision);
    let (_, state) = states[..upto].last()?;
    state.map(|event| event.entry.clone().into())
}
