//! A reader that stops, between two ends of this crate.

use std::time::Duration;

use cluster_tunnel::{
    Target,
    server::{Caller, ServerSettings},
};
use tokio::io::AsyncWriteExt;

use crate::{
    backend::{Backend, read_pattern},
    bed::{self, Authority, cluster, links, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_leaves_the_others_untouched_and_can_go_on_later() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let _agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), backend.address));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    let caller = Caller::in_process("test");
    let dial = async |line: &str| {
        let mut stream = running.server.dial(&caller, &cluster("m1"), &Target::ApiServer).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        stream
    };
    let size = 6 << 20;
    let mut stalled = dial(&format!("send {size}\n")).await;
    let received = || running.server.snapshot().clusters[&cluster("m1")].received;
    until("its window is full", || received() >= 1 << 20).await;

    for _ in 0..20 {
        let mut other = dial("send 100000\n").await;
        let read = tokio::time::timeout(Duration::from_secs(30), read_pattern(&mut other)).await;
        assert_eq!(read.expect("held up by the stalled reader").unwrap(), 100_000);
    }
    let unread = received() - 20 * 100_000;
    assert!(unread <= 1 << 20, "{unread} bytes wait for a reader that does not read");
    assert_eq!(read_pattern(&mut stalled).await.unwrap(), size);
    running.server.stop().await;
}
