//! Who watches what.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use crate::Event;

/// How much waits for one watch at most, in events and in bytes. One that is slower than that is behind: what waited
/// is let go, and it reads the history instead, so a reader that stops costs nothing.
pub(super) const EVENTS: usize = 512;
const BYTES: usize = 1 << 20;

pub(crate) type SubscriberId = u64;

/// One watch.
pub(super) struct Subscriber {
    prefix: Arc<str>,
    waiting: VecDeque<Arc<Event>>,
    bytes: usize,
    behind: bool,
    waker: Option<Waker>,
}

impl Subscriber {
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    pub(super) fn is_settled(&self) -> bool {
        !self.behind && self.waiting.is_empty()
    }

    /// From now on it gets every event.
    pub(super) fn caught_up(&mut self) {
        self.behind = false;
    }

    pub(super) fn drain(&mut self) -> Vec<Arc<Event>> {
        self.bytes = 0;
        Vec::from(std::mem::take(&mut self.waiting))
    }

    /// Wakes this task at the next event.
    pub(super) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    fn offer(&mut self, event: &Arc<Event>) -> Option<Waker> {
        if self.behind {
            return None;
        }
        self.bytes += event.weight();
        self.waiting.push_back(Arc::clone(event));
        if self.waiting.len() > EVENTS || self.bytes > BYTES {
            self.behind = true;
            self.drain();
        }
        self.waker.take()
    }
}

/// All watches. An event finds those it concerns by its key's beginnings, one look-up for each length of prefix that
/// somebody watches, so the other watches cost it nothing.
#[derive(Default)]
pub(super) struct Subscribers {
    last: SubscriberId,
    by_id: HashMap<SubscriberId, Subscriber>,
    by_prefix: BTreeMap<usize, HashMap<Arc<str>, Vec<SubscriberId>>>,
}

impl Subscribers {
    pub(super) fn add(&mut self, prefix: &str, behind: bool) -> SubscriberId {
        self.last += 1;
        let prefix: Arc<str> = prefix.into();
        let same_length = self.by_prefix.entry(prefix.len()).or_default();
        same_length.entry(Arc::clone(&prefix)).or_default().push(self.last);
        let subscriber = Subscriber { prefix, waiting: VecDeque::new(), bytes: 0, behind, waker: None };
        self.by_id.insert(self.last, subscriber);
        self.last
    }

    pub(super) fn remove(&mut self, id: SubscriberId) {
        let Some(Subscriber { prefix, .. }) = self.by_id.remove(&id) else { return };
        let Some(same_length) = self.by_prefix.get_mut(&prefix.len()) else { return };
        if let Some(ids) = same_length.get_mut(&prefix) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                same_length.remove(&prefix);
            }
        }
        if same_length.is_empty() {
            self.by_prefix.remove(&prefix.len());
        }
    }

    pub(super) fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.by_id.get_mut(&id)
    }

    /// Queues an event for each watch that it concerns, and collects whom to wake.
    pub(super) fn offer(&mut self, event: &Arc<Event>, woken: &mut Vec<Waker>) {
        let key = event.entry.key.as_str();
        for (length, same_length) in self.by_prefix.range(..=key.len()) {
            let ids = key.get(..*length).and_then(|beginning| same_length.get(beginning));
            for id in ids.into_iter().flatten() {
                woken.extend(self.by_id.get_mut(id).and_then(|subscriber| subscriber.offer(event)));
            }
        }
    }

    /// Lets go of what waits: everybody reads the history.
    pub(super) fn leave_behind(&mut self) {
        for subscriber in self.by_id.values_mut() {
            subscriber.behind = true;
            subscriber.drain();
        }
    }

    pub(super) fn wake_all(&mut self) -> Vec<Waker> {
        self.by_id.values_mut().filter_map(|subscriber| subscriber.waker.take()).collect()
    }
}
