//! The body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::exchange::Exchange;
use crate::rest::Watching;

/// The body of an answer: at once, or as it comes.
pub struct Body(Kind);

enum Kind {
    Full(Option<Bytes>),
    /// A watch, and what it holds until its end.
    Watch(Watching, Option<Held>),
}

/// What a watch holds as long as it lasts.
struct Held {
    _place: OwnedSemaphorePermit,
    exchange: Option<Box<Exchange>>,
}

impl Body {
    /// A watch, which holds its place among the watches that are allowed at once.
    pub(super) fn watch(watching: Watching, place: OwnedSemaphorePermit) -> Self {
        Self(Kind::Watch(watching, Some(Held { _place: place, exchange: None })))
    }

    /// Whether it comes bit by bit.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.0, Kind::Watch(..))
    }

    /// All of it, if it is there at once.
    pub(super) fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Kind::Full(bytes) => bytes.as_ref(),
            Kind::Watch(..) => None,
        }
    }

    /// The request ends when the watch does.
    pub(super) fn hold(&mut self, of: Exchange) {
        if let Kind::Watch(_, Some(held)) = &mut self.0 {
            held.exchange = Some(Box::new(of));
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Full((!bytes.is_empty()).then_some(bytes)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match &mut self.0 {
            Kind::Full(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Kind::Watch(watching, held) => {
                let next = ready!(watching.as_mut().poll_next(context));
                if next.is_none() {
                    held.take();
                }
                next.map(|bytes| Ok(Frame::data(bytes)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Watch(..) => SizeHint::default(),
        }
    }
}
