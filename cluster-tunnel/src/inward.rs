//! A connection of which one looks at what comes in.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What comes in on a connection goes through this.
pub(crate) trait Filter: Unpin {
    /// Reads from the connection, as [`AsyncRead::poll_read`] does.
    fn poll_read(
        &mut self,
        stream: Pin<&mut (impl AsyncRead + Unpin)>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

/// A connection with a filter for what comes in. What goes out is passed on as it is.
pub(crate) struct Inward<S, F> {
    pub(crate) stream: S,
    pub(crate) filter: F,
}

impl<S: AsyncRead + Unpin, F: Filter> AsyncRead for Inward<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, filter } = &mut *self;
        filter.poll_read(Pin::new(stream), context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Inward<S, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
