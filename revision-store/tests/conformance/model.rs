//! Random use, compared with a model that replays the whole history for each question.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::BoxFuture;
use proptest::{collection::vec, prelude::*};
use revision_store::{
    Entry, EventKind, Range, Revision, Store, StoreError, Watch, WatchItem, Write, WriteError,
};

use crate::steps::next;

const KEYS: [&str; 6] = ["/t/a", "/t/a/1", "/t/a/2", "/t/ab", "/t/b/1", "/t/é"];
const PREFIXES: [&str; 4] = ["/t/", "/t/a", "/t/a/", "/t/é"];

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Create {
        key: usize,
    },
    /// `stale`: with a revision that is not the key's.
    Update {
        key: usize,
        stale: bool,
    },
    Delete {
        key: usize,
        stale: bool,
    },
    /// `back`: so many revisions before the newest; 0 asks for the newest without naming it.
    Get {
        key: usize,
        back: u64,
    },
    List {
        prefix: usize,
        limit: usize,
        back: u64,
    },
    Watch {
        prefix: usize,
        back: u64,
    },
    Read {
        watch: usize,
        events: usize,
    },
    /// Ends the store and opens it again, where it outlives that.
    Reopen,
    Compact {
        back: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (key, prefix, back) = (0..KEYS.len(), 0..PREFIXES.len(), 0..12_u64);
    let stale = prop::bool::weighted(0.2);
    prop_oneof![
        4 => key.clone().prop_map(|key| Step::Create { key }),
        6 => (key.clone(), stale).prop_map(|(key, stale)| Step::Update { key, stale }),
        3 => (key.clone(), stale).prop_map(|(key, stale)| Step::Delete { key, stale }),
        3 => (key, back.clone()).prop_map(|(key, back)| Step::Get { key, back }),
        3 => (prefix.clone(), 0..4_usize, back.clone()).prop_map(|(prefix, limit, back)| Step::List { prefix, limit, back }),
        2 => (prefix, back.clone()).prop_map(|(prefix, back)| Step::Watch { prefix, back }),
        2 => (0..4_usize, 0..6_usize).prop_map(|(watch, events)| Step::Read { watch, events }),
        1 => back.prop_map(|back| Step::Compact { back }),
        1 => Just(Step::Reopen),
    ]
}

/// Every write since the start, and nothing else.
#[derive(Default)]
struct Model {
    /// Revision, key, value or deletion.
    history: Vec<(Revision, &'static str, Option<String>)>,
    oldest: Revision,
}

impl Model {
    fn at(&self, revision: Revision) -> BTreeMap<&'static str, Entry> {
        let mut keys: BTreeMap<&'static str, Entry> = BTreeMap::new();
        for (mod_revision, key, value) in self.history.iter().filter(|(number, ..)| *number <= revision) {
            let create_revision = keys.get(key).map_or(*mod_revision, |entry| entry.create_revision);
            match value {
                None => drop(keys.remove(key)),
                Some(value) => {
                    let value = value.clone().into();
                    let (key_text, mod_revision) = ((*key).to_owned(), *mod_revision);
                    let entry = Entry { key: key_text, value, create_revision, mod_revision, lease: 0 };
                    keys.insert(key, entry);
                }
            }
        }
        keys
    }

    fn events(&self, prefix: &str, after: Revision) -> Vec<(Revision, &'static str, Option<String>)> {
        self.history
            .iter()
            .filter(|(revision, key, _)| *revision > after && key.starts_with(prefix))
            .cloned()
            .collect()
    }
}

struct Watched {
    watch: Watch,
    expected: &'static str,
    told: Revision,
}

struct Run {
    store: Arc<dyn Store>,
    reopen: Option<Reopen>,
    model: Model,
    start: Revision,
    newest: Revision,
    watches: Vec<Watched>,
}

