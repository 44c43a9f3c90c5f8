//! Connections: TLS, HTTP/1.1 and HTTP/2, limits, and an end in good order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{ApiServer, PeerAddress, PeerCertificate};
use crate::auth::ClientCertificate;

/// A socket that clients can connect to, and its TLS. The configuration can be exchanged while it listens.
pub struct Listener {
    socket: TcpListener,
    tls: Arc<ArcSwap<rustls::ServerConfig>>,
}

impl Listener {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(address: SocketAddr, tls: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, tls: Arc::new(ArcSwap::new(tls)) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What to put new TLS configurations into.
    pub fn tls(&self) -> Arc<ArcSwap<rustls::ServerConfig>> {
        Arc::clone(&self.tls)
    }
}

/// Most streams that one HTTP/2 connection has at once: kube-apiserver's own default.
const STREAMS: u32 = 100;

/// Serves until it is cancelled; then requests under way are let end, for as long as the settings say. Watches are
/// ended at once: their clients go on elsewhere.
pub async fn serve(server: Arc<ApiServer>, listener: Listener, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(server.settings.connections));
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(server.settings.handshake);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).enable_connect_protocol();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, for instance: connections that end make room.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let acceptor = TlsAcceptor::from(listener.tls.load_full());
        let (server, builder, watcher) = (Arc::clone(&server), builder.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            let Some((stream, certificate)) = shake_hands(acceptor, stream, &server).await else { return };
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                let (server, certificate) = (Arc::clone(&server), certificate.clone());
                async move {
                    request.extensions_mut().insert(PeerAddress(peer));
                    if let Some(certificate) = certificate {
                        request.extensions_mut().insert(certificate);
                    }
                    Ok::<_, std::convert::Infallible>(server.handle(request).await)
                }
            });
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(error, "a connection ended");
            }
        });
    }
    server.stop_watches();
    if tokio::time::timeout(server.settings.drain, graceful.shutdown()).await.is_err() {
        tracing::info!("requests that had not ended were cut off");
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    server: &ApiServer,
) -> Option<(tokio_rustls::server::TlsStream<TcpStream>, Option<PeerCertificate>)> {
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(server.settings.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let chain = stream.get_ref().1.peer_certificates();
            let certificate = chain.and_then(<[_]>::first).map(|one| ClientCertificate::of(one));
            let certificate = certificate.map(|one| PeerCertificate(Arc::new(one)));
            Some((stream, certificate))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}
