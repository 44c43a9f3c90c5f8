//! One stream to one server.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use bytes::BytesMut;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinSet,
};
use tonic::{
    Request, Streaming,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tower_service::Service;

use super::{
    AgentSettings, LinkError, Shared,
    hub::{AgentHub, Connect, Outgoing},
};
use crate::{
    Extension, Frame,
    agent_core::{AgentCore, AgentEvent, Endpoint},
    extension,
    limits::{CONNECTION_WINDOW, MESSAGE, STREAM_WINDOW},
    metadata,
    splice::splice,
    wire::{Packet, agent_service_client::AgentServiceClient},
};

/// A handle on a stream.
pub(super) struct Link {
    hub: Arc<AgentHub>,
}

/// A stream that is there, and what runs it. It ends when the task is dropped.
pub(super) struct Linked {
    pub(super) server: String,
    pub(super) count: usize,
    pub(super) link: Link,
    pub(super) task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Link {
    pub(super) fn drain(&self) {
        self.hub.handle(AgentEvent::Drain);
    }

    pub(super) fn report(&self, tunnels: usize) {
        self.hub.handle(AgentEvent::Load { tunnels: tunnels as u64 });
    }

    pub(super) fn tunnels(&self) -> usize {
        self.hub.tunnels()
    }
}

/// Connects to a server and opens a stream.
pub(super) async fn open(shared: &Arc<Shared>) -> Result<Linked, LinkError> {
    let opening = open_without_limit(shared);
    tokio::time::timeout(shared.settings.connect, opening).await.map_err(|_| LinkError::TimedOut)?
}

async fn open_without_limit(shared: &Arc<Shared>) -> Result<Linked, LinkError> {
    let settings = &shared.settings;
    let turn = usize::try_from(shared.counters.attempts.load(Relaxed)).unwrap_or_default();
    let stream = settings.server.connect(turn).await?;
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(settings.keepalive)
        .keep_alive_timeout(settings.keepalive_answer)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await?;
    // Dropped with the link's task, which ends the connection.
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a server ended");
        }
    });

    let mut client = AgentServiceClient::with_origin(Http2(sender), settings.server.origin()?)
        .max_decoding_message_size(MESSAGE);
    let hub = Arc::new(AgentHub::new(Arc::clone(&shared.ended)));
    let open = Open(Arc::clone(&hub));
    let mut request = Request::new(Outgoing::new(Arc::clone(&hub), Arc::clone(shared)));
    headers(settings, request.metadata_mut())?;
    for server in shared.links.lock().keys() {
        if let Ok(server) = AsciiMetadataValue::try_from(server) {
            request.metadata_mut().append(metadata::CONNECTED, server);
        }
    }
    let response = client.connect(request).await?;

    let header = |name| {
        let value = response.metadata().get(name).and_then(|value| value.to_str().ok());
        value.ok_or(LinkError::Header(name))
    };
    let server = header(metadata::SERVER_ID)?.to_owned();
    let count = header(metadata::SERVER_COUNT)?;
    let count = count.parse().map_err(|_| LinkError::Header(metadata::SERVER_COUNT))?;
    let peer = header(extension::HEADER).ok().and_then(Extension::from_header);
    hub.begin(AgentCore::new(settings.core.clone(), settings.targets.clone(), peer));
    let task = Box::pin(run(Arc::clone(shared), open, response.into_inner(), tasks));
    Ok(Linked { server, count, link: Link { hub }, task })
}

fn headers(settings: &AgentSettings, headers: &mut MetadataMap) -> Result<(), LinkError> {
    let mut insert = |name: &'static str, value: &str| -> Result<(), LinkError> {
        let value = AsciiMetadataValue::try_from(value);
        let value = value.map_err(|_| LinkError::Settings(format!("the value of {name} is no header")))?;
        headers.insert(name, value);
        Ok(())
    };
    insert(metadata::AGENT_ID, &settings.id)?;
    insert(metadata::AGENT_IDENTIFIERS, &settings.identifiers.to_query())?;
    insert(extension::HEADER, &settings.core.extension.bounded().to_header())?;
    if let Some(token) = &settings.token {
        let token =
            token().map_err(|error| LinkError::Settings(format!("the token cannot be read: {error}")))?;
        insert(metadata::AUTHORIZATION, &format!("Bearer {}", token.trim()))?;
    }
    Ok(())
}

/// Takes what the server sends until the stream ends. Connections are tasks of the link and end with it.
async fn run(shared: Arc<Shared>, open: Open, mut packets: Streaming<Packet>, mut tasks: JoinSet<()>) {
    let hub = &open.0;
    if shared.drain.is_cancelled() {
        hub.handle(AgentEvent::Drain);
    }
    loop {
        let packet = tokio::select! {
            packet = packets.message() => packet,
            Some(_) = tasks.join_next() => continue,
        };
        let frame = match packet {
            Ok(Some(packet)) => Frame::try_from(packet),
            Ok(None) => break,
            Err(status) => {
                tracing::debug!(%status, "a stream to a server broke");
                break;
            }
        };
        match frame {
            Ok(frame) => {
                if let Frame::Data { bytes, .. } = &frame {
                    shared.counters.received.fetch_add(bytes.len() as u64, Relaxed);
                }
                for connect in hub.handle(AgentEvent::Received(frame)) {
                    tasks.spawn(serve(shared.settings.core.dial, Arc::clone(hub), connect));
                }
            }
            Err(error) => tracing::debug!(%error, "a packet of a server was passed over"),
        }
    }
}

/// Ends what is sent to the server, however the stream is let go: HTTP/2 sends it by a task of its own, which would
/// keep the connection.
struct Open(Arc<AgentHub>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// One tunnel: connects, then copies.
async fn serve(limit: std::time::Duration, hub: Arc<AgentHub>, connect: Connect) {
    let Connect { id, endpoint, tunnel } = connect;
    let failed = |error: String| {
        hub.handle(AgentEvent::ConnectFailed { id, error });
    };
    let connected = tokio::select! {
        connected = tokio::time::timeout(limit, Socket::connect(&endpoint)) => connected,
        // Given up by the server.
        () = tunnel.gone() => return,
    };
    match connected {
        Ok(Ok(socket)) => {
            hub.handle(AgentEvent::Connected { id });
            match socket {
                Socket::Tcp(stream) => {
                    let (reader, writer) = stream.into_split();
                    splice(reader, writer, tunnel, BytesMut::new()).await;
                }
                Socket::Unix(stream) => {
                    let (reader, writer) = stream.into_split();
                    splice(reader, writer, tunnel, BytesMut::new()).await;
                }
            }
        }
        Ok(Err(error)) => failed(format!("{endpoint}: {error}")),
        Err(_) => failed(format!("{endpoint}: no connection in {} s", limit.as_secs())),
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
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
}

/// One HTTP/2 connection, as tonic's client wants it.
struct Http2(hyper::client::conn::http2::SendRequest<tonic::body::Body>);

impl Service<http::Request<tonic::body::Body>> for Http2 {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
