//! A store in a database that speaks MySQL's protocol.
//!
//! ```text
//!  write ─▶ queue ─▶ writer ─ group commit ─▶ kine's table ◀─ reads, on a pool
//!                      │                          │
//!                      └ own commits ─▶ publisher ◀─┴─ tail: what others wrote
//!                                           └─▶ hub ─▶ watches
//! ```

mod address;
mod batch;
mod compaction;
mod connector;
mod expiry;
mod fault;
mod gets;
mod latest;
mod options;
mod publisher;
mod queries;
mod readers;
mod request;
mod rows;
mod schema;
mod table;
mod tail;
mod writer;

use std::{sync::Arc, time::Duration};

pub use address::{MysqlAddress, MysqlPassword, MysqlServer, MysqlTls};
use async_trait::async_trait;
use connector::Connector;
use futures::future::BoxFuture;
use gets::Gets;
use mysql_async::Conn;
pub use options::MysqlOptions;
use parking_lot::Mutex;
use publisher::Publisher;
use queries::Extent;
use readers::Readers;
use request::Request;
pub(crate) use rows::{import, rows};
use schema::Fail;
use tail::Tail;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use writer::Writer;

use crate::{
    Commits, Got, Page, Range, Revision, Store, StoreError, Watch, Write, WriteError, Written,
    commits::CommitCounter,
    history::{History, Stretch},
    limits,
};

/// How long to wait before a store is tried to be opened again.
const PAUSE: Duration = Duration::from_millis(100);

/// A store in a database of MySQL, MariaDB or OceanBase, with the table that [kine](https://github.com/k3s-io/kine)
/// uses.
///
/// Any number of stores, in any number of processes, can be open on one database: each reads and writes, and the watches
/// of each hear of all writes. Every connection has to reach the server that writes, not a copy that lags behind.
///
/// While the database is away, writes and reads are [`StoreError::Unavailable`] when their time is over; watches wait,
/// and go on.
///
/// A clone is another handle. [`Store::close`] ends the connections; without it that happens shortly after the last
/// handle and the last watch are dropped.
#[derive(Clone)]
pub struct MysqlStore {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Arc<Connector>,
    publisher: Arc<Publisher>,
    readers: Arc<Readers>,
    gets: Gets,
    /// `None` once the store is closed.
    queue: Mutex<Option<mpsc::Sender<Request>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    commits: Arc<CommitCounter>,
    closed: CancellationToken,
    /// Ends what runs in the background when the last handle is gone.
    _end: DropGuard,
}

impl MysqlStore {
    /// Opens a database, and makes what is missing in it: itself, its tables.
    ///
    /// [`StoreError::Unavailable`] if it does not answer for a read's time, [`StoreError::NoRights`] with the statements
    /// to run if the user may not make the tables, [`StoreError::NewerSchema`] if they are a newer program's.
    pub async fn open(address: MysqlAddress) -> Result<Self, StoreError> {
        Self::open_with(address, MysqlOptions::default()).await
    }

    /// As [`MysqlStore::open`], with other limits.
    pub async fn open_with(address: MysqlAddress, options: MysqlOptions) -> Result<Self, StoreError> {
        let connector = Arc::new(Connector::new(address, options));
        let replica = Uuid::new_v4().simple();
        let seen = format!("seen:{replica}");
        let (newest, oldest) = prepare(&connector, &seen).await?;
        let publisher = Arc::new(Publisher::new(newest, oldest));
        let (queue, waiting) = mpsc::channel(connector.options.queue.max(1));
        let commits = Arc::new(CommitCounter::default());
        let writer = Writer::new(
            Arc::clone(&connector),
            Arc::clone(&publisher),
            Arc::clone(&commits),
            format!("batch:{replica}"),
        );
        let writer = tokio::spawn(writer.run(waiting));
        let closed = CancellationToken::new();
        let readers = Arc::new(Readers::new(connector.options.readers));
        let shared = Arc::new(Shared {
            gets: Gets::new(Arc::clone(&connector), &readers),
            readers,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writer)),
            commits,
            _end: closed.clone().drop_guard(),
            closed: closed.clone(),
            publisher: Arc::clone(&publisher),
            connector: Arc::clone(&connector),
        });
        let tail = Tail::new(connector, Arc::clone(&publisher), seen);
        tokio::spawn(tail.run(closed.clone()));
        tokio::spawn(expiry::run(Arc::downgrade(&shared), publisher, closed));
        Ok(Self { shared })
    }
}

