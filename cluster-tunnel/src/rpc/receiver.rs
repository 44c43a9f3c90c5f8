//! The packets that come in on a stream.

use std::task::{Context, Poll, ready};

use h2::RecvStream;

use super::{Code, Status, message::Decoder};
use crate::wire::Packet;

/// The packets that come in on a stream. Dropped before its end, it makes the peer stop.
pub(crate) struct Receiver {
    stream: RecvStream,
    decoder: Decoder,
}

impl Receiver {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self { stream, decoder: Decoder::default() }
    }

    /// The next packet; `None` after an end in good order.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Packet>, Status>> {
        loop {
            if let Some(packet) = self.decoder.next()? {
                return Poll::Ready(Ok(Some(packet)));
            }
            match ready!(self.stream.poll_data(context)) {
                Some(piece) => {
                    let piece = piece.map_err(broken)?;
                    // What a tunnel may have is bounded elsewhere; HTTP/2 is told at once.
                    self.stream.flow_control().release_capacity(piece.len()).map_err(broken)?;
                    self.decoder.push(piece);
                }
                None => {
                    let trailers = ready!(self.stream.poll_trailers(context)).map_err(broken)?;
                    return Poll::Ready(match trailers.as_ref().and_then(Status::of) {
                        Some(status) if status.code != Code::Ok => Err(status),
                        _ => Ok(None),
                    });
                }
            }
        }
    }

    /// The next packet; `None` after an end in good order.
    pub(crate) async fn next(&mut self) -> Result<Option<Packet>, Status> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}

pub(super) fn broken(error: h2::Error) -> Status {
    Status::new(Code::Unavailable, error.to_string())
}
