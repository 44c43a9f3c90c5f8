//! A watch as its reader sees it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, Stream, future::BoxFuture};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    Event, Revision, StoreError, WatchItem,
    history::{History, Stretch},
    hub::{Hub, SubscriberId, Taken},
};

/// How often a watch that has nothing to tell says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// What an event becomes before the reader sees it.
type Change = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<Event, StoreError>> + Send + Sync>;

/// A stream of everything that happens under a prefix.
///
/// It holds a bounded number of events. If its reader is slow, it reads the store again from where the reader is. After
/// an error it ends: [`StoreError::Compacted`] if the reader was so slow that history is gone, [`StoreError::Closed`]
/// when the store has been closed and all was told.
///
/// How far it is without an event is told in two ways: by [`WatchItem::Progress`], at most every five seconds unless
/// [`Watch::progress_every`] says otherwise, and at any time by [`Watch::position`], which costs an idle watch nothing.
pub struct Watch {
    hub: Arc<Hub>,
    id: SubscriberId,
    history: Arc<dyn History>,
    prefix: String,
    /// Every event up to here has been taken, and is told or in `ready`.
    position: Revision,
    ready: VecDeque<Arc<Event>>,
    reading: Option<BoxFuture<'static, Result<Stretch, StoreError>>>,
    change: Option<Change>,
    /// The event that is being changed, by its revision.
    changing: Option<(Revision, BoxFuture<'static, Result<Event, StoreError>>)>,
    /// What the reader knows.
    told: Revision,
    progress: Pin<Box<Sleep>>,
    every: Duration,
    ended: bool,
}

impl Watch {
    pub(crate) fn begin(
        hub: &Arc<Hub>,
        history: Arc<dyn History>,
        prefix: &str,
        after: Revision,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: hub.subscribe(prefix, after)?,
            hub: Arc::clone(hub),
            history,
            prefix: prefix.to_owned(),
            position: after,
            ready: VecDeque::new(),
            reading: None,
            change: None,
            changing: None,
            told: after,
            progress: Box::pin(sleep_until(Instant::now() + PROGRESS_EVERY)),
            every: PROGRESS_EVERY,
            ended: false,
        })
    }

    /// Sets how often [`WatchItem::Progress`] comes at most (a millisecond or more). It comes only if the store has
    /// moved on.
    #[must_use]
    pub fn progress_every(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_millis(1));
        self.rest();
        self
    }

    /// Changes each event before it is told, such as by decryption. They are changed and told in order; an error ends the
    /// watch.
    #[must_use]
    pub fn changed_by(
        mut self,
        change: impl Fn(Event) -> BoxFuture<'static, Result<Event, StoreError>> + Send + Sync + 'static,
    ) -> Self {
        self.change = Some(Arc::new(change));
        self
    }

    /// Everything under the prefix up to this revision has been told.
    pub fn position(&self) -> Revision {
        if let Some((next, _)) = &self.changing {
            return next - 1;
        }
        match self.ready.front() {
            Some(next) => next.revision() - 1,
            None if self.reading.is_some() => self.position,
            None => self.hub.settled(self.id).unwrap_or(self.position),
        }
    }

    fn rest(&mut self) {
        self.progress.as_mut().reset(Instant::now() + self.every);
    }

    fn end(&mut self, error: StoreError) -> Poll<Option<<Self as Stream>::Item>> {
        self.ended = true;
        self.reading = None;
        self.changing = None;
        self.hub.unsubscribe(self.id);
        Poll::Ready(Some(Err(error)))
    }

    /// Nothing to tell: says how far it is when it is time.
    fn poll_progress(&mut self, context: &mut Context<'_>) -> Poll<Option<<Self as Stream>::Item>> {
        while self.progress.poll_unpin(context).is_ready() {
            self.rest();
            if self.position > self.told {
                self.told = self.position;
                return Poll::Ready(Some(Ok(WatchItem::Progress(self.position))));
            }
        }
        Poll::Pending
    }

    fn read_on(&self, upto: Revision) -> BoxFuture<'static, Result<Stretch, StoreError>> {
        let (history, prefix, position) = (Arc::clone(&self.history), self.prefix.clone(), self.position);
        async move { history.stretch(&prefix, position, upto).await }.boxed()
    }
}

impl Stream for Watch {
    type Item = Result<WatchItem, StoreError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            if let Some((revision, changing)) = &mut this.changing {
                let Poll::Ready(event) = changing.poll_unpin(context) else { return Poll::Pending };
                this.told = *revision;
                this.changing = None;
                return match event {
                    Ok(event) => Poll::Ready(Some(Ok(WatchItem::Event(event)))),
                    Err(error) => this.end(error),
                };
            }
            if let Some(event) = this.ready.pop_front() {
                if let Some(change) = &this.change {
                    let revision = event.revision();
                    this.changing = Some((revision, change(Arc::unwrap_or_clone(event))));
                    continue;
                }
                this.told = event.revision();
                return Poll::Ready(Some(Ok(WatchItem::Event(Arc::unwrap_or_clone(event)))));
            }
            if let Some(reading) = &mut this.reading {
                let Poll::Ready(stretch) = reading.poll_unpin(context) else { return Poll::Pending };
                this.reading = None;
                match stretch {
                    Ok(Stretch { events, reached }) => {
                        this.ready = events.into();
                        this.position = reached;
                    }
                    Err(error) => return this.end(error),
                }
                continue;
            }
            match this.hub.take(this.id, this.position, context) {
                Taken::Events { events, upto } => {
                    this.ready = events.into();
                    this.position = upto;
                }
                Taken::Idle { upto } => {
                    this.position = upto;
                    return this.poll_progress(context);
                }
                Taken::Behind { upto } => this.reading = Some(this.read_on(upto)),
                Taken::Closed => return this.end(StoreError::Closed),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.unsubscribe(self.id);
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Watch")
            .field("prefix", &self.prefix)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
