//! A writer: one connection that commits what waits, batch by batch.
//!
//! A store has two. While one commits, the other gathers what comes meanwhile and waits for the lock.

use std::{sync::Arc, time::Duration};

use mysql_async::{Conn, prelude::Queryable};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    batch::{self, Decided},
    connector::{Connector, WRITER_SILENCE},
    fault::{Fault, within},
    publisher::Publisher,
    request::Request,
};
use crate::{StoreError, WriteError, Written};

/// How many writes are committed together at most, and how many bytes of values, more or less.
const AT_ONCE: usize = 256;
const BYTES: usize = 4 << 20;

/// How often an idle connection says that it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(WRITER_SILENCE / 3);

/// Pauses before a batch is tried again: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LAST_PAUSE: Duration = Duration::from_millis(256);

pub(super) struct Writer {
    connector: Arc<Connector>,
    publisher: Arc<Publisher>,
    /// Its row in the store's own table; no other writer ever has that name.
    name: String,
    /// The number of its last batch.
    batch: u64,
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
    pub(super) fn new(connector: Arc<Connector>, publisher: Arc<Publisher>, name: String) -> Self {
        Self { connector, publisher, name, batch: 0, connection: None }
    }

    /// Writes until all senders are gone.
    pub(super) async fn run(mut self, queue: Arc<Mutex<mpsc::Receiver<Request>>>) {
        loop {
            match timeout(SIGN_OF_LIFE, take(&queue)).await {
                Ok(None) => break,
                Ok(Some(requests)) => self.serve(requests).await,
                Err(_idle) => self.stay().await,
            }
        }
        if let Some(connection) = self.connection.take() {
            let _told = within(Duration::from_secs(1), connection.disconnect()).await;
        }
    }

    /// Does what was asked for, as often as it takes, and answers.
    async fn serve(&mut self, mut requests: Vec<Request>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let writes = requests.iter().map(|request| request.write.clone()).collect();
            let fault = match self.attempt(writes).await {
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
            let earliest = requests.iter().map(|request| request.deadline).min();
            let again = Instant::now() + pause;
            sleep_until(earliest.map_or(again, |earliest| earliest.min(again))).await;
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

    async fn attempt(&mut self, writes: Vec<crate::Write>) -> Result<Decided, Attempt> {
        let limit = self.connector.options.statement_timeout;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await.map_err(Attempt::NotDone)?,
        };
        let decided = batch::begin(&mut connection, limit, writes).await.map_err(Attempt::NotDone)?;
        if decided.changes_something() {
            self.batch += 1;
            let committed = batch::commit(&mut connection, limit, &decided, &self.name, self.batch).await;
            if let Err(fault) = committed {
                return Err(Attempt::InDoubt(fault, decided));
            }
        } else {
            // What a refusal tells of must not be lost by a crash later.
            batch::leave(&mut connection, limit).await.map_err(Attempt::NotDone)?;
            if decided.after > self.publisher.durable() {
                self.batch += 1;
                let confirmed = batch::confirm(&mut connection, limit, &self.name, self.batch).await;
                confirmed.map_err(Attempt::NotDone)?;
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
            // It is visible; by this it is durable too. The number goes on, so that this is a change.
            batch::confirm(&mut connection, limit, &self.name, self.batch + 1).await?;
            self.batch += 1;
        }
        self.connection = Some(connection);
        Ok(committed)
    }

    fn done(&self, requests: Vec<Request>, decided: Decided) {
        let events = decided.outcomes.iter().flatten().map(|change| Arc::clone(&change.event)).collect();
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

    async fn connect(&self) -> Result<Conn, Fault> {
        let mut connection = self.connector.connect().await?;
        let silence = format!("SET wait_timeout = {WRITER_SILENCE}");
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

/// Takes what waits, as much as is committed together; `None`: nothing will come any more.
async fn take(queue: &Mutex<mpsc::Receiver<Request>>) -> Option<Vec<Request>> {
    let mut queue = queue.lock().await;
    let (mut taken, mut bytes) = (Vec::new(), 0);
    // Nothing is taken before the last await, so that whoever stops waiting here loses nothing.
    let mut next = Some(queue.recv().await?);
    while let Some(request) = next {
        if request.take() {
            bytes += request.write.bytes();
            taken.push(request);
        }
        next = if taken.len() < AT_ONCE && bytes < BYTES { queue.try_recv().ok() } else { None };
    }
    Some(taken)
}
