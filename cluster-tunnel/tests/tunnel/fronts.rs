//! HTTP CONNECT, on a Unix socket and over TLS, and gRPC.

use std::time::Duration;

use cluster_tunnel::server::{Listener, ServerSettings};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::{
    backend::{Backend, pattern, read_pattern},
    bed::{self, Authority, RunningAgent, RunningServer, links, until},
    front,
};

async fn bed() -> (Authority, Backend, RunningServer, RunningAgent) {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let mut settings = bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    settings.targets = settings.targets.allow(&backend.address.to_string()).unwrap();
    let agent = bed::run(settings);
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    (authority, backend, running, agent)
}

/// Sends a request and reads the answer's head.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_tunnel_by_connect_on_a_unix_socket() {
    let (_authority, backend, running, _agent) = bed().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clients");
    let listener = Listener::unix(path.clone()).await.unwrap();
    let server = running.server.clone();
    tokio::spawn(async move { server.serve_connect(listener).await });

    let named = "CONNECT m1.tunnel.internal:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned();
    let header = format!("CONNECT {} HTTP/1.1\r\ncluster-tunnel-cluster: m1\r\n\r\n", backend.address);
    for request in [named, header] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let answer = ask(&mut stream, &request).await;
        assert_eq!(answer, "HTTP/1.1 200 Connection Established\r\n\r\n");
        stream.write_all(b"send 300000\n").await.unwrap();
        assert_eq!(read_pattern(&mut stream).await.unwrap(), 300_000);
    }

    for (request, status) in [
        ("CONNECT m2.tunnel.internal:443 HTTP/1.1\r\n\r\n", "503 "),
        ("CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n", "400 "),
        ("CONNECT 10.0.0.1:443 HTTP/1.1\r\ncluster-tunnel-cluster: m1\r\n\r\n", "502 "),
        ("GET / HTTP/1.1\r\n\r\n", "405 "),
    ] {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let answer = ask(&mut stream, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    running.server.stop().await;
    until("the socket's file is gone", || !path.exists()).await;
}

#[tokio::test]
async fn a_tunnel_by_connect_over_tls_with_early_bytes() {
    let (authority, _backend, running, _agent) = bed().await;
    let mut tls = (*authority.server_tls().load_full()).clone();
    tls.alpn_protocols.clear();
    let tls = std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(tls));
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), Some(tls)).await.unwrap();
    let address = listener.address().unwrap();
    let server = running.server.clone();
    tokio::spawn(async move { server.serve_connect(listener).await });

    let mut config = (*authority.client_tls("client", bed::HOUR).load_full()).clone();
    config.alpn_protocols.clear();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    // The first bytes for the tunnel come with the request.
    let answer = ask(&mut stream, "CONNECT m1.tunnel.internal:443 HTTP/1.1\r\n\r\nsend 5\n").await;
    assert_eq!(answer, "HTTP/1.1 200 Connection Established\r\n\r\n");
    assert_eq!(read_pattern(&mut stream).await.unwrap(), 5);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_of_one_grpc_connection_do_not_wait_for_each_other() {
    let (_authority, _backend, running, _agent) = bed().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clients");
    let listener = Listener::unix(path.clone()).await.unwrap();
    let server = running.server.clone();
    tokio::spawn(async move { server.serve_grpc(listener).await });

    let connection = front::connect_grpc(UnixStream::connect(&path).await.unwrap()).await.unwrap();
    let dial = || front::dial_on(&connection, "m1.tunnel.internal:443");
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut tunnel = dial().await.unwrap();
        tunnel.write_all(b"echo\nx").await.unwrap();
        assert_eq!(tunnel.read_u8().await.unwrap(), b'x');
        idle.push(tunnel);
    }
    let mut bulk = dial().await.unwrap();
    bulk.write_all(b"send 3000000\n").await.unwrap();
    assert_eq!(read_pattern(&mut bulk).await.unwrap(), 3_000_000);

    // These send what nobody takes, and hold up nobody either.
    for tunnel in &mut idle {
        let sent = tunnel.write(&vec![b'x'; 200_000]).await.unwrap();
        assert!(sent > 0);
    }
    let mut bulk = dial().await.unwrap();
    bulk.write_all(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
    bulk.write_all(&pattern(0, 1_000_000)).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n1000000") {
        assert_ne!(bulk.read_buf(&mut answer).await.unwrap(), 0, "the tunnel ended");
    }
    running.server.stop().await;
}

#[tokio::test]
async fn who_connects_and_asks_for_nothing_is_sent_away() {
    let authority = Authority::new();
    let settings = ServerSettings { handshake: Duration::from_millis(200), ..ServerSettings::new("s1") };
    let running = bed::serve(&authority, settings).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clients");
    let listener = Listener::unix(path.clone()).await.unwrap();
    let server = running.server.clone();
    tokio::spawn(async move { server.serve_grpc(listener).await });

    let stream = UnixStream::connect(&path).await.unwrap();
    let (asks, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), connection).await.unwrap();
    assert!(ended.is_ok(), "in good order: {ended:?}");
    drop(asks);

    // One that does not even answer is not waited for.
    let mut silent = UnixStream::connect(&path).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut heard = Vec::new();
    let read = silent.read_to_end(&mut heard);
    let _ended = tokio::time::timeout(Duration::from_secs(60), read).await.unwrap();
    running.server.stop().await;
}
