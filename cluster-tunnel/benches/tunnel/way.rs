//! A way to the backend.

use std::path::PathBuf;

use testbed::FrontEnd;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    ends::Pair,
    front::{self, Stream},
};

/// A way to the backend.
#[derive(Clone)]
pub struct Way {
    tunnel: Option<(PathBuf, FrontEnd)>,
    address: String,
    /// The processes on the way.
    pub pids: Vec<u32>,
}

impl Way {
    pub fn direct(address: String) -> Self {
        Self { tunnel: None, address, pids: Vec::new() }
    }

    /// Through these two, when they are connected.
    pub async fn tunnel(pair: &Pair, front_end: FrontEnd, address: String) -> Self {
        let tunnel = Some((pair.socket().to_owned(), front_end));
        let way = Self { tunnel, address, pids: pair.pids().to_vec() };
        drop(way.dial().await);
        way
    }

    pub async fn dial(&self) -> Box<dyn Stream> {
        match &self.tunnel {
            None => {
                let stream = TcpStream::connect(&self.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Some((socket, front_end)) => front::dial(socket, *front_end, &self.address).await,
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
