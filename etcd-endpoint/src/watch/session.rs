//! All watches of one stream. One task takes the client's requests and the watches' events and gives the answers, so
//! their order is what a client can rely on.

use std::sync::atomic::Ordering;

use futures::{StreamExt, stream::SelectAll};
use revision_store::{Revision, StoreError};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::{
    request::Wanted,
    translate,
    watcher::{Told, Watcher},
};
use crate::{
    Endpoint,
    endpoint::Counts,
    keys,
    proto::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse, watch_request::RequestUnion},
    status,
};

/// The identifier in answers that are about no watch, or about all of them.
const NO_WATCH: i64 = -1;

/// How many watches one stream may have. A kube-apiserver has one for each type of object.
const WATCHES: usize = 10_000;

/// The state of one stream.
pub(super) struct Session {
    endpoint: Endpoint,
    answers: mpsc::Sender<Result<WatchResponse, Status>>,
    watchers: SelectAll<Watcher>,
    next_id: i64,
    /// A revision that the client is told of when all watches have told everything up to it.
    awaited: Option<Revision>,
}

/// The client is gone, or was told why it ends.
struct Ended;

impl Session {
    pub(super) fn new(endpoint: Endpoint, answers: mpsc::Sender<Result<WatchResponse, Status>>) -> Self {
        Self { endpoint, answers, watchers: SelectAll::new(), next_id: 0, awaited: None }
    }