impl Run {
    async fn new(store: Arc<dyn Store>, reopen: Option<Reopen>) -> Self {
        let start = store.revision().await.unwrap();
        Self { store, reopen, model: Model::default(), start, newest: start, watches: Vec::new() }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Create { key } => self.create(KEYS[key]).await,
            Step::Update { key, stale } => self.change(KEYS[key], stale, Some(self.newest.to_string())).await,
            Step::Delete { key, stale } => self.change(KEYS[key], stale, None).await,
            Step::Get { key, back } => self.get(KEYS[key], back).await,
            Step::List { prefix, limit, back } => self.list(PREFIXES[prefix], limit, back).await,
            Step::Watch { prefix, back } => self.watch(PREFIXES[prefix], back).await,
            Step::Read { watch, events } => self.read(watch, events).await,
            Step::Compact { back } => self.compact(back).await,
            Step::Reopen => self.reopen().await,
        }
    }

    fn revision(&self, back: u64) -> Revision {
        self.newest.saturating_sub(back).max(self.start)
    }

    async fn create(&mut self, key: &'static str) {
        let value = format!("new {}", self.newest);
        let write = Write::Create { key: key.to_owned(), value: value.clone().into(), lease: 0 };
        match (self.store.write(write).await, self.model.at(self.newest).get(key)) {
            (Ok(written), None) => self.done(written.revision, key, Some(value)),
            (Err(WriteError::Exists { revision }), Some(entry)) => assert_eq!(revision, entry.mod_revision),
            other => panic!("{other:?}"),
        }
    }

    async fn change(&mut self, key: &'static str, stale: bool, value: Option<String>) {
        let current = self.model.at(self.newest).remove(key);
        let expected = current.as_ref().map_or(self.newest, |entry| entry.mod_revision) - u64::from(stale);
        let (name, done) = (key.to_owned(), value.clone());
        let write = match value {
            Some(value) => Write::Update { key: name, value: value.into(), expected, lease: 0 },
            None => Write::Delete { key: name, expected },
        };
        match self.store.write(write).await {
            Ok(written) if current.is_some() && !stale => self.done(written.revision, key, done),
            Err(WriteError::Conflict { current: found }) if current.is_none() || stale => {
                assert_eq!(found, current);
            }
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, revision: Revision, key: &'static str, value: Option<String>) {
        assert_eq!(revision, self.newest + 1);
        self.newest = revision;
        self.model.history.push((revision, key, value));
    }

    async fn get(&self, key: &str, back: u64) {
        let at = self.revision(back);
        match self.store.get(key, (back > 0).then_some(at)).await {
            Ok(got) => {
                assert!(at >= self.model.oldest);
                assert_eq!((got.entry.as_ref(), got.revision), (self.model.at(at).get(key), self.newest));
            }
            Err(error) => self.assert_compacted(&error, at),
        }
    }

    async fn list(&self, prefix: &str, limit: usize, back: u64) {
        let at = self.revision(back);
        let expected: Vec<_> =
            self.model.at(at).into_values().filter(|entry| entry.key.starts_with(prefix)).collect();
        let mut range = Range { limit, at: (back > 0).then_some(at), ..Range::prefix(prefix) };
        let mut found = Vec::new();
        loop {
            match self.store.list(range.clone()).await {
                Ok(page) => {
                    assert!(at >= self.model.oldest);
                    assert_eq!(page.revision, at);
                    found.extend(page.entries);
                    assert_eq!(page.remaining, (expected.len() - found.len()) as u64);
                    if page.remaining == 0 {
                        break;
                    }
                    range.after = found.last().map(|entry| entry.key.clone());
                    range.at = Some(at);
                }
                Err(error) => return self.assert_compacted(&error, at),
            }
        }
        assert_eq!(found, expected);
        if back == 0 {
            assert_eq!(self.store.count(prefix).await.unwrap(), found.len() as u64);
        }
    }

    async fn watch(&mut self, prefix: &'static str, back: u64) {
        let after = self.revision(back);
        match self.store.watch(prefix, after).await {
            Ok(watch) => {
                assert!(after >= self.model.oldest);
                self.watches.push(Watched { watch, expected: prefix, told: after });
            }
            Err(error) => self.assert_compacted(&error, after),
        }
    }

    async fn read(&mut self, watch: usize, events: usize) {
        if self.watches.is_empty() {
            return;
        }
        let index = watch % self.watches.len();
        let Watched { watch, expected, told } = &mut self.watches[index];
        let expected: Vec<_> = self.model.events(expected, *told).into_iter().take(events).collect();
        for (revision, key, value) in expected {
            let event = match next(watch).await {
                Some(Ok(WatchItem::Event(event))) => event,
                Some(Err(StoreError::Compacted { .. })) if *told < self.model.oldest => {
                    *told = Revision::MAX;
                    return;
                }
                other => panic!("{other:?}"),
            };
            assert_eq!((event.revision(), event.entry.key.as_str()), (revision, key));
            assert_eq!(event.kind, if value.is_some() { EventKind::Put } else { EventKind::Delete });
            let previous = self.model.at(revision - 1).remove(key);
            let after = self.model.at(revision).remove(key);
            let gone = previous.clone().map(|entry| Entry { mod_revision: revision, ..entry });
            assert_eq!(Some(&event.entry), after.or(gone).as_ref());
            assert_eq!(event.previous, previous);
            *told = revision;
        }
    }

    async fn compact(&mut self, back: u64) {
        let to = self.revision(back);
        self.model.oldest = self.model.oldest.max(to);
        assert_eq!(self.store.compact(to).await.unwrap(), self.model.oldest);
    }

    async fn reopen(&mut self) {
        if self.reopen.is_none() {
            return;
        }
        for index in 0..self.watches.len() {
            self.read(index, usize::MAX).await;
        }
        self.store.close().await;
        for Watched { watch, told, .. } in &mut self.watches {
            match next(watch).await {
                Some(Err(StoreError::Closed)) | None => {}
                Some(Err(StoreError::Compacted { .. })) if *told < self.model.oldest => {}
                other => panic!("{other:?}"),
            }
        }
        self.watches.clear();
        if let Some(reopen) = &self.reopen {
            self.store = reopen().await;
        }
        assert_eq!(self.store.revision().await.unwrap(), self.newest);
    }

    fn assert_compacted(&self, error: &StoreError, at: Revision) {
        assert!(at < self.model.oldest, "{error} at {at}");
        assert!(matches!(error, StoreError::Compacted { oldest } if *oldest == self.model.oldest), "{error}");
    }

    /// Everything that can be asked, once more.
    async fn end(&mut self) {
        for back in 0..12 {
            self.list("/t/", 0, back).await;
        }
        for index in 0..self.watches.len() {
            self.read(index, usize::MAX).await;
        }
        self.store.close().await;
    }
}

/// Opens a store again that was closed.
pub(crate) type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Store>>>;

/// Does these steps with a store that is new, or newly opened.
pub(crate) async fn run(store: Arc<dyn Store>, reopen: Option<Reopen>, steps: Vec<Step>) {
    let mut run = Run::new(store, reopen).await;
    for step in steps {
        run.step(step).await;
    }
    run.end().await;
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 0..80)
}

pub(crate) fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}
