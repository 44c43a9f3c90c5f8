//! Reads what others have written: every replica tells its watches of all writes.
//!
//! Nothing in MySQL's protocol tells of a commit, so the table is asked. Right after somebody else's write it is asked
//! again after [`SOON`], or after as long as that reading took, so that a slow database is not made slower; and less and
//! less often while nothing comes, down to every [`IDLE`]. So an idle store asks the database 40 times a second for the
//! end of an index, and a watch hears of a write elsewhere at most [`IDLE`] and a round trip later.

use std::{sync::Arc, time::Duration};

use mysql_async::Conn;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    batch,
    connector::Connector,
    fault::{Fault, within},
    publisher::Publisher,
    queries::{self, Extent},
};
use crate::{Event, Revision};

const SOON: Duration = Duration::from_millis(2);
const IDLE: Duration = Duration::from_millis(25);

/// How long to wait before the next attempt while the database cannot be asked.
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// For how long a revision that nobody has written holds up those behind it. This store's writers leave none out, and
/// show each before those behind it; kine takes numbers before it writes, and takes some for nothing. (kine itself waits
/// a second.)
const GAP: Duration = Duration::from_millis(200);

/// Revisions, and what each tells, if anything.
type Found = Vec<(Revision, Option<Arc<Event>>)>;

pub(super) struct Tail {
    connector: Arc<Connector>,
    publisher: Arc<Publisher>,
    /// Its row in the store's own table.
    name: String,
    connection: Option<Conn>,
    /// The first revision that is missing, and since when.
    gap: Option<(Revision, Instant)>,
}

impl Tail {
    pub(super) fn new(connector: Arc<Connector>, publisher: Arc<Publisher>, name: String) -> Self {
        Self { connector, publisher, name, connection: None, gap: None }
    }

    /// Reads until the store is closed.
    pub(super) async fn run(mut self, closed: CancellationToken) {
        if closed.run_until_cancelled(self.read_on()).await.is_none()
            && let Some(connection) = self.connection.take()
        {
            let _told = within(Duration::from_secs(1), connection.disconnect()).await;
        }
    }

    async fn read_on(&mut self) {
        let (mut pause, mut failing) = (SOON, false);
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = self.publisher.wanted(), if !failing => sleep(SOON).await,
            }
            let begin = Instant::now();
            match self.step().await {
                Ok(news) => {
                    if failing {
                        tracing::info!("the database answers again");
                    }
                    failing = false;
                    pause = if news { begin.elapsed().clamp(SOON, IDLE) } else { IDLE.min(pause * 2) };
                }
                Err(fault) => {
                    if !failing {
                        tracing::warn!(problem = %fault, "the database cannot be asked: watches wait");
                    }
                    failing = true;
                    self.connector.note(&fault);
                    pause = LAST_PAUSE.min(pause * 2);
                }
            }
        }
    }

    /// Reads once. Whether there was, or will soon be, something new.
    async fn step(&mut self) -> Result<bool, Fault> {
        let limit = self.connector.options.statement_timeout;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connector.connect().await?,
        };
        let known = self.publisher.hub.revision();
        let rows = within(limit, queries::stretch(&mut connection, "", known, Revision::MAX)).await?;
        let news = match rows.extent {
            Some(extent) => self.tell(&mut connection, known, rows.found, extent).await?,
            None => false,
        };
        self.connection = Some(connection);
        Ok(news)
    }

    async fn tell(
        &mut self,
        connection: &mut Conn,
        known: Revision,
        mut found: Found,
        extent: Extent,
    ) -> Result<bool, Fault> {
        self.publisher.learn(extent);
        let missing = first_missing(known, found.iter().map(|(revision, _)| *revision));
        if let Some((missing, next)) = missing {
            if missing <= extent.oldest {
                tracing::info!(
                    known,
                    oldest = extent.oldest,
                    "history was compacted before it was read here"
                );
                self.publisher.jump(extent.oldest);
                return Ok(true);
            }
            if !self.may_pass(connection, missing, next).await? {
                found.retain(|(revision, _)| *revision < missing);
                self.publish(connection, found).await?;
                return Ok(true);
            }
        }
        self.publish(connection, found).await
    }

    /// Whether the gap before `next` has been there for so long that it stays.
    async fn may_pass(
        &mut self,
        connection: &mut Conn,
        missing: Revision,
        next: Revision,
    ) -> Result<bool, Fault> {
        let now = Instant::now();
        match self.gap {
            Some((known, since)) if known == missing => {
                if now < since + GAP {
                    return Ok(false);
                }
                let limit = self.connector.options.statement_timeout;
                within(limit, queries::wait_for_writers_of(connection, missing, next)).await?;
                // What those have written is found by the read after this one.
                self.gap = Some((next, now));
                Ok(false)
            }
            Some((passed, _)) if passed == next => {
                self.gap = None;
                Ok(true)
            }
            _ => {
                self.gap = Some((missing, now));
                Ok(false)
            }
        }
    }

    /// Publishes what is durable. Whether there was, or will soon be, something new.
    async fn publish(&mut self, connection: &mut Conn, mut found: Found) -> Result<bool, Fault> {
        let durable = self.publisher.durable();
        if found.last().is_some_and(|(newest, _)| *newest <= self.publisher.committing()) {
            // The store's own writer will tell of the rest when it is durable, which is soon.
            found.retain(|(revision, _)| *revision <= durable);
        }
        let Some((upto, _)) = found.last() else { return Ok(false) };
        let upto = *upto;
        if upto > durable {
            let limit = self.connector.options.statement_timeout;
            batch::confirm(connection, limit, &self.name, upto).await?;
            self.publisher.is_durable(upto);
        }
        let news = upto > self.publisher.hub.revision();
        self.publisher.read(found.into_iter().filter_map(|(_, event)| event).collect(), upto);
        Ok(news)
    }
}

/// The first revision after `known` that is not there, and the next one that is.
fn first_missing(known: Revision, found: impl IntoIterator<Item = Revision>) -> Option<(Revision, Revision)> {
    (known + 1..).zip(found).find(|(expected, revision)| expected != revision)
}

#[cfg(test)]
mod tests {
    use super::first_missing;

    #[test]
    fn the_first_gap_is_found() {
        assert_eq!(first_missing(4, []), None);
        assert_eq!(first_missing(4, [5, 6]), None);
        assert_eq!(first_missing(4, [6, 8]), Some((5, 6)));
        assert_eq!(first_missing(4, [5, 8]), Some((6, 8)));
    }
}
