//! This crate's server and agent beside upstream's: the same requests, by the same client, in one run.
//!
//! ```sh
//! cargo bench -p cluster-tunnel
//! ```
//!
//! Clients come by HTTP CONNECT on a Unix socket, agents by TLS. Client, backend and this crate's ends share one process
//! and its cores; upstream's ends are processes of their own. The row `direct` has no tunnel.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark: it fails by panicking, and does not use all that it shares with tests"
)]

#[path = "../tests/tunnel/backend.rs"]
mod backend;
#[path = "../tests/tunnel/bed.rs"]
mod bed;
#[path = "../tests/upstream_e2e/front.rs"]
mod front;
#[path = "../tests/upstream_e2e/pair.rs"]
mod pair;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use backend::Backend;
use front::Stream;
use pair::{Pair, Whose};
use testbed::{FrontEnd, NetworkProxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

const WHILE: Duration = Duration::from_secs(3);
const BULK: u64 = 512 << 20;

/// A way to the backend.
#[derive(Clone)]
enum Way {
    Direct(String),
    Tunnel(PathBuf, String),
}

impl Way {
    async fn dial(&self) -> Box<dyn Stream> {
        match self {
            Self::Direct(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Self::Tunnel(socket, address) => front::dial(socket, FrontEnd::HttpConnect, address).await,
        }
    }
}

#[tokio::main]
async fn main() {
    let bed = NetworkProxy::start().await.unwrap();
    let backend = Backend::start().await;
    let address = backend.address.to_string();
    println!("| | 1 client: p50, p99 ms | 32 clients: p50, p99 ms | requests/s | tunnels/s | down MiB/s |");
    println!("|---|---|---|---|---|---|");
    measure("direct", Way::Direct(address.clone())).await;
    for whose in [Whose::Ours, Whose::Upstream] {
        let name = format!("{whose:?}").to_lowercase();
        let ends = (whose, whose);
        let pair = Pair::start(&bed, &name, ends, FrontEnd::HttpConnect, backend.address).await;
        measure(&name, Way::Tunnel(pair.socket().to_owned(), address.clone())).await;
    }
}

async fn measure(name: &str, way: Way) {
    drop(way.dial().await);
    let one = keep_alive(&way, 1).await;
    let many = keep_alive(&way, 32).await;
    let rate = many.len() as f64 / WHILE.as_secs_f64();
    println!(
        "| {name} | {}, {} | {}, {} | {rate:.0} | {:.0} | {:.0} |",
        percentile(&one, 50),
        percentile(&one, 99),
        percentile(&many, 50),
        percentile(&many, 99),
        new_tunnels(&way).await,
        download(&way).await,
    );
}

/// How long each request took, sorted.
async fn keep_alive(way: &Way, clients: usize) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let way = way.clone();
        tasks.spawn(async move {
            let mut stream = way.dial().await;
            let (begin, mut took) = (Instant::now(), Vec::new());
            while begin.elapsed() < WHILE {
                let asked = Instant::now();
                get(&mut stream).await;
                took.push(asked.elapsed());
            }
            took
        });
    }
    let mut took = tasks.join_all().await.concat();
    took.sort_unstable();
    took
}

async fn get(stream: &mut Box<dyn Stream>) {
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::with_capacity(128);
    while !answer.ends_with(b"this is /") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the tunnel ended");
    }
}

/// New tunnels in a second, by 16 clients, with one request on each.
async fn new_tunnels(way: &Way) -> f64 {
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..16 {
        let way = way.clone();
        tasks.spawn(async move {
            let mut count = 0_u32;
            while begin.elapsed() < WHILE {
                get(&mut way.dial().await).await;
                count += 1;
            }
            count
        });
    }
    let count: u32 = tasks.join_all().await.into_iter().sum();
    f64::from(count) / begin.elapsed().as_secs_f64()
}

async fn download(way: &Way) -> f64 {
    let mut stream = way.dial().await;
    stream.write_all(format!("send {BULK}\n").as_bytes()).await.unwrap();
    let begin = Instant::now();
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    while read < BULK {
        let more = stream.read(&mut buffer).await.unwrap();
        assert_ne!(more, 0, "the tunnel ended after {read} bytes");
        read += more as u64;
    }
    (BULK >> 20) as f64 / begin.elapsed().as_secs_f64()
}

fn percentile(sorted: &[Duration], percent: usize) -> String {
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    format!("{:.2}", sorted[at].as_secs_f64() * 1000.0)
}
