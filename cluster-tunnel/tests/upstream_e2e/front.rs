//! A client of both front ends: HTTP CONNECT by hand, gRPC by the protocol's own messages.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use cluster_tunnel::{ConnectId, Frame, wire::Packet};
use futures::{SinkExt, StreamExt, channel::mpsc};
use http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use testbed::FrontEnd;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
};
use tonic::{Request, client::Grpc};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// A tunnel's bytes.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Dials until it works: an upstream agent that has just been started may not be connected yet.
pub async fn dial(socket: &Path, front_end: FrontEnd, address: &str) -> Box<dyn Stream> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let error = match try_dial(socket, front_end, address).await {
            Ok(stream) => return stream,
            Err(error) => error,
        };
        assert!(tokio::time::Instant::now() < deadline, "no tunnel within 30 s: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn try_dial(socket: &Path, front_end: FrontEnd, address: &str) -> io::Result<Box<dyn Stream>> {
    let stream = UnixStream::connect(socket).await?;
    match front_end {
        FrontEnd::HttpConnect => connect(stream, address).await,
        FrontEnd::Grpc => grpc(stream, address).await,
    }
}

async fn connect(mut stream: UnixStream, address: &str) -> io::Result<Box<dyn Stream>> {
    stream.write_all(format!("CONNECT {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if head == b"HTTP/1.1 200 Connection Established\r\n\r\n" {
        Ok(Box::new(stream))
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
    }
}

static DIALS: AtomicI64 = AtomicI64::new(1);

async fn grpc(stream: UnixStream, address: &str) -> io::Result<Box<dyn Stream>> {
    dial_on(&connect_grpc(stream).await?, address).await
}

/// A connection for any number of tunnels.
pub async fn connect_grpc(stream: UnixStream) -> io::Result<Http2> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        // As little as HTTP/2 begins with.
        .initial_connection_window_size(65_535)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(Http2(sender))
}

pub async fn dial_on(connection: &Http2, address: &str) -> io::Result<Box<dyn Stream>> {
    let mut client = Grpc::with_origin(connection.clone(), "http://localhost".parse().unwrap());
    client.ready().await.map_err(io::Error::other)?;
    let (mut packets, outgoing) = mpsc::channel::<Packet>(1);
    // Upstream's server tells pending dials apart by this, over all clients.
    let random = DIALS.fetch_add(1, Relaxed);
    let dial = Frame::DialRequest { random, address: address.to_owned(), trace: None };
    packets.send(dial.into()).await.map_err(io::Error::other)?;
    let method = PathAndQuery::from_static("/ProxyService/Proxy");
    let codec = ProstCodec::<Packet, Packet>::default();
    let answer = client.streaming(Request::new(outgoing), method, codec).await.map_err(io::Error::other)?;
    let mut incoming = answer.into_inner();
    let answer = incoming.message().await.map_err(io::Error::other)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let id = match Frame::try_from(answer).map_err(io::Error::other)? {
        Frame::DialResponse { random: same, outcome } if same == random => {
            outcome.map_err(io::Error::other)?
        }
        other => return Err(io::Error::other(format!("{other:?}"))),
    };

    // The tunnel's bytes come out of a pair of pipes.
    let (near, far) = tokio::io::duplex(256 << 10);
    let (mut reader, mut writer) = tokio::io::split(far);
    tokio::spawn(async move {
        while let Ok(Some(packet)) = incoming.message().await {
            match Frame::try_from(packet) {
                Ok(Frame::Data { bytes, .. }) => match writer.write_all(&bytes).await {
                    Ok(()) => {}
                    Err(_) => return,
                },
                Ok(Frame::CloseResponse { .. }) => break,
                _ => {}
            }
        }
        let _ = writer.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(read @ 1..) = reader.read(&mut buffer).await {
            let bytes = Bytes::copy_from_slice(&buffer[..read]);
            if packets.send(Frame::Data { id, bytes }.into()).await.is_err() {
                return;
            }
        }
        let _ = packets.send(Frame::CloseRequest { id: ConnectId(id.0) }.into()).await;
        // The stream stays until the server has answered; then the other task ends, too.
        let _ = packets.flush().await;
        futures::stream::pending::<()>().next().await;
    });
    Ok(Box::new(near))
}

#[derive(Clone)]
pub struct Http2(hyper::client::conn::http2::SendRequest<tonic::body::Body>);

impl Service<http::Request<tonic::body::Body>> for Http2 {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