/// Makes the tables, again and again while the database cannot be asked, for a read's time.
async fn prepare(connector: &Connector, seen: &str) -> Result<(Revision, Revision), StoreError> {
    let begin = Instant::now();
    let end = begin + connector.options.read_timeout;
    loop {
        match timeout_at(end, schema::prepare(connector, seen)).await {
            Ok(Ok(extent)) => return Ok(extent),
            Ok(Err(Fail::Store(error))) => return Err(error),
            Ok(Err(Fail::Fault(fault))) => {
                connector.note(&fault);
                if let Some(error) = fault.lasting(&connector.place) {
                    return Err(error);
                }
            }
            Err(_late) => {}
        }
        if Instant::now() + PAUSE >= end {
            return Err(connector.unavailable("opening it", begin.elapsed()));
        }
        sleep(PAUSE).await;
    }
}

impl std::fmt::Debug for MysqlStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("MysqlStore")
            .field("address", &self.shared.connector.address)
            .field("revision", &self.shared.publisher.hub.revision())
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        let queue = self.queue.lock().clone().ok_or(StoreError::Closed)?;
        request::submit(&queue, &self.connector, write).await
    }

    /// Runs a read on a connection of its own.
    async fn read<T: Send>(
        &self,
        read: impl for<'a> Fn(&'a mut Conn) -> BoxFuture<'a, mysql_async::Result<T>> + Send,
    ) -> Result<T, StoreError> {
        self.readers.run(&self.connector, read).await
    }

    /// Whether a read found what has not been published yet. A database may show a write a moment before it is durable; if
    /// it dies in that moment, another write gets the revision. So such a read is done again, at that revision, when it
    /// has been published.
    fn is_ahead(&self, extent: Extent, at: Option<Revision>) -> bool {
        at.unwrap_or(extent.newest) > self.publisher.hub.revision()
    }

    /// Judges what a read found when the table was this far: what it told of has been published, and was all there.
    /// Returns the revision that was read.
    async fn judge(&self, extent: Extent, at: Option<Revision>) -> Result<Revision, StoreError> {
        self.publisher.learn(extent);
        let revision = at.unwrap_or(extent.newest);
        if revision > extent.newest {
            return Err(StoreError::Future { current: extent.newest });
        }
        if revision < extent.oldest {
            return Err(StoreError::Compacted { oldest: extent.oldest });
        }
        self.reached(revision).await?;
        Ok(revision)
    }

    /// Waits until everything up to a revision that exists has been published here.
    async fn reached(&self, revision: Revision) -> Result<(), StoreError> {
        let begin = Instant::now();
        let limit = self.connector.options.read_timeout;
        tokio::select! {
            () = self.publisher.reached(revision) => Ok(()),
            () = self.closed.cancelled() => Err(StoreError::Closed),
            () = sleep(limit) => Err(self.connector.unavailable("a read", begin.elapsed())),
        }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.is_cancelled() { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn check_kept(&self, revision: Revision) -> Result<(), StoreError> {
        let oldest = self.publisher.oldest();
        if revision < oldest { Err(StoreError::Compacted { oldest }) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for MysqlStore {
    async fn write(&self, write: Write) -> Result<Written, WriteError> {
        limits::check(&write)?;
        self.shared.write(write).await
    }

    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Got, StoreError> {
        match at {
            Some(at) => self.shared.get_at(key, at).await,
            None => self.shared.get_newest(key).await,
        }
    }

    async fn list(&self, range: Range) -> Result<Page, StoreError> {
        let mut read_at = range.at;
        loop {
            let (entries, extent) = self
                .shared
                .read(|connection| {
                    let range = Range { at: read_at, ..range.clone() };
                    Box::pin(async move { queries::list(connection, &range).await })
                })
                .await?;
            let ahead = self.shared.is_ahead(extent, read_at);
            let revision = match (self.shared.judge(extent, read_at).await, range.at) {
                (Ok(revision), _) if ahead => {
                    read_at = Some(revision);
                    continue;
                }
                (Ok(revision), _) => revision,
                // A compaction came between two reads: the newest is read again.
                (Err(StoreError::Compacted { .. }), None) => {
                    read_at = None;
                    continue;
                }
                (Err(error), _) => return Err(error),
            };
            let last = if entries.len() == range.limit { entries.last() } else { None };
            let Some(last) = last else { return Ok(Page { entries, revision, remaining: 0 }) };
            let (remaining, extent) = self
                .shared
                .read(|connection| {
                    let (prefix, after) = (range.prefix.clone(), last.key.clone());
                    Box::pin(async move {
                        queries::count(connection, &prefix, Some(&after), Some(revision)).await
                    })
                })
                .await?;
            match (self.shared.judge(extent, Some(revision)).await, range.at) {
                (Ok(_), _) => return Ok(Page { entries, revision, remaining }),
                // A compaction came between the two reads: the newest is read again.
                (Err(StoreError::Compacted { .. }), None) => read_at = None,
                (Err(error), _) => return Err(error),
            }
        }
    }

    async fn count(&self, prefix: &str) -> Result<u64, StoreError> {
        let mut read_at = None;
        loop {
            let (count, extent) = self
                .shared
                .read(|connection| {
                    let prefix = prefix.to_owned();
                    Box::pin(async move { queries::count(connection, &prefix, None, read_at).await })
                })
                .await?;
            let ahead = self.shared.is_ahead(extent, read_at);
            match self.shared.judge(extent, read_at).await {
                Ok(revision) if ahead => read_at = Some(revision),
                Ok(_) => return Ok(count),
                // A compaction came between two reads: the newest is read again.
                Err(StoreError::Compacted { .. }) => read_at = None,
                Err(error) => return Err(error),
            }
        }
    }

    async fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, StoreError> {
        let shared = &self.shared;
        shared.check_open()?;
        if after > shared.publisher.hub.revision() {
            // It may be known to another replica already.
            let extent = shared.read(|connection| Box::pin(queries::newest(connection))).await?;
            shared.judge(extent, Some(after)).await?;
        }
        shared.check_kept(after)?;
        Watch::begin(&shared.publisher.hub, Arc::clone(shared) as Arc<dyn History>, prefix, after)
    }

    async fn compact(&self, to: Revision) -> Result<Revision, StoreError> {
        let extent = self.shared.read(|connection| Box::pin(queries::newest(connection))).await?;
        if to > extent.newest {
            return Err(StoreError::Future { current: extent.newest });
        }
        self.shared.reached(to).await?;
        loop {
            let reached = self.shared.read(|connection| Box::pin(compaction::step(connection, to))).await?;
            self.shared.publisher.learn(Extent { newest: to, oldest: reached });
            if reached >= to {
                return Ok(reached);
            }
        }
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.shared.check_open()?;
        let extent = self.shared.read(|connection| Box::pin(queries::newest(connection))).await?;
        self.shared.judge(extent, None).await
    }

    fn commits(&self) -> Option<Commits> {
        Some(self.shared.commits.count())
    }

    async fn close(&self) {
        // The writer does what it was asked for before, and ends.
        drop(self.shared.queue.lock().take());
        let writer = self.shared.writer.lock().take();
        if let Some(writer) = writer {
            let _ended = writer.await;
        }
        self.shared.closed.cancel();
        self.shared.readers.close().await;
        self.shared.publisher.hub.close();
    }
}

#[async_trait]
impl History for Shared {
    async fn stretch(&self, prefix: &str, after: Revision, upto: Revision) -> Result<Stretch, StoreError> {
        self.check_kept(after)?;
        let rows = self
            .read(|connection| {
                let prefix = prefix.to_owned();
                Box::pin(async move { queries::stretch(connection, &prefix, after, upto).await })
            })
            .await?;
        let extent = match rows.extent {
            Some(extent) => extent,
            None => self.read(|connection| Box::pin(queries::newest(connection))).await?,
        };
        self.publisher.learn(extent);
        self.check_kept(after)?;
        let reached = match rows.found.last() {
            Some((last, _)) if rows.more => *last,
            _ => upto,
        };
        Ok(Stretch { events: rows.found.into_iter().filter_map(|(_, event)| event).collect(), reached })
    }
}
