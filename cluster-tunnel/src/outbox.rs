//! Frames that wait for one HTTP/2 stream, and the task that takes them.

use std::task::{Context, Poll, Waker};

use crate::{FairQueue, Frame, pipe::Wakers};

/// As many bytes as are worth one write. More would wait where tunnels do not take turns.
const ENOUGH: usize = 64 << 10;

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

    /// Takes the next frames, until they are enough for one write; `None` after the last.
    pub(crate) fn poll_take(
        &mut self,
        frames: &mut Vec<Frame>,
        context: &mut Context<'_>,
    ) -> Poll<Option<()>> {
        let mut size = 0;
        while size < ENOUGH
            && let Some(frame) = self.frames.pop()
        {
            size += match &frame {
                Frame::Data { bytes, .. } => bytes.len(),
                // As long as its head, about.
                _ => 32,
            };
            frames.push(frame);
        }
        if size > 0 {
            return Poll::Ready(Some(()));
        }
        if self.closed {
            return Poll::Ready(None);
        }
        self.taker = Some(context.waker().clone());
        Poll::Pending
    }
}
