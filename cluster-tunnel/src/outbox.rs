//! Frames that wait for one HTTP/2 stream, and the task that takes them.

use std::task::{Context, Poll, Waker};

use crate::{FairQueue, Frame, pipe::Wakers};

/// Frames that wait for one HTTP/2 stream.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: FairQueue,
    taker: Option<Waker>,
    closed: bool,
}

impl Outbox {
    pub(crate) fn push(&mut self, frame: Frame, wakers: &mut Wakers) {
        self.frames.push(frame);
        wakers.extend(self.taker.take());
    }

    /// Nothing more comes after what is waiting.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) {
        self.closed = true;
        wakers.extend(self.taker.take());
    }

    pub(crate) fn poll_pop(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        match self.frames.pop() {
            Some(frame) => Poll::Ready(Some(frame)),
            None if self.closed => Poll::Ready(None),
            None => {
                self.taker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
