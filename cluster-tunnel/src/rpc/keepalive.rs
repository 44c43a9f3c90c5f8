//! Whether the peer still lives: asked by HTTP/2's pings, and by whatever else comes.

use std::{
    io,
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
    io::{AsyncRead, ReadBuf},
    time::{Instant, Sleep},
};

use crate::inward::{Filter, Inward};

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

/// Notes when something comes on a connection.
pub(super) struct Heard(Arc<AtomicBool>);

impl Heard {
    /// A connection that notes when something comes.
    pub(super) fn on<S>(stream: S) -> (Inward<S, Self>, Arc<AtomicBool>) {
        let heard = Arc::<AtomicBool>::default();
        (Inward { stream, filter: Self(Arc::clone(&heard)) }, heard)
    }
}

impl Filter for Heard {
    fn poll_read(
        &mut self,
        stream: Pin<&mut (impl AsyncRead + Unpin)>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(stream.poll_read(context, buffer))?;
        self.0.store(true, Relaxed);
        Poll::Ready(Ok(()))
    }
}
