//! The newest events, kept in memory.

use std::{
    borrow::Borrow,
    collections::{HashSet, VecDeque},
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{Event, Revision};

/// How many events are kept, and how many bytes at most: enough for a client that comes back after a short break to
/// go on without a read of the table.
const EVENTS: usize = 4096;
const BYTES: usize = 8 << 20;

/// All events after some revision.
pub(super) struct Recent {
    events: VecDeque<Arc<Event>>,
    /// Of each key that has one, its newest event.
    newest: HashSet<ByKey>,
    bytes: usize,
    /// Every event after this one is in `events`.
    after: Revision,
}

impl Recent {
    pub(super) fn after(after: Revision) -> Self {
        Self { events: VecDeque::new(), newest: HashSet::new(), bytes: 0, after }
    }

    pub(super) fn push(&mut self, event: Arc<Event>) {
        self.bytes += event.weight();
        self.newest.replace(ByKey(Arc::clone(&event)));
        self.events.push_back(event);
        while self.events.len() > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.weight();
            self.after = oldest.revision();
            let key = oldest.entry.key.as_str();
            if self.newest.get(key).is_some_and(|newest| newest.0.revision() == oldest.revision()) {
                self.newest.remove(key);
            }
        }
    }

    /// At most `most` events after a revision under a prefix, and whether that is all; `None` if some of them are no
    /// longer here.
    pub(super) fn since(
        &self,
        position: Revision,
        prefix: &str,
        most: usize,
    ) -> Option<(Vec<Arc<Event>>, bool)> {
        if position < self.after {
            return None;
        }
        let first = self.events.partition_point(|event| event.revision() <= position);
        let mut events = self.events.range(first..).filter(|event| event.entry.key.starts_with(prefix));
        let taken = events.by_ref().take(most).cloned().collect();
        Some((taken, events.next().is_none()))
    }

    /// The newest event of a key, if it is still here.
    pub(super) fn newest_of(&self, key: &str) -> Option<Arc<Event>> {
        self.newest.get(key).map(|newest| Arc::clone(&newest.0))
    }

    /// The last event of a key with `after < revision <= upto`, if there is one; `None` if some of those events are no
    /// longer here.
    #[expect(clippy::option_option, reason = "not known, and known that there is none, are two things")]
    pub(super) fn last_of(&self, key: &str, after: Revision, upto: Revision) -> Option<Option<Arc<Event>>> {
        if after < self.after {
            return None;
        }
        let first = self.events.partition_point(|event| event.revision() <= after);
        let end = self.events.partition_point(|event| event.revision() <= upto);
        Some(self.events.range(first..end).rev().find(|event| event.entry.key == key).cloned())
    }
}

/// An event that is found by its key.
struct ByKey(Arc<Event>);

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        &self.0.entry.key
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.entry.key.hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.entry.key == other.0.entry.key
    }
}

impl Eq for ByKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, EventKind};

    fn event(key: &str, mod_revision: Revision) -> Arc<Event> {
        let value = "x".into();
        let entry =
            Entry { key: key.to_owned(), value, create_revision: mod_revision, mod_revision, lease: 0 };
        Arc::new(Event { kind: EventKind::Put, entry, previous: None })
    }

    #[test]
    fn the_last_event_of_a_key_is_one_within_the_bounds() {
        let mut recent = Recent::after(10);
        for (key, revision) in [("a", 11), ("b", 12), ("a", 13), ("ab", 14), ("a", 15)] {
            recent.push(event(key, revision));
        }
        let last =
            |after, upto| recent.last_of("a", after, upto).map(|event| event.map(|event| event.revision()));
        assert_eq!(last(10, 14), Some(Some(13)));
        assert_eq!(last(11, 12), Some(None));
        assert_eq!(last(13, 15), Some(Some(15)));
        assert_eq!(last(9, 15), None);
    }

    #[test]
    fn the_newest_event_of_a_key_is_known_while_it_is_kept() {
        let mut recent = Recent::after(0);
        let newest = |recent: &Recent, key| recent.newest_of(key).map(|event| event.revision());
        recent.push(event("a", 1));
        recent.push(event("b", 2));
        recent.push(event("a", 3));
        assert_eq!(
            [newest(&recent, "a"), newest(&recent, "b"), newest(&recent, "c")],
            [Some(3), Some(2), None]
        );
        let kept = EVENTS as Revision;
        (4..=kept + 1).for_each(|revision| recent.push(event("d", revision)));
        assert_eq!([newest(&recent, "a"), newest(&recent, "b")], [Some(3), Some(2)]);
        recent.push(event("d", kept + 2));
        assert_eq!([newest(&recent, "a"), newest(&recent, "b")], [Some(3), None]);
        recent.push(event("d", kept + 3));
        assert_eq!([newest(&recent, "a"), newest(&recent, "d")], [None, Some(kept + 3)]);
        assert_eq!(recent.newest.len(), 1);
    }
}
