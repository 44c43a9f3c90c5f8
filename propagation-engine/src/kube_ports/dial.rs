//! Connections to members that the network does not lead to: somebody else makes them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

/// Makes connections to the API servers of clusters that are reached by tunnel (annotation `fedd.io/tunnel`).
///
/// HTTP and TLS go on top, with the address, authorities and token of the `KubeFedCluster`, from end to end.
pub trait Dialer: Send + Sync {
    /// A connection to the API server of the cluster of this name.
    fn dial(&self, cluster: &str) -> BoxFuture<'static, Result<Dialled, DialError>>;
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Nothing is known of the API server: the way to it is missing.
    #[error("the tunnel is down: {0}")]
    TunnelDown(String),
    /// The way is there, and the API server at its end did not take the connection.
    #[error("the tunnel is up, and the API server behind it is not: {0}")]
    ApiServerDown(String),
    /// Which of the two it is, is not known; or neither.
    #[error("{0}")]
    Unknown(String),
}

/// A connection that a [`Dialer`] made.
pub struct Dialled(Box<dyn Duplex>);

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Dialled {
    /// Bytes in both directions, as a connection.
    pub fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Box::new(stream))
    }
}

impl AsyncRead for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Connection for Dialled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// What an HTTP client connects with: whatever host the URI names, the connection is the cluster's.
#[derive(Clone)]
pub(super) struct DialConnector {
    pub(super) dialer: Arc<dyn Dialer>,
    pub(super) cluster: Arc<str>,
}

impl Service<Uri> for DialConnector {
    type Response = TokioIo<Dialled>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialling = self.dialer.dial(&self.cluster);
        Box::pin(async move { dialling.await.map(TokioIo::new) })
    }
}
