//! A way to the backend.

use std::path::PathBuf;

use testbed::FrontEnd;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::{
    ends::Pair,
    front::{self, Stream},
    relays::Relays,
};

/// A way to the backend.
#[derive(Clone)]
pub struct Way {
    by: By,
    address: String,
    /// The processes on the way.
    pub pids: Vec<u32>,
}

#[derive(Clone)]
enum By {
    Nothing,
    Relays(PathBuf),
    Tunnel(PathBuf, FrontEnd),
}

impl Way {
    pub fn direct(address: String) -> Self {
        Self { by: By::Nothing, address, pids: Vec::new() }
    }

    pub fn relays(relays: &Relays, address: String) -> Self {
        Self { by: By::Relays(relays.socket().to_owned()), address, pids: relays.pids().to_vec() }
    }

    /// Through these two, when they are connected.
    pub async fn tunnel(pair: &Pair, front_end: FrontEnd, address: String) -> Self {
        let by = By::Tunnel(pair.socket().to_owned(), front_end);
        let way = Self { by, address, pids: pair.pids().to_vec() };
        drop(way.dial().await);
        way
    }

    pub async fn dial(&self) -> Box<dyn Stream> {
        match &self.by {
            By::Nothing => {
                let stream = TcpStream::connect(&self.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            By::Relays(socket) => Box::new(UnixStream::connect(socket).await.unwrap()),
            By::Tunnel(socket, front_end) => front::dial(socket, *front_end, &self.address).await,
        }
    }
}

/// One request with a short answer, on a connection that stays.
pub async fn get(stream: &mut Box<dyn Stream>) {
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::with_capacity(128);
    while !answer.ends_with(b"this is /") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the tunnel ended");
    }
}
