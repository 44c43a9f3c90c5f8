//! Whether the peer still lives: asked by HTTP/2's pings, and by whatever else comes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// How often a connection is asked whether it lives, and how long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    pub(crate) every: Duration,
    pub(crate) answer: Duration,
}

/// Asks one connection.
pub(super) struct Pulse {
    keepalive: Keepalive,
    pings: Option<PingPong>,
    timer: Pin<Box<Sleep>>,
    asked: bool,
    heard: Arc<AtomicBool>,
}

impl Pulse {
    pub(super) fn new(keepalive: Keepalive, pings: Option<PingPong>, heard: Arc<AtomicBool>) -> Self {
        let timer = Box::pin(tokio::time::sleep(keepalive.every));
        Self { keepalive, pings, timer, asked: false, heard }
    }

    /// Ready when the peer has not answered in time and has sent nothing else.
    pub(super) fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(pings) = &mut self.pings else { return Poll::Pending };
        loop {
            // Its errors are the connection's, which says them itself.
            if self.asked && matches!(pings.poll_pong(context), Poll::Ready(Ok(_))) {
                self.asked = false;
                self.timer.as_mut().reset(Instant::now() + self.keepalive.every);
            }
            ready!(self.timer.as_mut().poll(context));
            let heard = self.heard.swap(false, Relaxed);
            if self.asked && !heard {
                return Poll::Ready(());
            }
            if !self.asked {
                self.asked = pings.send_ping(Ping::opaque()).is_ok();
            }
            // On a slow way an answer waits behind much else; that something comes is an answer, too.
            self.timer.as_mut().reset(Instant::now() + self.keepalive.answer);
        }
    }
}

/// A connection that notes when something comes.
pub(crate) struct Heard<S> {
    stream: S,
    heard: Arc<AtomicBool>,
}

impl<S> Heard<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<AtomicBool>) {
        let heard = Arc::<AtomicBool>::default();
        (Self { stream, heard: Arc::clone(&heard) }, heard)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.heard.store(true, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
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
