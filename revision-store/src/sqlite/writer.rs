//! The thread that writes.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    commit::{self, Committed},
    compaction, fault,
    lock::Lock,
};
use crate::{
    Event, Revision, StoreError, Write, WriteError, Written, batch::Outcome, commits::CommitCounter,
    hub::Hub, leases::Leases,
};

/// How many requests are taken at one go, and so committed together at most.
const AT_ONCE: usize = 512;

/// How many keys whose lease is over are deleted in one commit.
const EXPIRED_AT_ONCE: usize = 256;

/// What the thread is asked to do.
pub(super) enum Request {
    Write(Write, oneshot::Sender<Result<Written, WriteError>>),
    Compact(Revision, oneshot::Sender<Result<Revision, StoreError>>),
    /// Leases found in an older database: key, revision, seconds.
    Leases(Vec<(String, Revision, u32)>),
}

/// Starts the thread. It ends when all senders of requests are gone; the file is then closed, and free.
pub(super) fn start(
    connection: Connection,
    lock: Lock,
    path: Arc<Path>,
    hub: Arc<Hub>,
    oldest: Arc<AtomicU64>,
    commits: Arc<CommitCounter>,
    requests: mpsc::Receiver<Request>,
) -> io::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
        // However the thread ends: a watch must not wait for one that is gone.
        let _ending = EndsWatches(Arc::clone(&hub));
        let (leases, compactions) = (Leases::default(), Vec::new());
        let writer = Writer { connection, path, hub, oldest, commits, leases, compactions };
        runtime.block_on(writer.run(requests));
        drop(lock);
    })
}

/// Ends all watches when it is dropped.
struct EndsWatches(Arc<Hub>);

impl Drop for EndsWatches {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Writer {
    connection: Connection,
    path: Arc<Path>,
    hub: Arc<Hub>,
    oldest: Arc<AtomicU64>,
    commits: Arc<CommitCounter>,
    leases: Leases,
    /// Compactions under way, and who waits for them.
    compactions: Vec<(Revision, oneshot::Sender<Result<Revision, StoreError>>)>,
}

impl Writer {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut taken = Vec::with_capacity(AT_ONCE);
        loop {
            // While it compacts it only takes what waits already; else it sleeps until there is something to do.
            let until = if self.compactions.is_empty() { self.leases.next() } else { Some(Instant::now()) };
            let received = match until {
                Some(until) => timeout_at(until, requests.recv_many(&mut taken, AT_ONCE)).await,
                None => Ok(requests.recv_many(&mut taken, AT_ONCE).await),
            };
            if received == Ok(0) {
                break;
            }
            self.serve(&mut taken);
            self.end_expired();
            self.compact_a_little();
        }
        self.end();
    }

    /// Does what is asked for, all writes of it in one commit.
    fn serve(&mut self, requests: &mut Vec<Request>) {
        let (mut writes, mut answers) = (Vec::new(), Vec::new());
        for request in requests.drain(..) {
            match request {
                Request::Write(write, answer) => {
                    writes.push(write);
                    answers.push(answer);
                }
                Request::Compact(to, answer) => self.begin_compaction(to, answer),
                Request::Leases(found) => {
                    let now = Instant::now();
                    found
                        .iter()
                        .for_each(|(key, revision, lease)| self.leases.found(key, *revision, *lease, now));
                }
            }
        }
        if writes.is_empty() {
            return;
        }
        let outcomes = self.write(writes);
        // Who no longer waits for its answer has dropped it.
        match outcomes {
            Ok(outcomes) => answers.into_iter().zip(outcomes).for_each(|(answer, outcome)| {
                let _told = answer.send(outcome.map(|done| Written { revision: done.event.revision() }));
            }),
            Err(error) => answers.into_iter().for_each(|answer| {
                let _told = answer.send(Err(error.clone().into()));
            }),
        }
    }

    /// Commits writes and makes them known.
    fn write(&mut self, writes: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        let committed = commit::commit(&mut self.connection, &self.hub, writes);
        let Committed { unknown, outcomes } = committed.map_err(|error| self.failed(error))?;
        self.publish(unknown.iter());
        self.commits.made(outcomes.iter().flatten().count());
        self.publish(outcomes.iter().flatten().map(|done| &done.event));
        Ok(outcomes)
    }

    fn publish<'a>(&mut self, events: impl Iterator<Item = &'a Arc<Event>> + Clone) {
        let now = Instant::now();
        for event in events.clone() {
            let entry = &event.entry;
            self.leases.written(&entry.key, entry.mod_revision, entry.lease, now);
        }
        let upto = events.clone().last().map_or(0, |event| event.revision());
        self.hub.publish(events.cloned(), upto);
    }

    /// What a failed commit means. On a full disk the log may have what the file has already; that space is given back.
    fn failed(&self, error: rusqlite::Error) -> StoreError {
        let error = fault::of(&self.path, error);
        tracing::warn!(error = %error, "the store cannot write");
        if matches!(error, StoreError::Full { .. }) {
            self.checkpoint();
        }
        error
    }

    fn end_expired(&mut self) {
        let now = Instant::now();
        let expired = self.leases.expired(now, EXPIRED_AT_ONCE);
        if expired.is_empty() {
            return;
        }
        let delete = |(key, expected): &(Arc<str>, Revision)| Write::Delete {
            key: key.to_string(),
            expected: *expected,
        };
        // A key that was written meanwhile is refused, and lives as long as that write says.
        if self.write(expired.iter().map(delete).collect()).is_err() {
            // Again in a second.
            expired.iter().for_each(|(key, revision)| self.leases.written(key, *revision, 1, now));
        }
    }

    fn begin_compaction(&mut self, to: Revision, answer: oneshot::Sender<Result<Revision, StoreError>>) {
        let current = self.hub.revision();
        if to > current {
            let _told = answer.send(Err(StoreError::Future { current }));
        } else {
            self.compactions.push((to, answer));
        }
    }

    /// Goes a step further with what is to be compacted.
    fn compact_a_little(&mut self) {
        let Some(to) = self.compactions.iter().map(|(to, _)| *to).max() else { return };
        let from = self.oldest.load(Ordering::Acquire);
        let step = to.min(from + compaction::BATCH);
        if from < step {
            // Before the rows go, so that no read that misses them is taken for whole.
            self.oldest.store(step, Ordering::Release);
            if let Err(error) = compaction::compact(&mut self.connection, from, step) {
                self.oldest.store(from, Ordering::Release);
                let error = self.failed(error);
                self.compactions.drain(..).for_each(|(_, answer)| {
                    let _told = answer.send(Err(error.clone()));
                });
                return;
            }
        }
        let reached = from.max(step);
        for (_, answer) in self.compactions.extract_if(.., |(to, _)| *to <= reached) {
            let _told = answer.send(Ok(reached));
        }
    }

    /// Puts the log into the file.
    fn checkpoint(&self) {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(truncate)", (), |_| Ok(()));
        if let Err(error) = done {
            // Nothing depends on it: the next one does it.
            tracing::debug!(%error, "the log stays beside the file");
        }
    }

    fn end(self) {
        self.checkpoint();
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the database was not closed in order");
        }
    }
}
