//! One watch of a session.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt};
use revision_store::{Event, Revision, StoreError, Watch, WatchItem};

use super::request::Wanted;

/// How much is told at one go, in events and in bytes: few enough that no answer has to be cut in pieces.
const EVENTS: usize = 256;
const BYTES: usize = 1 << 20;

/// What a watch tells.
pub(super) enum Told {
    /// These events, in order; never none.
    Events(Vec<Event>),
    /// Nothing, up to this revision.
    Progress(Revision),
    /// That it has told everything up to the revision that it was asked for.
    Reached,
    /// That it ends.
    Ended(StoreError),
}

/// A watch with its identifier.
pub(super) struct Watcher {
    pub(super) id: i64,
    pub(super) wanted: Wanted,
    watch: Watch,
    /// What was read and is told next.
    next: Option<Told>,
    /// The revision that is waited for, and told of when it is reached.
    awaited: Option<Revision>,
    ended: bool,
}

impl Watcher {
    pub(super) fn new(id: i64, wanted: Wanted, watch: Watch) -> Self {
        Self { id, wanted, watch, next: None, awaited: None, ended: false }
    }

    /// Everything up to here has been told.
    pub(super) fn position(&self) -> Revision {
        match &self.next {
            None => self.watch.position(),
            // It is told before anything else; until then, nothing is known.
            Some(_) => 0,
        }
    }

    /// Says [`Told::Reached`] when it has told everything up to this revision, if it has not yet.
    pub(super) fn await_position(&mut self, revision: Revision) {
        if self.position() < revision {
            self.awaited = Some(revision);
        }
    }

    /// The next event that is wanted, or whatever else there is.
    fn poll_one(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Told>> {
        loop {
            let item = match ready!(self.watch.poll_next_unpin(context)) {
                Some(item) => item,
                None => Err(StoreError::Closed),
            };
            return Poll::Ready(match item {
                Ok(WatchItem::Event(event)) if self.wanted.wants(&event) => Ok(event),
                Ok(WatchItem::Progress(revision)) if self.wanted.progress_notify => {
                    Err(Told::Progress(revision))
                }
                Ok(_) => continue,
                Err(error) => Err(Told::Ended(error)),
            });
        }
    }

    /// As many events as there are, up to a bound.
    fn poll_events(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(next);
        }
        let (mut events, mut bytes) = (Vec::new(), 0);
        while events.len() < EVENTS && bytes < BYTES {
            match self.poll_one(context) {
                Poll::Ready(Ok(event)) => {
                    let previous = event.previous.as_ref().filter(|_| self.wanted.previous);
                    bytes += event.entry.value.len() + previous.map_or(0, |entry| entry.value.len());
                    events.push(event);
                }
                Poll::Ready(Err(other)) if events.is_empty() => return Poll::Ready(other),
                Poll::Ready(Err(other)) => {
                    self.next = Some(other);
                    break;
                }
                Poll::Pending if events.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Told::Events(events))
    }
}

impl Stream for Watcher {
    type Item = (i64, Told);

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let told = match this.poll_events(context) {
            Poll::Ready(told) => told,
            // What it waits for may have been reached by events that nobody wanted.
            Poll::Pending if this.awaited.is_some_and(|awaited| this.position() >= awaited) => {
                this.awaited = None;
                Told::Reached
            }
            Poll::Pending => return Poll::Pending,
        };
        this.ended = matches!(told, Told::Ended(_));
        Poll::Ready(Some((this.id, told)))
    }
}
