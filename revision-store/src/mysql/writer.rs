//! The writer: one connection that commits what waits, batch by batch. What comes during a commit is in the next one.
//!
//! A second one would only wait for the lock that the first has, with half of the writes in each commit. A commit costs
//! the database nearly the same whatever is in it, and waiting for a row's lock in it costs more than waiting here.

use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, prelude::Queryable};
use tokio::{
    sync::mpsc,
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{
    batch::{self, Decided},
    connector::{Connector, WRITER_SILENCE},
    fault::{Fault, within},
    publisher::Publisher,
    request::Request,
};
use crate::{StoreError, Write, WriteError, Written, commits::CommitCounter};

/// How many writes are committed together at most, and how many bytes of values, more or less.
const AT_ONCE: usize = 256;
const BYTES: usize = 4 << 20;

/// How often other tasks get a turn, at most, before a commit that would have fewer writes than the last one: those who
/// were answered by the last one write again then, so that they share a commit again. A turn takes no time where there is
/// nothing to do.
const TURNS: usize = 8;

/// How often an idle connection says that it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(WRITER_SILENCE / 3);

/// Pauses before a batch is tried again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LAST_PAUSE: Duration = Duration::from_millis(256);

pub(super) struct Writer {
    connector: Arc<Connector>,
    publisher: Arc<Publisher>,
    commits: Arc<CommitCounter>,
    /// Its row in the store's own table; no other writer ever has that name.
    name: String,
    /// The number of its last batch.
    batch: u64,
    /// How many writes were in it.
    size: usize,
    connection: Option<Conn>,
}

/// How an attempt went that did not succeed.
enum Attempt {
    /// Nothing was done.
    NotDone(Fault),
    /// It is not known whether it was done.
    InDoubt(Fault, Decided),
}

impl Writer {
    pub(super) fn new(
        connector: Arc<Connector>,
        publisher: Arc<Publisher>,
        commits: Arc<CommitCounter>,
        name: String,
    ) -> Self {
        Self { connector, publisher, commits, name, batch: 0, size: 0, connection: None }
    }

    /// Writes until all senders are gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        loop {
            match timeout(SIGN_OF_LIFE, queue.recv()).await {
                Ok(None) => break,
                Ok(Some(first)) => {
                    let requests = self.gather(first, &mut queue).await;
                    if !requests.is_empty() {
                        self.size = requests.len();
                        self.serve(requests).await;
                    }
                }
                Err(_idle) => self.stay().await,
            }
        }
        if let Some(connection) = self.connection.take() {
            let _told = within(Duration::from_secs(1), connection.disconnect()).await;
        }
    }

    /// Takes what waits, as much as is committed together, but not what nobody waits for any more.
    async fn gather(&self, first: Request, queue: &mut mpsc::Receiver<Request>) -> Vec<Request> {
        for _ in 0..TURNS {
            if queue.len() + 1 >= self.size {
                break;
            }
            yield_now().await;
        }
        let (mut taken, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        while let Some(request) = next {
            if request.take() {
                bytes += request.write.bytes();
                taken.push(request);
            }
            next = if taken.len() < AT_ONCE && bytes < BYTES { queue.try_recv().ok() } else { None };
        }
        taken
    }

    /// Does what was asked for, as often as it takes, and answers.
    async fn serve(&mut self, mut requests: Vec<Request>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let writes = requests.iter().map(|request| request.write.clone()).collect();
            let earliest = requests.iter().map(|request| request.deadline).min().unwrap_or_else(Instant::now);
            let fault = match self.attempt(writes, earliest).await {
                Ok(decided) => return self.done(requests, decided),
                Err(Attempt::NotDone(fault)) => fault,
                Err(Attempt::InDoubt(fault, decided)) => {
                    tracing::info!(problem = %fault, "a commit's outcome has to be looked up");
                    self.connector.note(&fault);
                    let since = Instant::now();
                    match self.settle().await {
                        Some(true) => return self.done(requests, decided),
                        Some(false) => fault,
                        None => return refuse(requests, &self.unknown(since)),
                    }
                }
            };
            self.connector.note(&fault);
            if let Some(error) = fault.lasting(&self.connector.place) {
                tracing::warn!(%error, "the store cannot write");
                return refuse(requests, &error);
            }
            tracing::debug!(problem = %fault, "a batch is tried again");
            let again = Instant::now() + pause;
            sleep_until(earliest.min(again)).await;
            pause = LAST_PAUSE.min(pause * 2);
            let now = Instant::now();
            for late in requests.extract_if(.., |request| request.deadline <= now) {
                let error = self.connector.unavailable("a write", late.since.elapsed());
                late.answer(Err(error.into()));
            }
            if requests.is_empty() {
                return;
            }
        }
    }

    /// Tries to do writes. A connection that it takes has to be there at `earliest`, when the first of them is answered.
    async fn attempt(&mut self, writes: Vec<Write>, earliest: Instant) -> Result<Decided, Attempt> {
        let limit = self.connector.options.statement_timeout;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect_until(earliest).await.map_err(Attempt::NotDone)?,
        };
        let decided = batch::begin(&mut connection, limit, writes).await.map_err(Attempt::NotDone)?;
        if decided.changes_something() {
            self.batch += 1;
            self.publisher.commits(decided.newest());
            let committed = batch::commit(&mut connection, limit, &decided, &self.name, self.batch).await;
            if let Err(fault) = committed {
                self.publisher.commits(0);
                return Err(Attempt::InDoubt(fault, decided));
            }
        } else {
            // What a refusal tells of must not be lost by a crash later.
            batch::leave(&mut connection, limit).await.map_err(Attempt::NotDone)?;
            if decided.after > self.publisher.durable() {
                self.confirm(&mut connection).await.map_err(Attempt::NotDone)?;
                self.publisher.is_durable(decided.after);
            }
        }
        self.connection = Some(connection);
        Ok(decided)
    }

    /// Finds out whether the last batch was committed; `None`: nobody could say in time.
    async fn settle(&mut self) -> Option<bool> {
        let end = Instant::now() + self.connector.options.settle_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.was_committed().await {
                Ok(committed) => return Some(committed),
                Err(fault) => self.connector.note(&fault),
            }
            if Instant::now() + pause >= end {
                return None;
            }
            sleep(pause).await;
            pause = LAST_PAUSE.min(pause * 2);
        }
    }

    async fn was_committed(&mut self) -> Result<bool, Fault> {
        let limit = self.connector.options.statement_timeout;
        let mut connection = self.connect().await?;
        let committed = batch::was_committed(&mut connection, limit, &self.name, self.batch).await?;
        if committed {
            // It is visible; by this it is durable too.
            self.confirm(&mut connection).await?;
        }
        self.connection = Some(connection);
        Ok(committed)
    }

    /// Makes everything durable that is visible. The batch's number goes on, so that it is a change.
    async fn confirm(&mut self, connection: &mut Conn) -> Result<(), Fault> {
        let limit = self.connector.options.statement_timeout;
        batch::confirm(connection, limit, &self.name, self.batch + 1).await?;
        within(limit, connection.query_drop("COMMIT")).await?;
        self.batch += 1;
        Ok(())
    }

    fn done(&self, requests: Vec<Request>, decided: Decided) {
        let events: Vec<_> =
            decided.outcomes.iter().flatten().map(|change| Arc::clone(&change.event)).collect();
        self.commits.made(events.len());
        self.publisher.committed(decided.after, events);
        for (request, outcome) in requests.into_iter().zip(decided.outcomes) {
            request.answer(outcome.map(|change| Written { revision: change.event.revision() }));
        }
    }

    fn unknown(&self, since: Instant) -> StoreError {
        let error = StoreError::Unknown {
            place: self.connector.place.clone(),
            waited: since.elapsed(),
            problem: self.connector.problem(),
        };
        tracing::error!(%error, "the outcome of a commit is unknown");
        error
    }

    async fn connect_until(&self, end: Instant) -> Result<Conn, Fault> {
        let begin = Instant::now();
        let connected = timeout_at(end, self.connect()).await;
        connected.unwrap_or_else(|_late| Err(Fault::Silent(begin.elapsed())))
    }

    async fn connect(&self) -> Result<Conn, Fault> {
        let mut connection = self.connector.connect().await?;
        // A transaction begins with its first statement, which takes the lock: OceanBase lets a statement that is not the
        // first of its packet wait for a lock by trying again and again, with sleeps that grow.
        let silence = format!("SET autocommit = 0, wait_timeout = {WRITER_SILENCE}");
        within(self.connector.options.statement_timeout, connection.query_drop(silence)).await?;
        Ok(connection)
    }

    /// Keeps an idle connection.
    async fn stay(&mut self) {
        let limit = self.connector.options.statement_timeout;
        if let Some(mut connection) = self.connection.take()
            && within(limit, connection.ping()).await.is_ok()
        {
            self.connection = Some(connection);
        }
    }
}

fn refuse(requests: Vec<Request>, error: &StoreError) {
    requests.into_iter().for_each(|request| request.answer(Err(WriteError::Store(error.clone()))));
}
