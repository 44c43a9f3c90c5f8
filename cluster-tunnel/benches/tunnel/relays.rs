//! Two processes that only copy: what any tunnel costs here that has a server and an agent.

use std::path::{Path, PathBuf};

use testbed::NetworkProxy;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener},
};

use crate::processes::Own;

/// From a Unix socket by TCP to the second, and from there to the backend. They end when this is dropped.
pub struct Relays {
    first: Own,
    second: Own,
    socket: PathBuf,
}

impl Relays {
    pub fn start(bed: &NetworkProxy, backend: &str) -> Self {
        let mut second = Own::start(&["own-relay", "127.0.0.1:0", backend]);
        let between = second.line();
        let socket = bed.folder().join("relays.sock");
        let mut first = Own::start(&["own-relay", &socket.display().to_string(), &between]);
        first.line();
        Self { first, second, socket }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn pids(&self) -> [u32; 2] {
        [self.first.id(), self.second.id()]
    }
}

/// Copies every connection, from a path or an address, until standard input ends. Says where it listens.
pub async fn relay(from: &str, to: &str) {
    let mut input = tokio::io::stdin();
    tokio::select! {
        () = listen(from, to) => {}
        _ = input.read_u8() => {}
    }
}

async fn listen(from: &str, to: &str) {
    if from.starts_with('/') {
        let listener = UnixListener::bind(from).unwrap();
        println!("{from}");
        loop {
            copy(listener.accept().await.unwrap().0, to.to_owned());
        }
    }
    let listener = TcpListener::bind(from).await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        copy(stream, to.to_owned());
    }
}

fn copy(mut from: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, to: String) {
    tokio::spawn(async move {
        let mut to = TcpStream::connect(to).await.unwrap();
        to.set_nodelay(true).unwrap();
        let _ = copy_bidirectional(&mut from, &mut to).await;
    });
}
