//! The body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream as _;
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::rest::Watching;

/// The body of an answer: at once, or as it comes.
pub struct Body(Kind);

enum Kind {
    Full(Option<Bytes>),
    /// A watch, and its place among the watches that are allowed at once.
    Watch(Watching, Option<OwnedSemaphorePermit>),
}

impl Body {
    /// A watch, which holds its permit as long as it lasts.
    pub(super) fn watch(watching: Watching, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self(Kind::Watch(watching, permit))
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
            Kind::Watch(watching, permit) => {
                let next = ready!(watching.as_mut().poll_next(context));
                if next.is_none() {
                    permit.take();
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
