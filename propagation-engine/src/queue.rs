//! A work queue of distinct keys.
//!
//! A key waits at most once, however often it is pushed, and is worked on by one worker at a time; pushed meanwhile, it
//! comes again afterwards. So the queue is bounded by the number of distinct keys, and nothing is ever lost. There are
//! two priorities: what users did goes before what the engine re-derives (after a restart, a cluster's return).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Which of two waiting keys goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Re-derived by the engine.
    Resync,
    /// Caused by a change just made.
    Change,
}

/// The queue.
#[derive(Debug)]
pub struct WorkQueue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

#[derive(Debug)]
struct State<K> {
    change: VecDeque<K>,
    resync: VecDeque<K>,
    keys: HashMap<K, KeyState>,
    delayed: BinaryHeap<Reverse<Delayed<K>>>,
    sequence: u64,
    closed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct KeyState {
    waiting: Option<Priority>,
    working: bool,
    /// The earliest delivery that is planned, so that later ones of the same key are passed over.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Delayed<K> {
    at: Instant,
    sequence: u64,
    key: K,
}

impl<K> PartialEq for Delayed<K> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.sequence == other.sequence
    }
}
impl<K> Eq for Delayed<K> {}
impl<K> PartialOrd for Delayed<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Delayed<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl<K> Default for WorkQueue<K> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                change: VecDeque::new(),
                resync: VecDeque::new(),
                keys: HashMap::new(),
                delayed: BinaryHeap::new(),
                sequence: 0,
                closed: false,
            }),
            wake: Notify::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> WorkQueue<K> {
    /// Adds a key, unless it waits already with that priority or a higher one.
    pub fn push(&self, key: K, priority: Priority) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let entry = state.keys.entry(key.clone()).or_default();
        if entry.waiting >= Some(priority) {
            return;
        }
        let raised = entry.waiting.is_some();
        entry.waiting = Some(priority);
        entry.due = None;
        if entry.working {
            return; // it comes again when the worker is done
        }
        if raised {
            state.resync.retain(|k| *k != key);
        }
        state.enqueue(key, priority);
        drop(state);
        self.wake.notify_one();
    }

    /// Adds a key after a delay, unless it is due earlier.
    pub fn push_after(&self, key: K, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let entry = state.keys.entry(key.clone()).or_default();
        if (entry.waiting.is_some() && !entry.working) || entry.due.is_some_and(|due| due <= at) {
            return;
        }
        entry.due = Some(at);
        state.sequence += 1;
        let sequence = state.sequence;
        state.delayed.push(Reverse(Delayed { at, sequence, key }));
        drop(state);
        self.wake.notify_one();
    }

    /// The next key; waits for one. `None` when the queue is closed. [`WorkQueue::done`] must be called for it.
    pub async fn pop(&self) -> Option<K> {
        loop {
            let next = {
                let mut state = self.state.lock();
                if state.closed {
                    self.wake.notify_one(); // for the next worker that was about to wait
                    return None;
                }
                state.deliver_due(Instant::now());
                if let Some(key) = state.change.pop_front().or_else(|| state.resync.pop_front()) {
                    if let Some(entry) = state.keys.get_mut(&key) {
                        entry.waiting = None;
                        entry.working = true;
                    }
                    let more = !state.change.is_empty() || !state.resync.is_empty();
                    drop(state);
                    if more {
                        self.wake.notify_one();
                    }
                    return Some(key);
                }
                state.delayed.peek().map(|Reverse(d)| d.at)
            };
            match next {
                Some(at) => {
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => self.wake.notified().await,
            }
        }
    }

    /// The work on a key is over; answers whether the key comes again at once.
    pub fn done(&self, key: &K) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.keys.get_mut(key) else { return false };
        entry.working = false;
        if let Some(priority) = entry.waiting {
            state.enqueue(key.clone(), priority);
            drop(state);
            self.wake.notify_one();
            return true;
        }
        if entry.due.is_none() {
            state.keys.remove(key);
        }
        false
    }

    /// Keys that wait, or will.
    pub fn len(&self) -> usize {
        let state = self.state.lock();
        state.change.len() + state.resync.len() + state.delayed.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends every [`WorkQueue::pop`], now and later.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.change.clear();
        state.resync.clear();
        state.delayed.clear();
        state.keys.clear();
        drop(state);
        self.wake.notify_waiters();
        self.wake.notify_one();
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn enqueue(&mut self, key: K, priority: Priority) {
        match priority {
            Priority::Change => self.change.push_back(key),
            Priority::Resync => self.resync.push_back(key),
        }
    }

    fn deliver_due(&mut self, now: Instant) {
        while self.delayed.peek().is_some_and(|Reverse(d)| d.at <= now) {
            let Some(Reverse(delayed)) = self.delayed.pop() else { return };
            let Some(entry) = self.keys.get_mut(&delayed.key) else { continue };
            if entry.due != Some(delayed.at) {
                continue; // an earlier delivery, or a push, took its place
            }
            entry.due = None;
            if entry.waiting.is_none() {
                entry.waiting = Some(Priority::Change);
                if !entry.working {
                    self.enqueue(delayed.key, Priority::Change);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_and_changes_go_first() {
        let queue = WorkQueue::default();
        queue.push("a", Priority::Resync);
        queue.push("b", Priority::Resync);
        queue.push("b", Priority::Change);
        queue.push("b", Priority::Change);
        assert_eq!(queue.len(), 2);
        assert_eq!(queue.pop().await, Some("b"));
        assert_eq!(queue.pop().await, Some("a"));
        queue.done(&"b");
        queue.done(&"a");
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_worked_on_by_one_at_a_time() {
        let queue = WorkQueue::default();
        queue.push("a", Priority::Change);
        assert_eq!(queue.pop().await, Some("a"));
        queue.push("a", Priority::Change);
        assert!(tokio::time::timeout(Duration::from_secs(1), queue.pop()).await.is_err());
        assert!(queue.done(&"a"));
        assert_eq!(queue.pop().await, Some("a"));
        assert!(!queue.done(&"a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_comes_once_at_the_earlier_time() {
        let queue = WorkQueue::default();
        let start = Instant::now();
        queue.push_after("a", Duration::from_secs(20));
        queue.push_after("a", Duration::from_secs(5));
        queue.push_after("a", Duration::from_secs(9));
        assert_eq!(queue.pop().await, Some("a"));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        queue.done(&"a");
        assert!(tokio::time::timeout(Duration::from_secs(60), queue.pop()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_overtakes_a_delay() {
        let queue = WorkQueue::default();
        queue.push_after("a", Duration::from_secs(20));
        queue.push("a", Priority::Change);
        assert_eq!(queue.pop().await, Some("a"));
        queue.done(&"a");
        assert!(tokio::time::timeout(Duration::from_secs(60), queue.pop()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_ends_its_workers() {
        let queue = std::sync::Arc::new(WorkQueue::<&str>::default());
        let worker = tokio::spawn({
            let queue = queue.clone();
            async move { queue.pop().await }
        });
        tokio::task::yield_now().await;
        queue.close();
        assert_eq!(worker.await.unwrap(), None);
        assert_eq!(queue.pop().await, None);
    }
}