    pub(super) async fn run(mut self, mut requests: Streaming<WatchRequest>) {
        let stop = self.endpoint.stop().clone();
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => self.fail(status::stopped()).await,
                () = self.answers.closed() => Err(Ended),
                request = requests.message() => match request {
                    Ok(Some(request)) => self.take(request).await,
                    Ok(None) | Err(_) => Err(Ended),
                },
                Some((id, told)) = self.watchers.next() => self.tell(id, told).await,
            };
            if step.is_err() || self.tell_reached().await.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, request: WatchRequest) -> Result<(), Ended> {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(create).await,
            Some(RequestUnion::CancelRequest(cancel)) => self.cancel(cancel.watch_id).await,
            Some(RequestUnion::ProgressRequest(_)) => {
                let revision = self.revision().await?;
                self.watchers.iter_mut().for_each(|watcher| watcher.await_position(revision));
                // The latest request is answered for all before it.
                self.awaited = Some(revision);
                Ok(())
            }
            // As etcd: it may be of a later version of the protocol.
            None => Ok(()),
        }
    }

    async fn create(&mut self, request: WatchCreateRequest) -> Result<(), Ended> {
        let revision = self.revision().await?;
        let header = self.endpoint.header(revision);
        let refused = |reason: &str| WatchResponse {
            header,
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..WatchResponse::default()
        };
        if self.watchers.len() >= WATCHES {
            return self.send(refused("etcdserver: too many requests")).await;
        }
        let wanted = match Wanted::read(request) {
            Ok(wanted) => wanted,
            Err(status) => return self.send(refused(status.message())).await,
        };
        let Some(id) = self.free_id(wanted.id) else {
            return self.send(refused("mvcc: duplicate watch ID provided on the WatchStream")).await;
        };
        self.send(WatchResponse { header, watch_id: id, created: true, ..WatchResponse::default() }).await?;
        // One that begins later than now begins now, and tells nothing before.
        let after = wanted.from.map_or(revision, |from| from.saturating_sub(1).min(revision));
        match self.endpoint.store().watch(wanted.span.prefix(), after).await {
            Ok(watch) => {
                Counts::add(&self.endpoint.counts().watches, 1);
                self.watchers.push(Watcher::new(id, wanted, watch));
                if let Some(awaited) = self.awaited {
                    self.watchers.iter_mut().for_each(|watcher| watcher.await_position(awaited));
                }
                Ok(())
            }
            Err(error) => self.ended(id, &error).await,
        }
    }

    /// The identifier of a new watch; `None` if the one that the client wants is taken.
    fn free_id(&mut self, wanted: Option<i64>) -> Option<i64> {
        let is_taken = |id: i64| self.watchers.iter().any(|watcher| watcher.id == id);
        if let Some(id) = wanted {
            return (!is_taken(id)).then_some(id);
        }
        let id = (self.next_id..).find(|id| !is_taken(*id))?;
        self.next_id = id + 1;
        Some(id)
    }

    async fn cancel(&mut self, id: i64) -> Result<(), Ended> {
        let before = self.watchers.len();
        let watchers = std::mem::take(&mut self.watchers);
        self.watchers = watchers.into_iter().filter(|watcher| watcher.id != id).collect();
        if self.watchers.len() == before {
            return Ok(());
        }
        self.endpoint.counts().watches.fetch_sub(1, Ordering::Relaxed);
        let revision = self.revision().await?;
        let header = self.endpoint.header(revision);
        self.send(WatchResponse { header, watch_id: id, canceled: true, ..WatchResponse::default() }).await
    }

    async fn tell(&mut self, id: i64, told: Told) -> Result<(), Ended> {
        match told {
            Told::Events(events) => {
                let Some(watcher) = self.watchers.iter().find(|watcher| watcher.id == id) else {
                    return Ok(());
                };
                let leases = self.endpoint.leases();
                let shown =
                    |event| translate::event(event, watcher.wanted.previous, |entry| leases.of(entry));
                let last = events.last().map_or(0, revision_store::Event::revision);
                let answer = WatchResponse {
                    header: self.endpoint.header(last),
                    watch_id: id,
                    events: events.iter().map(shown).collect(),
                    ..WatchResponse::default()
                };
                Counts::add(&self.endpoint.counts().events, events.len());
                self.send(answer).await
            }
            Told::Progress(revision) => {
                let header = self.endpoint.header(revision);
                self.send(WatchResponse { header, watch_id: id, ..WatchResponse::default() }).await
            }
            Told::Reached => Ok(()),
            Told::Ended(error) => {
                self.endpoint.counts().watches.fetch_sub(1, Ordering::Relaxed);
                self.ended(id, &error).await
            }
        }
    }

    /// Says why a watch tells nothing any more.
    async fn ended(&mut self, id: i64, error: &StoreError) -> Result<(), Ended> {
        let StoreError::Compacted { oldest } = error else {
            // The client begins all its watches again where each was.
            return self.fail(status::of_store(error)).await;
        };
        let revision = self.revision().await?;
        let answer = WatchResponse {
            header: self.endpoint.header(revision),
            watch_id: id,
            canceled: true,
            compact_revision: keys::revision(*oldest),
            cancel_reason: status::COMPACTED.to_owned(),
            ..WatchResponse::default()
        };
        self.send(answer).await
    }

    /// Answers the request for progress, if all watches are so far.
    async fn tell_reached(&mut self) -> Result<(), Ended> {
        let Some(awaited) = self.awaited else { return Ok(()) };
        let reached = self.watchers.iter().map(Watcher::position).min().unwrap_or(awaited);
        if reached < awaited {
            return Ok(());
        }
        self.awaited = None;
        let header = self.endpoint.header(reached);
        self.send(WatchResponse { header, watch_id: NO_WATCH, ..WatchResponse::default() }).await
    }

    async fn revision(&mut self) -> Result<Revision, Ended> {
        match self.endpoint.revision().await {
            Ok(revision) => Ok(revision),
            Err(status) => Err(self.fail(status).await.err().unwrap_or(Ended)),
        }
    }

    async fn send(&mut self, answer: WatchResponse) -> Result<(), Ended> {
        self.answers.send(Ok(answer)).await.map_err(|_gone| Ended)
    }

    async fn fail(&mut self, status: Status) -> Result<(), Ended> {
        let _gone = self.answers.send(Err(status)).await;
        Err(Ended)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let open = self.watchers.iter().count() as u64;
        self.endpoint.counts().watches.fetch_sub(open, Ordering::Relaxed);
    }
}
