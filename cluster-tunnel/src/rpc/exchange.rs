//! Both directions of one stream in one task.

use std::task::{Context, Poll};

use super::{Receiver, Sender, Status};
use crate::{Frame, Malformed};

/// Where a stream's frames go, and where they come from.
pub(crate) trait Exchange {
    /// Takes all frames that have come.
    fn received(&mut self, frames: &mut Vec<Frame>);

    /// A packet that is none of the protocol was passed over.
    fn malformed(&mut self, error: &Malformed);

    /// Gives the next frames to be sent, few enough for one write; `None` after the last.
    fn poll_outgoing(&mut self, frames: &mut Vec<Frame>, context: &mut Context<'_>) -> Poll<Option<()>>;
}

/// Frames that are taken at once: more only hold the lock of whoever takes them longer.
const AT_ONCE: usize = 64;

/// Runs until the peer ends the stream, or nothing more is to be sent.
pub(crate) async fn exchange(
    receiver: &mut Receiver,
    sender: &mut Sender,
    ends: &mut impl Exchange,
) -> Result<(), Status> {
    let mut frames = Vec::with_capacity(AT_ONCE);
    std::future::poll_fn(|context| {
        if receive(receiver, ends, &mut frames, context)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        loop {
            if sender.poll_room(context)?.is_pending() {
                return Poll::Pending;
            }
            match ends.poll_outgoing(&mut frames, context) {
                Poll::Ready(Some(())) => frames.drain(..).try_for_each(|frame| sender.send(frame))?,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
            sender.flush()?;
        }
    })
    .await
}

/// Takes everything that has come. Ready at the stream's end.
fn receive(
    receiver: &mut Receiver,
    ends: &mut impl Exchange,
    frames: &mut Vec<Frame>,
    context: &mut Context<'_>,
) -> Poll<Result<(), Status>> {
    let result = loop {
        match receiver.poll_next(context) {
            Poll::Ready(Ok(Some(packet))) => match Frame::try_from(packet) {
                Ok(frame) => frames.push(frame),
                Err(error) => ends.malformed(&error),
            },
            Poll::Ready(Ok(None)) => break Poll::Ready(Ok(())),
            Poll::Ready(Err(status)) => break Poll::Ready(Err(status)),
            Poll::Pending => break Poll::Pending,
        }
        if frames.len() >= AT_ONCE {
            ends.received(frames);
        }
    };
    if !frames.is_empty() {
        ends.received(frames);
    }
    result
}
