//! Reads of single keys. Those that wait are done together, by one statement.
//!
//! As with writes there are two that do so: while one waits for its answer, the other gathers what comes meanwhile.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{Shared, connector::Connector, latest, queries::Extent, readers::Readers};
use crate::{Entry, Got, Revision, StoreError, batch::Newest};

/// How many statements run at once.
const LANES: usize = 2;

/// How many keys a statement asks for at most; with one of the store's own that is a power of two.
const AT_ONCE: usize = 63;

/// What was found of a key, and how far the table was.
pub(super) type Found = (Option<Newest>, Extent);

struct Asked {
    key: String,
    answer: oneshot::Sender<Result<Found, StoreError>>,
}

/// Where to ask for keys.
pub(super) struct Gets {
    queue: mpsc::Sender<Asked>,
    connector: Arc<Connector>,
}

impl Gets {
    /// Begins. It ends when this is dropped.
    pub(super) fn new(connector: Arc<Connector>, readers: &Arc<Readers>) -> Self {
        let (queue, waiting) = mpsc::channel(connector.options.queue.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..LANES {
            tokio::spawn(serve(Arc::clone(&waiting), Arc::clone(&connector), Arc::clone(readers)));
        }
        Self { queue, connector }
    }

    /// The newest row of a key.
    pub(super) async fn get(&self, key: &str) -> Result<Found, StoreError> {
        let begin = Instant::now();
        let (answer, answered) = oneshot::channel();
        let asked = Asked { key: key.to_owned(), answer };
        let ask = async {
            self.queue.send(asked).await.map_err(|_ended| StoreError::Closed)?;
            answered.await.map_err(|_ended| StoreError::Closed)?
        };
        let end = begin + self.connector.options.read_timeout;
        match timeout_at(end, ask).await {
            Ok(found) => found,
            Err(_late) => Err(self.connector.unavailable("a read", begin.elapsed())),
        }
    }
}

async fn serve(queue: Arc<Mutex<mpsc::Receiver<Asked>>>, connector: Arc<Connector>, readers: Arc<Readers>) {
    loop {
        let mut asked = Vec::new();
        if queue.lock().await.recv_many(&mut asked, AT_ONCE).await == 0 {
            return;
        }
        // Whoever gave up meanwhile has dropped the other end.
        asked.retain(|asked| !asked.answer.is_closed());
        if asked.is_empty() {
            continue;
        }
        let mut keys: Vec<Arc<str>> = asked.iter().map(|asked| asked.key.as_str().into()).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = readers
            .run(&connector, |connection| {
                let keys = keys.clone();
                Box::pin(async move { latest::read(connection, keys.iter().map(|key| &**key), None).await })
            })
            .await;
        for Asked { key, answer } in asked {
            let found = match &found {
                Ok((rows, extent)) => Ok((rows.get(&key).cloned(), *extent)),
                Err(error) => Err(error.clone()),
            };
            let _told = answer.send(found);
        }
    }
}

impl Shared {
    /// A key as it is now.
    pub(super) async fn get_newest(&self, key: &str) -> Result<Got, StoreError> {
        loop {
            let published = self.publisher.hub.revision();
            let (found, extent) = self.gets.get(key).await?;
            let revision = self.judge(extent, None).await?;
            if let Some(entry) = self.borne_out(key, found, published, revision) {
                return Ok(Got { entry, revision });
            }
        }
    }

    /// What a key is at a revision by which it was read, where `published` had been published before the read: what was
    /// published in between says whether anything has been done to it. `None`: that is no longer known here, or the
    /// database lost what was read.
    #[expect(clippy::option_option, reason = "not known, and known that there is none, are two things")]
    fn borne_out(
        &self,
        key: &str,
        found: Option<Newest>,
        published: Revision,
        upto: Revision,
    ) -> Option<Option<Entry>> {
        let told = if upto > published { self.publisher.hub.last_of(key, published, upto)? } else { None };
        match told {
            Some(event) => Some(event.present()),
            None if found.as_ref().is_none_or(|row| row.revision <= published) => {
                Some(found.and_then(|row| row.entry))
            }
            None => None,
        }
    }

    /// A key as it was at a revision.
    pub(super) async fn get_at(&self, key: &str, at: Revision) -> Result<Got, StoreError> {
        loop {
            let (mut rows, extent) = self
                .read(|connection| {
                    let key = key.to_owned();
                    Box::pin(async move { latest::read(connection, [&*key], Some(at)).await })
                })
                .await?;
            let ahead = self.is_ahead(extent, Some(at));
            self.judge(extent, Some(at)).await?;
            if !ahead {
                self.reached(extent.newest).await?;
                let entry = rows.remove(key).and_then(|row| row.entry);
                return Ok(Got { entry, revision: extent.newest });
            }
        }
    }
}
