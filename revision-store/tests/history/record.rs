//! What is noted while clients use a store.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use revision_store::{Entry, Event, Revision, WatchItem, Write};
use tokio::sync::watch;

/// A place in the order in which requests began and ended, all clients together.
pub(crate) type Moment = u64;

/// One request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    pub(crate) asked: Asked,
    pub(crate) answer: Answer,
}

#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// The value is like no other write's.
    Write(Write),
    Get {
        key: String,
        at: Option<Revision>,
    },
    List {
        prefix: String,
        at: Option<Revision>,
    },
    /// Take away what is older.
    Compact {
        to: Revision,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The write is done, as this revision.
    Done(Revision),
    /// The write is not done, because the key is at this revision; `None`: there is no such key.
    Refused(Option<Revision>),
    /// What there is, at this revision of the store.
    Read { found: Vec<Version>, revision: Revision },
    /// What was before this revision is gone.
    Compacted(Revision),
    /// The request had no effect and will have none.
    Failed,
    /// Nobody can tell whether the write is done, or will be.
    Unknown,
}

/// A key with its value, as a read shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) key: String,
    pub(crate) revision: Revision,
    pub(crate) value: Bytes,
}

impl From<Entry> for Version {
    fn from(entry: Entry) -> Self {
        Self { key: entry.key, revision: entry.mod_revision, value: entry.value }
    }
}

/// What one reader was told. Where its watch broke off, it has begun another from there, at any replica.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) prefix: String,
    pub(crate) after: Revision,
    pub(crate) told: Vec<WatchItem>,
}

/// All that was noted.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// The revision at which it begins; no key of the clients is there yet.
    pub(crate) after: Revision,
    /// Every write since then, as the store tells of it afterwards.
    pub(crate) log: Vec<Event>,
    pub(crate) calls: Vec<Call>,
    /// Each reaches to the log's end.
    pub(crate) streams: Vec<Stream>,
}

impl History {
    /// How often something was compacted, and how many reads were refused because of it.
    pub(crate) fn compactions(&self) -> (usize, usize) {
        let told = self.calls.iter().filter(|call| matches!(call.answer, Answer::Compacted(_)));
        let (done, refused): (Vec<_>, Vec<_>) =
            told.partition(|call| matches!(call.asked, Asked::Compact { .. }));
        (done.len(), refused.len())
    }
}

/// Notes calls of clients that run side by side.
#[derive(Default)]
pub(crate) struct Recorder {
    clock: AtomicU64,
    calls: Mutex<Vec<Call>>,
    done: watch::Sender<usize>,
}

impl Recorder {
    /// Notes a request while it is made.
    pub(crate) async fn note<T>(
        &self,
        asked: Asked,
        request: impl Future<Output = T>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> T {
        let began = self.clock.fetch_add(1, Ordering::SeqCst);
        let answered = request.await;
        let ended = self.clock.fetch_add(1, Ordering::SeqCst);
        let answer = answer(&answered);
        if matches!(answer, Answer::Done(_)) {
            self.done.send_modify(|done| *done += 1);
        }
        self.calls.lock().push(Call { began, ended, asked, answer });
        answered
    }

    /// How many writes are done so far.
    pub(crate) fn done(&self) -> watch::Receiver<usize> {
        self.done.subscribe()
    }

    /// All that was noted; nothing is left.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock())
    }
}
