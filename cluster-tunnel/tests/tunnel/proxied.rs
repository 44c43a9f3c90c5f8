//! Agents that reach their server by an HTTP proxy.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use cluster_tunnel::{
    Target,
    server::{Caller, ServerSettings},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{
    backend::{Backend, read_pattern},
    bed::{self, Authority, cluster, links, until},
};

/// A proxy that lets `user:secret` connect anywhere. Answers how many connections it made, and the last request.
async fn proxy() -> (u16, Arc<AtomicU64>, Arc<Mutex<String>>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let (made, last) = (Arc::<AtomicU64>::default(), Arc::<Mutex<String>>::default());
    let (counted, noted) = (Arc::clone(&made), Arc::clone(&last));
    tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let (counted, noted) = (Arc::clone(&counted), Arc::clone(&noted));
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    stream.read_line(&mut head).await.unwrap();
                }
                noted.lock().unwrap().clone_from(&head);
                // The text user:secret.
                if !head.contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n") {
                    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
                    return stream.write_all(answer.as_bytes()).await.unwrap();
                }
                let mut server = TcpStream::connect(head.split(' ').nth(1).unwrap()).await.unwrap();
                counted.fetch_add(1, Relaxed);
                stream.write_all(b"HTTP/1.1 200 OK\r\nVia: 1.1 proxy\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (port, made, last)
}

#[tokio::test]
async fn an_agent_connects_by_a_proxy_that_wants_a_password() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let (port, made, last) = proxy().await;
    let mut settings = bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    settings.server.proxy = Some(format!("http://user:secret@127.0.0.1:{port}").parse().unwrap());
    let _agent = bed::run(settings);
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    assert_eq!(made.load(Relaxed), 1, "it went another way");
    let request = last.lock().unwrap().clone();
    assert!(request.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", running.agents)), "{request}");

    let caller = Caller::in_process("test");
    let mut tunnel = running.server.dial(&caller, &cluster("m1"), &Target::ApiServer).await.unwrap();
    tunnel.write_all(b"send 300000\n").await.unwrap();
    assert_eq!(read_pattern(&mut tunnel).await.unwrap(), 300_000);
    running.server.stop().await;
}

#[tokio::test]
async fn what_a_proxy_refuses_is_said_without_the_password() {
    let authority = Authority::new();
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let (port, ..) = proxy().await;
    let mut settings = bed::agent_settings(&authority, "m1", running.agents.port(), running.agents);
    settings.server.proxy = Some(format!("http://user:wrong@127.0.0.1:{port}").parse().unwrap());
    let agent = bed::run(settings);
    until("an attempt has failed", || agent.agent.snapshot().last_error.is_some()).await;
    let error = agent.agent.snapshot().last_error.unwrap();
    assert!(error.contains("407") && error.contains(&port.to_string()), "{error}");
    assert!(!error.contains("wrong"), "{error}");
    running.server.stop().await;
}
