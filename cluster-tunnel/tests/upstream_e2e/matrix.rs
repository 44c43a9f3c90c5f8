//! The same traffic over every pair.

use testbed::{FrontEnd, NetworkProxy, ProxyAddress};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::{
    api_client::address,
    api_server::{Member, carries_requests},
    backend::{Backend, Checked, pattern, read_pattern},
    front::{dial, try_dial},
    pair::{Pair, Whose},
};

const SIZE: u64 = 8 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_pair_carries_every_kind_of_traffic() {
    let bed = NetworkProxy::start().await.unwrap();
    let backend = Backend::start().await;
    let member = Member::start().await;
    let api_server = address(&member.server);
    for server in [Whose::Ours, Whose::Upstream] {
        for agent in [Whose::Upstream, Whose::Ours] {
            for front_end in [FrontEnd::HttpConnect, FrontEnd::Grpc] {
                let name = format!("{server:?}-{agent:?}-{}", front_end.mode()).to_lowercase();
                println!("{name}");
                let pair = Pair::start(&bed, &name, (server, agent), front_end, api_server).await;
                carries_traffic(&bed, &backend, &pair).await;
                carries_requests(&member, &pair, &name).await;
            }
        }
    }
}

async fn carries_traffic(bed: &NetworkProxy, backend: &Backend, pair: &Pair) {
    let address = backend.address.to_string();
    let dial = || dial(pair.socket(), pair.front_end, &address);

    // HTTP with keep-alive: one tunnel, many requests.
    let mut stream = BufReader::new(dial().await);
    for number in 0..20 {
        let request = format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read_body(&mut stream).await, format!("this is /{number}"));
    }

    // Much down, on the same tunnel, and much up.
    stream.write_all(format!("GET /bytes/{SIZE} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let length = read_head(&mut stream).await;
    let mut checked = Checked::default();
    let mut buffer = vec![0; 64 << 10];
    while checked.count < length {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the tunnel ended after {} bytes", checked.count);
        checked.check(&buffer[..read]);
    }
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {SIZE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for offset in (0..SIZE).step_by(1 << 16) {
        stream.write_all(&pattern(offset, 1 << 16)).await.unwrap();
    }
    assert_eq!(read_body(&mut stream).await, SIZE.to_string());

    // An upgraded connection, as exec and attach have it: bytes both ways at any time.
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await.unwrap();
    read_head(&mut stream).await;
    for round in 0..20 {
        let bytes = pattern(round, 700);
        stream.write_all(&bytes).await.unwrap();
        let mut answer = vec![0; bytes.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, bytes);
    }
    drop(stream);

    // A watch: small pieces over a long time, and an end by the server.
    let mut stream = BufReader::new(dial().await);
    stream.write_all(b"stream 100\n").await.unwrap();
    for number in 0..100 {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, format!("{number}\n"));
    }
    assert_eq!(stream.read_u8().await.map_err(|error| error.kind()), Err(std::io::ErrorKind::UnexpectedEof));

    // The whole of what a server sends before it closes.
    let mut stream = dial().await;
    stream.write_all(b"send 1000000\n").await.unwrap();
    assert_eq!(read_pattern(&mut stream).await.unwrap(), 1_000_000);

    // A port that nothing listens on.
    let refused = try_dial(pair.socket(), pair.front_end, "127.0.0.1:9").await;
    assert!(refused.is_err(), "a tunnel to nothing");

    // Upstream's own client.
    let url = format!("http://{address}/by-upstream").parse().unwrap();
    let output = bed.test_client(ProxyAddress::Unix(pair.socket()), pair.front_end, &url, 5).await.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches("this is /by-upstream").count(), 5, "{log}");
    if let Some(port) = pair.tls_port() {
        let by_tls = ProxyAddress::Tls(port);
        let output = bed.test_client(by_tls, pair.front_end, &url, 2).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The length of an answer's body.
async fn read_head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> u64 {
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the tunnel ended");
        if line == "\r\n" {
            return length;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
    }
}

async fn read_body(stream: &mut (impl AsyncBufReadExt + Unpin)) -> String {
    let length = read_head(stream).await;
    let mut body = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}
