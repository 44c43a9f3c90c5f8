//! The connection at the end of a tunnel.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::net::{TcpStream, UnixStream};
use tracing::{Instrument as _, field::Empty};

use super::hub::AgentHub;
use crate::{
    ConnectId, TraceParent, TunnelStream,
    agent_core::{AgentEvent, Endpoint},
    splice::splice,
    trace,
};

/// A connection to be made, with its end of the tunnel.
pub(super) struct Connection {
    pub(super) id: ConnectId,
    pub(super) endpoint: Endpoint,
    pub(super) trace: Option<TraceParent>,
    pub(super) tunnel: TunnelStream,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Connects, then copies until both ends are done.
    pub(super) async fn serve(self, limit: Duration, hub: Arc<AgentHub>) {
        let Self { id, endpoint, trace, tunnel } = self;
        let span = tracing::debug_span!(
            "connect",
            otel.kind = "server",
            otel.status_code = Empty,
            %endpoint,
            traceparent = Empty
        );
        trace::enter(&span, trace);
        let connecting = tokio::time::timeout(limit, Socket::connect(&endpoint)).instrument(span.clone());
        let connected = tokio::select! {
            connected = connecting => connected,
            // Given up by the server.
            () = tunnel.gone() => return,
        };
        let error = match connected {
            Ok(Ok(socket)) => {
                span.in_scope(|| tracing::debug!("the API server is connected"));
                // It was to be connected; what comes after that is no part of the dial.
                drop(span);
                hub.handle(AgentEvent::Connected { id });
                return socket.splice(tunnel).await;
            }
            Ok(Err(error)) => format!("{endpoint}: {error}"),
            Err(_) => format!("{endpoint}: no connection in {} s", limit.as_secs()),
        };
        trace::fail(&span);
        span.in_scope(|| tracing::debug!(error, "the API server is not connected"));
        hub.handle(AgentEvent::ConnectFailed { id, error });
    }
}

impl Socket {
    async fn connect(endpoint: &Endpoint) -> std::io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    async fn splice(self, tunnel: TunnelStream) {
        match self {
            Self::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                splice(reader, writer, tunnel, BytesMut::new()).await;
            }
            Self::Unix(stream) => {
                let (reader, writer) = stream.into_split();
                splice(reader, writer, tunnel, BytesMut::new()).await;
            }
        }
    }
}
