//! A reader that stops, with an agent that knows no windows.

use std::time::Duration;

use testbed::{FrontEnd, NetworkProxy};
use tokio::io::AsyncWriteExt;

use crate::{
    backend::{Backend, read_pattern},
    bed::{cluster, until},
    ours::CLUSTER,
    pair::{Pair, ServerEnd, Whose},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_tunnel_that_is_not_read_ends_and_the_others_notice_nothing() {
    let bed = NetworkProxy::start().await.unwrap();
    let backend = Backend::start().await;
    let ends = (Whose::Ours, Whose::Upstream);
    let pair = Pair::start(&bed, "stalled", ends, FrontEnd::HttpConnect, backend.address).await;
    let ServerEnd::Ours { server, .. } = &pair.server else { panic!("it was to be ours") };
    let dial = async |line: &str| {
        let address = backend.address.to_string();
        let mut stream = crate::front::dial(pair.socket(), FrontEnd::HttpConnect, &address).await;
        stream.write_all(line.as_bytes()).await.unwrap();
        stream
    };
    let mut stalled = dial("send 512000000\n").await;
    let state = || server.snapshot().clusters[&cluster(CLUSTER)].clone();
    for _ in 0..20 {
        let mut other = dial("send 100000\n").await;
        let read = tokio::time::timeout(Duration::from_secs(30), read_pattern(&mut other)).await;
        assert_eq!(read.expect("held up by the stalled reader").unwrap(), 100_000);
    }
    until("the stalled tunnel has ended", || state().state.open == 0).await;
    assert!(state().received < 200 << 20, "far more than the limit came in: {:?}", state());
    assert!(read_pattern(&mut stalled).await.unwrap_or(0) < 512_000_000);
}
