//! A store in one SQLite file.

mod commit;
mod compaction;
mod fault;
mod key_range;
mod lock;
mod open;
mod options;
mod queries;
mod readers;
mod rows;
mod table;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use async_trait::async_trait;
pub use options::SqliteOptions;
use parking_lot::Mutex;
use readers::Readers;
pub(crate) use rows::{import, rows};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use writer::Request;

use crate::{
    Commits, Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
    commits::CommitCounter,
    history::{History, Stretch},
    hub::Hub,
    limits,
};

/// A store in one file, with the table that [kine](https://github.com/k3s-io/kine) uses.
///
/// One thread writes. It commits all writes that wait at that moment together, and answers them when the disk has
/// them. Readers have connections of their own and never wait for it. Beside the file are SQLite's `-wal` and `-shm`
/// while it is open, and a `.lock` that keeps a second process out. The file has to be on a local disk.
///
/// A clone is another handle. [`Store::close`] gives the file free at once; without it that happens shortly after the
/// last handle and the last watch are dropped.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: Arc<Path>,
    hub: Arc<Hub>,
    /// The oldest revision that can be read; raised before what is older is deleted.
    oldest: Arc<AtomicU64>,
    commits: Arc<CommitCounter>,
    /// Before `requests`, as in `close`: the writer has to be the last to close the file.
    readers: Readers,
    /// `None` once the store is closed.
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens a file, or makes it if it does not exist. The folder has to exist.
    ///
    /// [`StoreError::Locked`], [`StoreError::Corrupt`], [`StoreError::ReadOnly`] and [`StoreError::Full`] say what is
    /// wrong with it. What a killed process had acknowledged is there.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// As [`SqliteStore::open`], with other limits.
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(path, &options));
        opened.await.map_err(|_ended| StoreError::Closed)?
    }

    fn open_blocking(path: PathBuf, options: &SqliteOptions) -> Result<Self, StoreError> {
        let opened = open::open(&path, options)?;
        let path: Arc<Path> = path.into();
        let hub = Arc::new(Hub::new(opened.revision));
        let oldest = Arc::new(AtomicU64::new(opened.oldest));
        let commits = Arc::new(CommitCounter::default());
        let (requests, waiting) = mpsc::channel(options.queue);
        let writer = writer::start(
            opened.writer,
            opened.lock,
            Arc::clone(&path),
            Arc::clone(&hub),
            Arc::clone(&oldest),
            Arc::clone(&commits),
            waiting,
        )
        .map_err(|source| fault::io(&path, source))?;
        let shared = Shared {
            path,
            hub,
            oldest,
            commits,
            readers: Readers::new(opened.readers),
            requests: Mutex::new(Some(requests)),
            writer: Mutex::new(Some(writer)),
        };
        let store = Self { shared: Arc::new(shared) };
        store.find_leases();
        Ok(store)
    }

    /// Tells the writer of the leases in an older database, while the store is in use already.
    fn find_leases(&self) {
        let store = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            let mut after = 0;
            // Each turn holds the store for one short read only, so it can be dropped meanwhile.
            while let Some(shared) = store.upgrade() {
                let upto = shared.hub.revision();
                if after >= upto {
                    return;
                }
                let found = shared.read(move |connection| queries::leases(connection, after, upto)).await;
                let leases = match found {
                    Ok(leases) => leases,
                    Err(error) => {
                        return tracing::warn!(%error, "older leases do not end before the next start");
                    }
                };
                after = leases.reached;
                if !leases.found.is_empty() && shared.request(Request::Leases(leases.found)).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { path, hub, .. } = &*self.shared;
        formatter
            .debug_struct("SqliteStore")
            .field("path", path)
            .field("revision", &hub.revision())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Hands something to the writer; waits while too much waits already.
    async fn request(&self, request: Request) -> Result<(), StoreError> {
        let requests = self.requests.lock().clone().ok_or(StoreError::Closed)?;
        requests.send(request).await.map_err(|_closed| StoreError::Closed)
    }

    /// Runs a read on a connection of its own, off the caller's thread.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(read).await?.map_err(|error| fault::of(&self.path, error))
    }

    /// Reads at a revision, or at the newest. What is read is what was published: a write that is committed but not
    /// published yet is not seen, so a watch can begin where a read was.
    async fn read_at<T: Send + 'static>(
        &self,
        at: Option<Revision>,
        read: impl FnOnce(&mut Connection, Revision) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<(T, Revision), StoreError> {
        loop {
            let current = self.hub.revision();
            let revision = at.unwrap_or(current);
            if revision > current {
                return Err(StoreError::Future { current });
            }
            self.check_kept(revision)?;
            let read = read.clone();
            let found = self.read(move |connection| read(connection, revision)).await?;
            // A compaction that overtook the read may have taken some of it.
            match (self.check_kept(revision), at) {
                (Ok(()), _) => return Ok((found, revision)),
                (Err(compacted), Some(_)) => return Err(compacted),
                (Err(_), None) => {}
            }
        }
    }

    fn check_kept(&self, revision: Revision) -> Result<(), StoreError> {
        let oldest = self.oldest.load(Ordering::Acquire);
        if revision < oldest { Err(StoreError::Compacted { oldest }) } else { Ok(()) }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.requests.lock().is_some() { Ok(()) } else { Err(StoreError::Closed) }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        limits::check(&write)?;
        let (answer, answered) = oneshot::channel();
        self.shared.request(Request::Write(write, answer)).await?;
        answered.await.map_err(|_ended| StoreError::Closed)?
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        self.shared.check_open()?;
        // What is read is often what was written a moment ago.
        if at.is_none()
            && let Some((event, revision)) = self.shared.hub.newest_of(key)
        {
            return Ok(Got { entry: event.present(), revision });
        }
        let key = key.to_owned();
        let get = move |connection: &mut Connection, revision| queries::get(connection, &key, revision);
        let (entry, read_at) = self.shared.read_at(at, get).await?;
        let revision = if at.is_some() { self.shared.hub.revision() } else { read_at };
        Ok(Got { entry, revision })
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        let at = range.at;
        let list = move |connection: &mut Connection, revision| queries::list(connection, &range, revision);
        let ((entries, remaining), revision) = self.shared.read_at(at, list).await?;
        Ok(Page { entries, revision, remaining })
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        let prefix = prefix.to_owned();
        let count =
            move |connection: &mut Connection, revision| queries::count(connection, &prefix, None, revision);
        Ok(self.shared.read_at(None, count).await?.0)
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        self.shared.check_open()?;
        self.shared.check_kept(after)?;
        Watch::begin(&self.shared.hub, Arc::clone(&self.shared) as Arc<dyn History>, prefix, after)
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.shared.request(Request::Compact(to, answer)).await?;
        answered.await.map_err(|_ended| StoreError::Closed)?
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.shared.check_open().map(|()| self.shared.hub.revision())
    }

    fn commits(&self) -> Option<Commits> {
        Some(self.shared.commits.count())
    }

    async fn close(&self) {
        let requests = self.shared.requests.lock().take();
        // The readers go first: the last connection puts everything into the one file, and only a writer can.
        self.shared.readers.close().await;
        // The writer does what it was asked for before, and ends.
        drop(requests);
        let writer = self.shared.writer.lock().take();
        if let Some(writer) = writer {
            // It only ends by a panic if something here is wrong; the file is then free too.
            let _ended = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        self.shared.hub.close();
    }
}

#[async_trait]
impl History for Shared {
    async fn stretch(&self, prefix: &str, after: Revision, upto: Revision) -> Result<Stretch, StoreError> {
        self.check_kept(after)?;
        let prefix = prefix.to_owned();
        let read = move |connection: &mut Connection| queries::stretch(connection, &prefix, after, upto);
        let stretch = self.read(read).await?;
        self.check_kept(after)?;
        Ok(stretch)
    }
}
