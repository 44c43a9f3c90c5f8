//! Clients of a store: they write, read and watch until they are told to stop, and note what they were answered.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, future::join_all};
use revision_store::{
    Entry, Event, Range, Revision, Store, StoreError, WatchItem, Write, WriteError, Written,
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::record::{Answer, Asked, History, Recorder, Stream, Version};

/// The clients' keys, all of them.
const ROOT: &str = "/clients/";
/// How many keys the writers share.
const SHARED: u64 = 16;
/// After how many writes what all watches have been told of is compacted.
const COMPACTS_AFTER: usize = 150;
/// How far back reads at a revision go; some of it is compacted.
const BACK: u64 = 600;
/// How long a key with a lease lives, in seconds.
const LEASE: u32 = 1;
/// After how many items a watch goes on at another replica.
const MOVES_AFTER: usize = 100;
/// How long a store that does not answer is left alone.
const PAUSE: Duration = Duration::from_millis(20);

/// How many clients there are.
#[derive(Clone, Copy)]
pub(crate) struct Clients {
    pub(crate) writers: usize,
    pub(crate) readers: usize,
    pub(crate) watchers: usize,
}

/// Clients at work.
pub(crate) struct Drive {
    stores: Arc<[Arc<dyn Store>]>,
    after: Revision,
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    end: watch::Sender<Option<Revision>>,
    workers: Vec<JoinHandle<()>>,
    watchers: Vec<JoinHandle<Stream>>,
    keeper: JoinHandle<Vec<Event>>,
}

impl Drive {
    /// Sets clients to work on stores that are replicas of each other. Each request goes to any of them.
    pub(crate) async fn start(stores: Vec<Arc<dyn Store>>, clients: Clients) -> Self {
        let stores: Arc<[Arc<dyn Store>]> = stores.into();
        let after = stores[0].revision().await.unwrap();
        let recorder = Arc::new(Recorder::default());
        let (stop, end) = (watch::Sender::new(false), watch::Sender::new(None));
        let client = |number| Client {
            number,
            turn: 0,
            after,
            stores: Arc::clone(&stores),
            recorder: Arc::clone(&recorder),
            stop: stop.subscribe(),
        };
        let writers = (0..clients.writers).map(|number| tokio::spawn(client(number).write()));
        let readers =
            (0..clients.readers).map(|number| tokio::spawn(client(clients.writers + number).read()));
        let workers = writers.chain(readers).collect();
        let reached: Arc<[AtomicU64]> = (0..clients.watchers).map(|_| AtomicU64::new(after)).collect();
        let watchers = (0..clients.watchers)
            .map(|number| {
                // Some follow everything, some the keys of one writer, some those that are shared.
                let prefix = match number % 3 {
                    0 => ROOT.to_owned(),
                    1 => format!("{ROOT}{number}/"),
                    _ => format!("{ROOT}shared/"),
                };
                tokio::spawn(follow(
                    Arc::clone(&stores),
                    number,
                    prefix,
                    Arc::clone(&reached),
                    end.subscribe(),
                ))
            })
            .collect();
        let keeper =
            tokio::spawn(keep(Arc::clone(&stores), after, Arc::clone(&recorder), reached, stop.subscribe()));
        Self { stores, after, recorder, stop, end, workers, watchers, keeper }
    }

    /// Waits until so many more writes are done.
    pub(crate) async fn writes(&self, more: usize) {
        let mut done = self.recorder.done();
        let goal = *done.borrow() + more;
        done.wait_for(|done| *done >= goal).await.unwrap();
    }

    /// Ends the clients when their requests are answered, the watchers when they have been told everything.
    pub(crate) async fn finish(self) -> History {
        self.stop.send_replace(true);
        for worker in self.workers {
            worker.await.unwrap();
        }
        let mut log = self.keeper.await.unwrap();
        let end = self.stores[0].revision().await.unwrap();
        self.end.send_replace(Some(end));
        let mut streams: Vec<_> = join_all(self.watchers).await.into_iter().map(Result::unwrap).collect();
        // Keys with a lease end after the end, too.
        streams.iter_mut().for_each(|stream| stream.told.retain(|item| upto(item) <= end));
        read_log(&*self.stores[0], self.after, end, &mut log).await.unwrap();
        History { after: self.after, log, calls: self.recorder.calls(), streams }
    }
}

/// Reads on in the log of all writes, from the last one that is there already up to a revision.
async fn read_log(
    store: &dyn Store,
    after: Revision,
    end: Revision,
    log: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let last = |log: &[Event]| log.last().map_or(after, Event::revision);
    let mut items = store.watch("", last(log)).await?.progress_every(PAUSE);
    while last(log) < end {
        match items.next().await.transpose()? {
            Some(WatchItem::Event(event)) => log.push(event),
            Some(WatchItem::Progress(revision)) if revision >= end => break,
            Some(WatchItem::Progress(_)) => {}
            None => panic!("the watch ended"),
        }
    }
    Ok(())
}

/// Compacts again and again what every watch has been told of, and keeps the log of it.
async fn keep(
    stores: Arc<[Arc<dyn Store>]>,
    after: Revision,
    recorder: Arc<Recorder>,
    reached: Arc<[AtomicU64]>,
    mut stop: watch::Receiver<bool>,
) -> Vec<Event> {
    let (mut log, mut done) = (Vec::new(), recorder.done());
    for store in stores.iter().cycle() {
        let goal = *done.borrow() + COMPACTS_AFTER;
        tokio::select! {
            _ = done.wait_for(|done| *done >= goal) => {}
            _ = stop.wait_for(|stop| *stop) => return log,
        }
        let to = reached.iter().map(|reached| reached.load(Ordering::SeqCst)).min().unwrap_or(after);
        if let Err(error) = read_log(&**store, after, to, &mut log).await {
            check_temporary(&error);
            continue;
        }
        let compact = recorder.note(Asked::Compact { to }, store.compact(to), |compacted| match compacted {
            Ok(oldest) => Answer::Compacted(*oldest),
            Err(_) => Answer::Unknown,
        });
        if let Err(error) = compact.await {
            check_temporary(&error);
        }
    }
    log
}

/// Up to where a watch's item tells of everything.
fn upto(item: &WatchItem) -> Revision {
    match item {
        WatchItem::Event(event) => event.revision(),
        WatchItem::Progress(revision) => *revision,
    }
}

async fn follow(
    stores: Arc<[Arc<dyn Store>]>,
    number: usize,
    prefix: String,
    told_upto: Arc<[AtomicU64]>,
    mut end: watch::Receiver<Option<Revision>>,
) -> Stream {
    let mut reached = told_upto[number].load(Ordering::SeqCst);
    let mut stream = Stream { prefix, after: reached, told: Vec::new() };
    for turn in number.. {
        let mut watch = match stores[turn % stores.len()].watch(&stream.prefix, reached).await {
            Ok(watch) => watch.progress_every(PAUSE),
            Err(error) => {
                check_temporary(&error);
                sleep(PAUSE).await;
                continue;
            }
        };
        let moves_at = stream.told.len() + MOVES_AFTER;
        while stream.told.len() < moves_at {
            let last = *end.borrow();
            if last.is_some_and(|last| reached >= last) {
                return stream;
            }
            let item = tokio::select! {
                item = watch.next() => item,
                _changed = end.changed() => continue,
            };
            let item = match item {
                Some(Ok(item)) => item,
                Some(Err(error)) => {
                    check_temporary(&error);
                    break;
                }
                None => break,
            };
            reached = upto(&item);
            told_upto[number].store(reached, Ordering::SeqCst);
            // What is written after the end is nobody's.
            if last.is_none_or(|last| reached <= last) {
                stream.told.push(item);
            }
        }
    }
    stream
}

/// A store may be away. It may not say that a revision that it has told of is not there.
fn check_temporary(error: &StoreError) {
    assert!(!matches!(error, StoreError::Compacted { .. } | StoreError::Future { .. }), "{error}");
}

struct Client {
    number: usize,
    turn: u64,
    after: Revision,
    stores: Arc<[Arc<dyn Store>]>,
    recorder: Arc<Recorder>,
    stop: watch::Receiver<bool>,
}

impl Client {
    /// A number that differs from turn to turn, and is the same in every run.
    fn chance(&self, what: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.number, self.turn, what).hash(&mut hasher);
        hasher.finish()
    }

    /// True once in so many turns.
    fn once_in(&self, turns: u64, what: &str) -> bool {
        self.chance(what).is_multiple_of(turns)
    }

    /// The next turn's store, unless it is time to stop.
    fn next(&mut self) -> Option<Arc<dyn Store>> {
        self.turn += 1;
        let place = usize::try_from(self.chance("store") % self.stores.len() as u64).unwrap();
        (!*self.stop.borrow()).then(|| Arc::clone(&self.stores[place]))
    }

    /// Half of the keys are this client's alone.
    fn key(&self) -> String {
        match self.chance("whose") % 2 {
            0 => format!("{ROOT}shared/{}", self.chance("key") % SHARED),
            _ => format!("{ROOT}{}/{}", self.number, self.chance("key") % 4),
        }
    }

    async fn write(mut self) {
        let mut known: HashMap<String, Option<Revision>> = HashMap::new();
        while let Some(store) = self.next() {
            let key = self.key();
            let Some(&current) = known.get(&key) else {
                if let Some(found) = self.get(&*store, &key, None).await {
                    known.insert(key, found);
                }
                continue;
            };
            let value = format!("{} {}", self.number, self.turn).into();
            let lease = if self.once_in(10, "lease") { LEASE } else { 0 };
            let write = match current {
                None => Write::Create { key: key.clone(), value, lease },
                Some(expected) if self.once_in(5, "kind") => Write::Delete { key: key.clone(), expected },
                Some(expected) => Write::Update { key: key.clone(), value, expected, lease },
            };
            let is_deletion = matches!(write, Write::Delete { .. });
            let asked = Asked::Write(write.clone());
            let outcome = self.recorder.note(asked, store.write(write), answer).await;
            match answer(&outcome) {
                Answer::Done(revision) => known.insert(key, (!is_deletion).then_some(revision)),
                Answer::Refused(current) => known.insert(key, current),
                _ => {
                    sleep(PAUSE).await;
                    known.remove(&key)
                }
            };
        }
    }

    async fn read(mut self) {
        let mut newest = self.after;
        while let Some(store) = self.next() {
            let back = self.chance("at") % BACK.min(newest - self.after + 1);
            let at = self.once_in(2, "now").then(|| newest - back);
            if !self.once_in(8, "kind") {
                let key = self.key();
                self.get(&*store, &key, at).await;
                continue;
            }
            let prefix = if self.once_in(2, "prefix") { format!("{ROOT}shared/") } else { ROOT.to_owned() };
            let list = store.list(Range { at, ..Range::prefix(prefix.clone()) });
            let note = self.recorder.note(Asked::List { prefix, at }, list, |page| match page {
                Ok(page) => read(page.entries.clone(), page.revision),
                Err(error) => unread(error),
            });
            match note.await {
                Ok(page) => newest = newest.max(page.revision),
                Err(StoreError::Compacted { .. }) => {}
                Err(error) => {
                    check_temporary(&error);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// The revision at which a key is; `None` if the store does not say.
    async fn get(&self, store: &dyn Store, key: &str, at: Option<Revision>) -> Option<Option<Revision>> {
        let asked = Asked::Get { key: key.to_owned(), at };
        let note = self.recorder.note(asked, store.get(key, at), |got| match got {
            Ok(got) => read(got.entry.clone(), got.revision),
            Err(error) => unread(error),
        });
        match note.await {
            Ok(got) => Some(got.entry.map(|entry| entry.mod_revision)),
            Err(StoreError::Compacted { .. }) => None,
            Err(error) => {
                check_temporary(&error);
                sleep(PAUSE).await;
                None
            }
        }
    }
}

fn read(found: impl IntoIterator<Item = Entry>, revision: Revision) -> Answer {
    Answer::Read { found: found.into_iter().map(Version::from).collect(), revision }
}

fn unread(error: &StoreError) -> Answer {
    match error {
        StoreError::Compacted { oldest } => Answer::Compacted(*oldest),
        _ => Answer::Failed,
    }
}

/// What a writer may conclude from an outcome.
fn answer(outcome: &Result<Written, WriteError>) -> Answer {
    match outcome {
        Ok(written) => Answer::Done(written.revision),
        Err(WriteError::Exists { revision }) => Answer::Refused(Some(*revision)),
        Err(WriteError::Conflict { current }) => {
            Answer::Refused(current.as_ref().map(|entry| entry.mod_revision))
        }
        Err(WriteError::Store(StoreError::Unknown { .. } | StoreError::Closed | StoreError::Io { .. })) => {
            Answer::Unknown
        }
        Err(_) => Answer::Failed,
    }
}
