//! A process whose file descriptors are used up.

use std::fs::File;

use cluster_tunnel::{
    Reason, Target,
    server::{Caller, Listener, ServerSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use crate::{
    backend::{Backend, read_pattern},
    bed::{self, Authority, cluster, links, until},
};

#[test]
fn dials_are_refused_while_descriptors_are_used_up_and_all_goes_on_after() {
    bed::alone("descriptors::with_few_descriptors", 128);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that another test starts"]
async fn with_few_descriptors() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let _agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), backend.address));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    let clients = Listener::tcp("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let address = clients.address().unwrap();
    let serving = running.server.clone();
    tokio::spawn(async move { serving.serve_connect(clients).await });
    let (caller, m1) = (Caller::in_process("test"), cluster("m1"));
    let dial = || running.server.dial(&caller, &m1, &Target::ApiServer);
    let mut echo = dial().await.unwrap();
    echo.write_all(b"echo\n").await.unwrap();

    // A client that needs no more descriptors, since it has its own.
    let client = TcpSocket::new_v4().unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
        assert!(files.len() < 128, "there is no limit");
    }
    let mut client = client.connect(address).await.unwrap();
    client.write_all(b"CONNECT m1.tunnel.internal:443 HTTP/1.1\r\n\r\n").await.unwrap();

    match dial().await.err() {
        Some(Reason::Refused(text)) => assert!(text.contains("Too many open files"), "{text}"),
        other => panic!("{other:?}"),
    }
    echo.write_all(b"still here").await.unwrap();
    let mut answer = [0; 10];
    echo.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"still here");

    drop(files);
    let established = b"HTTP/1.1 200 Connection Established\r\n\r\n";
    let mut answer = vec![0; established.len()];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, established);
    let mut again = dial().await.unwrap();
    again.write_all(b"send 1000\n").await.unwrap();
    assert_eq!(read_pattern(&mut again).await.unwrap(), 1000);
    running.server.stop().await;
}
