//! A tunnel as a stream of bytes in both directions, the same at both ends.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Reason, chunks::Chunks, pipe::Pipe};

/// What a stream tells its core.
pub(crate) trait TunnelPort: Send + Sync {
    fn write(&self, id: u64, bytes: Bytes);
    fn read(&self, id: u64, bytes: u64);
    fn finish(&self, id: u64);
    fn close(&self, id: u64, error: String);
}

/// A tunnel. Dropping it closes it.
///
/// Reading ends in good order if the other end closed the connection, and with an error if the tunnel was lost before;
/// the error's source is a [`Reason`].
pub struct TunnelStream {
    id: u64,
    pipe: Arc<Pipe>,
    port: Arc<dyn TunnelPort>,
    finished: AtomicBool,
}

/// As much as is worth one write: larger ones only hold the memory longer.
const CHUNK: usize = 64 << 10;

impl TunnelStream {
    pub(crate) fn new(id: u64, pipe: Arc<Pipe>, port: Arc<dyn TunnelPort>) -> Self {
        Self { id, pipe, port, finished: AtomicBool::new(false) }
    }

    /// Waits until the other end has connected.
    pub(crate) async fn opened(&self) -> Result<(), Reason> {
        std::future::poll_fn(|context| self.pipe.poll_opened(context)).await
    }

    /// The next bytes as they came; `None` after the last.
    pub async fn receive(&self) -> Result<Option<Bytes>, Reason> {
        std::future::poll_fn(|context| self.poll_receive(usize::MAX, context)).await
    }

    /// What has come, at least `enough` bytes if so many have. How many there are; 0 after the last.
    /// [`TunnelStream::written`] says that they are done with.
    pub(crate) async fn receive_waiting(&self, enough: usize, chunks: &mut Chunks) -> Result<usize, Reason> {
        std::future::poll_fn(|context| self.pipe.poll_take(enough, chunks, context)).await
    }

    /// So many bytes that were received have gone on.
    pub(crate) fn written(&self, bytes: usize) {
        self.port.read(self.id, bytes as u64);
    }

    /// How many bytes may be sent now: waits until it is at least one.
    pub async fn sendable(&self) -> Result<usize, Reason> {
        let credit = std::future::poll_fn(|context| self.pipe.poll_credit(context)).await?;
        Ok(usize::try_from(credit).unwrap_or(usize::MAX).min(CHUNK))
    }

    /// Sends bytes without copying them, in as many parts as may be under way at once.
    pub async fn send(&self, mut bytes: Bytes) -> Result<(), Reason> {
        while !bytes.is_empty() {
            let most = self.sendable().await?;
            self.send_now(bytes.split_to(most.min(bytes.len())));
        }
        Ok(())
    }

    /// Says that no more bytes will be sent.
    pub fn finish(&self) {
        if !self.finished.swap(true, Ordering::Relaxed) {
            self.port.finish(self.id);
        }
    }

    /// Why the tunnel is gone, if it is.
    pub fn closed(&self) -> Option<Reason> {
        self.pipe.closed()
    }

    /// Closes the tunnel and says why; the other end reads the text.
    pub(crate) fn close(self, error: String) {
        self.port.close(self.id, error);
    }

    /// Waits until the tunnel is gone.
    pub(crate) async fn gone(&self) {
        std::future::poll_fn(|context| self.pipe.poll_gone(context)).await;
    }

    /// Sends bytes that are within what [`TunnelStream::sendable`] said.
    pub(crate) fn send_now(&self, bytes: Bytes) {
        self.pipe.take_credit(bytes.len() as u64);
        self.port.write(self.id, bytes);
    }

    fn poll_receive(&self, most: usize, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Reason>> {
        let bytes = ready!(self.pipe.poll_read(most, context))?;
        if let Some(bytes) = &bytes {
            self.port.read(self.id, bytes.len() as u64);
        }
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let bytes = ready!(self.poll_receive(buffer.remaining(), context)).map_err(broken)?;
        buffer.put_slice(&bytes.unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.finished.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let credit = ready!(self.pipe.poll_credit(context)).map_err(broken)?;
        let taken = usize::try_from(credit).unwrap_or(usize::MAX).min(CHUNK).min(bytes.len());
        self.send_now(Bytes::copy_from_slice(&bytes[..taken]));
        Poll::Ready(Ok(taken))
    }

    /// There is nothing to flush: what was written is on its way.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        Poll::Ready(Ok(()))
    }
}

impl Connection for TunnelStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Drop for TunnelStream {
    fn drop(&mut self) {
        // Whoever ends in good order has said so before; this must not be taken for all that there was.
        self.port.close(self.id, "given up".to_owned());
    }
}

fn broken(reason: Reason) -> io::Error {
    let kind = match reason {
        Reason::TimedOut => io::ErrorKind::TimedOut,
        Reason::ByUser => io::ErrorKind::BrokenPipe,
        _ => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, reason)
}
