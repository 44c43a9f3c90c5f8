//! One end of a tunnel in memory: what was delivered and not read, and what may be written.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{Reason, chunks::Chunks};

/// One end of a tunnel. The core's actions go in by the hub, a reader and a writer take them out.
///
/// Never locked while a hub is asked for something: a hub locks pipes, not the other way round.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    inbox: VecDeque<Bytes>,
    /// No more is delivered.
    finished: bool,
    opened: bool,
    closed: Option<Reason>,
    credit: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Who waits for the end.
    mourner: Option<Waker>,
}

/// Wakers to be woken when no lock is held any more.
pub(crate) type Wakers = Vec<Waker>;

impl State {
    /// The end of what is delivered.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        match &self.closed {
            _ if self.finished => Poll::Ready(Ok(())),
            Some(reason) if reason.is_good_order() => Poll::Ready(Ok(())),
            Some(reason) => Poll::Ready(Err(reason.clone())),
            None => {
                self.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Pipe {
    pub(crate) fn deliver(&self, bytes: Bytes, wakers: &mut Wakers) {
        let mut state = self.state.lock();
        state.inbox.push_back(bytes);
        wakers.extend(state.reader.take());
    }

    /// The tunnel is open, and so much may be written.
    pub(crate) fn open(&self, credit: u64, wakers: &mut Wakers) {
        let mut state = self.state.lock();
        state.opened = true;
        state.credit = credit;
        wakers.extend(state.reader.take());
        wakers.extend(state.writer.take());
    }

    pub(crate) fn grant(&self, bytes: u64, wakers: &mut Wakers) {
        let mut state = self.state.lock();
        state.credit += bytes;
        wakers.extend(state.writer.take());
    }

    pub(crate) fn finish(&self, wakers: &mut Wakers) {
        let mut state = self.state.lock();
        state.finished = true;
        wakers.extend(state.reader.take());
    }

    /// The tunnel is gone. What was delivered can still be read, unless it is gone because nobody does.
    pub(crate) fn close(&self, reason: Reason, wakers: &mut Wakers) {
        let mut state = self.state.lock();
        if matches!(reason, Reason::NotReading(_)) {
            state.inbox = VecDeque::new();
        }
        state.closed.get_or_insert(reason);
        wakers.extend(state.reader.take());
        wakers.extend(state.writer.take());
        wakers.extend(state.mourner.take());
    }

    /// Whether the dial succeeded, or why it did not.
    pub(crate) fn poll_opened(&self, context: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let mut state = self.state.lock();
        if state.opened {
            return Poll::Ready(Ok(()));
        }
        match &state.closed {
            Some(reason) => Poll::Ready(Err(reason.clone())),
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The next bytes, at most so many; `None` after the last. An end out of order is an error, after what came
    /// before it.
    pub(crate) fn poll_read(
        &self,
        most: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Reason>> {
        let mut state = self.state.lock();
        if let Some(first) = state.inbox.front_mut() {
            let bytes = first.split_to(most.min(first.len()));
            if first.is_empty() {
                state.inbox.pop_front();
            }
            return Poll::Ready(Ok(Some(bytes)));
        }
        state.poll_end(context).map_ok(|()| None)
    }

    /// Everything that was delivered, as it came, until it is at least `enough` bytes. How many there are; 0 after the
    /// last.
    pub(crate) fn poll_take(
        &self,
        enough: usize,
        chunks: &mut Chunks,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Reason>> {
        let mut state = self.state.lock();
        let mut taken = 0;
        while taken < enough
            && let Some(chunk) = state.inbox.pop_front()
        {
            taken += chunk.len();
            chunks.push(chunk);
        }
        if taken > 0 {
            return Poll::Ready(Ok(taken));
        }
        state.poll_end(context).map_ok(|()| 0)
    }

    /// How much may be written now, at least one byte.
    pub(crate) fn poll_credit(&self, context: &mut Context<'_>) -> Poll<Result<u64, Reason>> {
        let mut state = self.state.lock();
        match &state.closed {
            Some(reason) => Poll::Ready(Err(reason.clone())),
            None if state.opened && state.credit > 0 => Poll::Ready(Ok(state.credit)),
            None => {
                state.writer = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes credit for bytes that are about to be written. There is one writer, so what it was told is still there.
    pub(crate) fn take_credit(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.credit = state.credit.saturating_sub(bytes);
    }

    /// Ready when the tunnel is gone.
    pub(crate) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Poll::Ready(());
        }
        state.mourner = Some(context.waker().clone());
        Poll::Pending
    }

    /// Why the tunnel is gone, if it is.
    pub(crate) fn closed(&self) -> Option<Reason> {
        self.state.lock().closed.clone()
    }
}
