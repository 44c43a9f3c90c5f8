//! Ways between agent and server that are slow, lossy, forgotten by a gateway, or cut.

use std::time::Duration;

use cluster_tunnel::{
    Target, TunnelServer, TunnelStream,
    server::{Caller, ServerSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    backend::{Backend, pattern, read_pattern},
    bed::{self, Authority, RunningAgent, RunningServer, cluster, links, until},
    slow_way::{Conditions, SlowWay},
};

/// 1 Mbit/s, 200 ms there and back, one packet in twenty lost.
const BAD: Conditions =
    Conditions { delay: Duration::from_millis(100), bytes_per_second: 125_000, lost: 50, seed: 4711 };
const GOOD: Conditions = Conditions { delay: Duration::ZERO, bytes_per_second: 1 << 30, lost: 0, seed: 1 };

struct Bed {
    _backend: Backend,
    running: RunningServer,
    way: SlowWay,
    agent: RunningAgent,
}

/// An agent that reaches its server by such a way, and both ask every second whether the other lives.
async fn bed(conditions: Conditions) -> Bed {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let (every, answer) = (Duration::from_secs(1), Duration::from_secs(2));
    let settings = ServerSettings { keepalive: every, keepalive_answer: answer, ..ServerSettings::new("s1") };
    let running = bed::serve(&authority, settings).await;
    let way = SlowWay::to(running.agents, conditions).await;
    let mut settings = bed::agent_settings(&authority, "m1", way.address.port(), backend.address);
    (settings.keepalive, settings.keepalive_answer) = (every, answer);
    let agent = bed::run(settings);
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    Bed { _backend: backend, running, way, agent }
}

async fn dial(server: &TunnelServer, line: &str) -> TunnelStream {
    let dialled = server.dial(&Caller::in_process("test"), &cluster("m1"), &Target::ApiServer).await;
    let mut tunnel = dialled.unwrap();
    tunnel.write_all(line.as_bytes()).await.unwrap();
    tunnel
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_and_lossy_way_loses_no_bytes_and_no_tunnel() {
    let bed = bed(BAD).await;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let server = bed.running.server.clone();
        tasks.spawn(async move {
            if number % 2 == 0 {
                let mut down = dial(&server, "send 60000\n").await;
                assert_eq!(read_pattern(&mut down).await.unwrap(), 60_000);
            } else {
                let mut up = dial(&server, "count\n").await;
                up.write_all(&pattern(0, 60_000)).await.unwrap();
                up.shutdown().await.unwrap();
                let mut answer = String::new();
                up.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer, "60000\n");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    // That so much waited for the way was not taken for the peer's death.
    let snapshot = bed.agent.agent.snapshot();
    assert_eq!((snapshot.attempts, snapshot.lost), (1, 0));
    bed.running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_notice_a_connection_that_a_gateway_has_forgotten() {
    let bed = bed(GOOD).await;
    let server = &bed.running.server;
    let mut tunnel = dial(server, "echo\n").await;
    tunnel.write_all(b"a").await.unwrap();
    assert_eq!(tunnel.read_u8().await.unwrap(), b'a');
    bed.way.forget(1);
    // The server does not know it yet and gives this dial to the lost agent; it goes to the next one.
    let (caller, m1) = (Caller::in_process("test"), cluster("m1"));
    let dialled = server.dial(&caller, &m1, &Target::ApiServer);
    let (dialled, broken) = tokio::join!(dialled, tunnel.read_u8());
    assert!(broken.is_err(), "a tunnel outlives its connection");
    if let Ok(mut again) = dialled {
        again.write_all(b"send 1000\n").await.unwrap();
        assert_eq!(read_pattern(&mut again).await.unwrap(), 1000);
    }
    until("the agent has noticed", || bed.agent.agent.snapshot().lost == 1).await;
    until("the agent is connected again, once", || links(server, "m1") == 1).await;
    let mut again = dial(server, "send 1000\n").await;
    assert_eq!(read_pattern(&mut again).await.unwrap(), 1000);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_in_mid_stream_is_an_error_and_the_next_tunnel_is_whole() {
    let bed = bed(Conditions { bytes_per_second: 2 << 20, ..GOOD }).await;
    let server = &bed.running.server;
    let mut tunnel = dial(server, "send 4000000\n").await;
    let mut begun = vec![0; 100_000];
    tunnel.read_exact(&mut begun).await.unwrap();
    assert!(begun == pattern(0, 100_000));
    bed.way.cut(1);
    let error = tokio::io::copy(&mut tunnel, &mut tokio::io::sink()).await.unwrap_err();
    assert!(error.to_string().contains("lost"), "{error}");
    until("the agent has noticed", || bed.agent.agent.snapshot().lost == 1).await;
    until("the agent is connected again", || links(server, "m1") == 1).await;
    let mut again = dial(server, "send 100000\n").await;
    assert_eq!(read_pattern(&mut again).await.unwrap(), 100_000);
    server.stop().await;
}
