//! The frames that go out on a stream.

use std::task::{Context, Poll, ready};

use h2::SendStream;
use http::HeaderMap;

use super::{
    Code, Status,
    message::{Encoder, Segment},
    receiver::broken,
};
use crate::Frame;

/// The frames that go out on a stream. Dropped before its end, it resets the stream.
pub(crate) struct Sender {
    stream: SendStream<Segment>,
    encoder: Encoder,
}

impl Sender {
    pub(super) fn new(stream: SendStream<Segment>) -> Self {
        Self { stream, encoder: Encoder::default() }
    }

    /// Waits until the peer and the socket take more. What is sent without is kept in memory.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        while self.stream.capacity() == 0 {
            // No more than this: what one stream reserves, others of the connection do not get.
            self.stream.reserve_capacity(1);
            match ready!(self.stream.poll_capacity(context)) {
                Some(more) => drop(more.map_err(broken)?),
                None => return Poll::Ready(Err(Status::new(Code::Unavailable, "the stream has ended"))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends a frame, at the latest with the next [`Sender::flush`].
    pub(crate) fn send(&mut self, frame: Frame) -> Result<(), Status> {
        match self.encoder.push(frame) {
            Some(segment) => self.stream.send_data(segment, false).map_err(broken),
            None => Ok(()),
        }
    }

    /// Sends what waits to be sent with others.
    pub(crate) fn flush(&mut self) -> Result<(), Status> {
        match self.encoder.rest() {
            Some(segment) => self.stream.send_data(segment, false).map_err(broken),
            None => Ok(()),
        }
    }

    /// Sends one frame when there is room.
    pub(crate) async fn send_alone(&mut self, frame: Frame) -> Result<(), Status> {
        std::future::poll_fn(|context| self.poll_room(context)).await?;
        self.send(frame)?;
        self.flush()
    }

    /// Ends a client's request: nothing more comes from it.
    pub(crate) fn half_close(&mut self) {
        // If it has ended already, nobody is there to be told.
        let _ = self.stream.send_data(Segment::default(), true);
    }

    /// Ends a server's answer.
    pub(crate) fn finish(mut self, status: &Status) {
        let mut trailers = HeaderMap::new();
        status.put(&mut trailers);
        // If it has ended already, nobody is there to be told.
        let _ = self.stream.send_trailers(trailers);
    }
}
