//! Where what has been committed meets those who watch.

mod recent;
mod subscribers;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use parking_lot::Mutex;
use recent::Recent;
pub(crate) use subscribers::SubscriberId;
use subscribers::Subscribers;

use crate::{Event, Revision, StoreError};

/// Hands events from the one who commits to any number of watches, without ever waiting for one of them.
pub(crate) struct Hub {
    state: Mutex<State>,
}

struct State {
    /// The newest revision that can be read.
    published: Revision,
    recent: Recent,
    subscribers: Subscribers,
    closed: bool,
}

/// What there is for a watch.
pub(crate) enum Taken {
    /// The events since the last call, in order, and the revision up to which that is all.
    Events { events: Vec<Arc<Event>>, upto: Revision },
    /// No event up to this revision. The task is woken when there is one.
    Idle { upto: Revision },
    /// The watch is behind what is kept here and reads the history up to this revision.
    Behind { upto: Revision },
    /// The store has been closed.
    Closed,
}

impl Hub {
    /// A hub of a store whose newest revision is this.
    pub(crate) fn new(revision: Revision) -> Self {
        Self {
            state: Mutex::new(State {
                published: revision,
                recent: Recent::after(revision),
                subscribers: Subscribers::default(),
                closed: false,
            }),
        }
    }

    /// The newest revision that can be read.
    pub(crate) fn revision(&self) -> Revision {
        self.state.lock().published
    }

    /// Makes committed events known. They follow what was published before, and are all up to the revision `upto`.
    pub(crate) fn publish(&self, events: impl IntoIterator<Item = Arc<Event>>, upto: Revision) {
        let mut woken = Vec::new();
        {
            let state = &mut *self.state.lock();
            for event in events {
                state.subscribers.offer(&event, &mut woken);
                state.recent.push(event);
            }
            state.published = state.published.max(upto);
        }
        woken.into_iter().for_each(Waker::wake);
    }

    /// Goes on after a revision although what led there is not known here: all watches read the history.
    pub(crate) fn jump(&self, to: Revision) {
        let woken = {
            let state = &mut *self.state.lock();
            state.published = state.published.max(to);
            state.recent = Recent::after(state.published);
            state.subscribers.leave_behind();
            state.subscribers.wake_all()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Begins a watch of everything after a revision.
    pub(crate) fn subscribe(&self, prefix: &str, after: Revision) -> Result<SubscriberId, StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if after > state.published {
            return Err(StoreError::Future { current: state.published });
        }
        let behind = after < state.published;
        Ok(state.subscribers.add(prefix, behind))
    }

    pub(crate) fn unsubscribe(&self, id: SubscriberId) {
        self.state.lock().subscribers.remove(id);
    }

    /// What there is for a watch that has everything up to `position`.
    pub(crate) fn take(&self, id: SubscriberId, position: Revision, context: &Context<'_>) -> Taken {
        let state = &mut *self.state.lock();
        let upto = state.published;
        let Some(subscriber) = state.subscribers.get_mut(id) else { return Taken::Closed };
        if subscriber.is_behind() {
            match state.recent.since(position, subscriber.prefix(), subscribers::EVENTS) {
                None => return Taken::Behind { upto },
                Some((events, true)) => {
                    subscriber.caught_up();
                    if !events.is_empty() {
                        return Taken::Events { events, upto };
                    }
                }
                Some((events, false)) => {
                    let upto = events.last().map_or(position, |event| event.revision());
                    return Taken::Events { events, upto };
                }
            }
        }
        let events = subscriber.drain();
        if !events.is_empty() {
            Taken::Events { events, upto }
        } else if state.closed {
            Taken::Closed
        } else {
            subscriber.wait(context.waker());
            Taken::Idle { upto }
        }
    }

    /// The newest event of a key and the newest revision, if that event is still kept here.
    pub(crate) fn newest_of(&self, key: &str) -> Option<(Arc<Event>, Revision)> {
        let state = self.state.lock();
        Some((state.recent.newest_of(key)?, state.published))
    }

    /// The last event of a key with `after < revision <= upto`, if there is one; `None` if it is not known.
    #[expect(clippy::option_option, reason = "not known, and known that there is none, are two things")]
    pub(crate) fn last_of(&self, key: &str, after: Revision, upto: Revision) -> Option<Option<Arc<Event>>> {
        self.state.lock().recent.last_of(key, after, upto)
    }

    /// The newest revision, if this watch has nothing waiting and is not behind.
    pub(crate) fn settled(&self, id: SubscriberId) -> Option<Revision> {
        let mut state = self.state.lock();
        let published = state.published;
        state.subscribers.get_mut(id)?.is_settled().then_some(published)
    }

    /// Ends all watches once they have what was published.
    pub(crate) fn close(&self) {
        let woken = {
            let mut state = self.state.lock();
            state.closed = true;
            state.subscribers.wake_all()
        };
        woken.into_iter().for_each(Waker::wake);
    }
}
