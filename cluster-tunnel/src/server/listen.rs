//! Sockets: connections, TLS, limits, and their end.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;

use super::{TunnelServer, agents, authority, clients, connect};
use crate::{
    limits::TLS_BUFFER,
    rpc::{self, Keepalive},
};

/// A socket that agents or clients can connect to.
pub struct Listener {
    socket: Socket,
    tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
}

enum Socket {
    Tcp(TcpListener),
    /// The file is removed when the listener goes.
    Unix(UnixListener, PathBuf),
}

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) address: Option<SocketAddr>,
    pub(super) certificates: Arc<[CertificateDer<'static>]>,
}

pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// What is spoken on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Agents,
    Connect,
    Grpc,
}

impl Listener {
    /// Listens at an address; port 0 takes a free one. Without TLS everybody on the way can read and write: for
    /// loopback alone.
    ///
    /// The configuration decides which client certificates are good, and can be exchanged while it listens. For gRPC
    /// its ALPN protocols must hold `h2`.
    pub async fn tcp(
        address: SocketAddr,
        tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
    ) -> io::Result<Self> {
        Ok(Self { socket: Socket::Tcp(TcpListener::bind(address).await?), tls })
    }

    /// Listens at a Unix socket, whose file's mode decides who may connect. A file of an ended process is replaced.
    pub async fn unix(path: PathBuf) -> io::Result<Self> {
        let socket = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if tokio::net::UnixStream::connect(&path).await.is_ok() {
                    return Err(error);
                }
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)?
            }
            other => other?,
        };
        Ok(Self { socket: Socket::Unix(socket, path), tls: None })
    }

    /// Where it listens; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }

    async fn accept(&self) -> io::Result<(Box<dyn Connection>, Option<SocketAddr>)> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), Some(address)))
            }
            Socket::Unix(socket, _) => {
                let (stream, _) = socket.accept().await?;
                Ok((Box::new(stream), None))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl TunnelServer {
    /// Serves agents until [`TunnelServer::stop`] or until this is dropped; connections then go on until they end.
    pub async fn serve_agents(&self, listener: Listener) {
        self.serve(listener, Protocol::Agents).await;
    }

    /// Serves clients that ask for tunnels by HTTP CONNECT.
    pub async fn serve_connect(&self, listener: Listener) {
        self.serve(listener, Protocol::Connect).await;
    }

    /// Serves clients that ask for tunnels by gRPC.
    pub async fn serve_grpc(&self, listener: Listener) {
        self.serve(listener, Protocol::Grpc).await;
    }

    async fn serve(&self, listener: Listener, protocol: Protocol) {
        let stop = self.shared.stop.clone();
        let connections = Arc::new(Semaphore::new(self.shared.settings.connections));
        loop {
            let next = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                () = stop.cancelled() => return,
            };
            let Ok(permit) = permit else { return };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, for instance: connections that end make room.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let acceptor = listener.tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
            let (server, stop) = (self.clone(), stop.clone());
            self.shared.tasks.spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = server.converse(stream, address, acceptor, protocol) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    async fn converse(
        &self,
        stream: Box<dyn Connection>,
        address: Option<SocketAddr>,
        acceptor: Option<TlsAcceptor>,
        protocol: Protocol,
    ) {
        let mut peer = Peer { address, certificates: Arc::default() };
        let stream = match acceptor {
            None => stream,
            Some(acceptor) => {
                let handshake = acceptor.accept(BufReader::with_capacity(TLS_BUFFER, stream));
                match tokio::time::timeout(self.shared.settings.handshake, handshake).await {
                    Ok(Ok(stream)) => {
                        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                        peer.certificates = chain.iter().map(|one| one.clone().into_owned()).collect();
                        Box::new(stream)
                    }
                    Ok(Err(error)) => return tracing::debug!(%error, ?address, "a TLS handshake failed"),
                    Err(_) => return tracing::debug!(?address, "a TLS handshake took too long"),
                }
            }
        };
        let settings = &self.shared.settings;
        let keepalive = Keepalive { every: settings.keepalive, answer: settings.keepalive_answer };
        let limit = settings.handshake;
        let peer = &peer;
        let agent = |asked| agents::serve(self, peer, asked);
        let client = |asked| clients::serve(self, peer, asked);
        let ended = match protocol {
            Protocol::Connect => return connect::converse(self, stream, peer).await,
            Protocol::Agents => rpc::serve(stream, rpc::AGENT, limit, keepalive, agent).await,
            // Only a Unix socket has no address.
            Protocol::Grpc if address.is_none() => {
                rpc::serve(authority::replaced(stream), rpc::CLIENT, limit, keepalive, client).await
            }
            Protocol::Grpc => rpc::serve(stream, rpc::CLIENT, limit, keepalive, client).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, ?address, "a connection ended");
        }
    }
}
