//! Agents that lose a server, and servers that agents leave.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cluster_tunnel::{
    Target,
    agent::{CountedServers, Pace, ServerCount},
    server::{AllowAll, Caller, ServerSettings},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    backend::Backend,
    bed::{self, Authority, cluster, links, until},
};

const AGENTS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_agents_of_a_restarted_server_come_back_spread() {
    let authority = Authority::new();
    let address = "127.0.0.1:0".parse().unwrap();
    let running = bed::serve_with(&authority, ServerSettings::new("s1"), Arc::new(AllowAll), address).await;
    let address = running.agents;
    let tls = authority.client_tls("cluster:m1", bed::HOUR);
    let _agents: Vec<_> = (0..AGENTS)
        .map(|number| {
            let mut settings = bed::agent_settings(&authority, "m1", address.port(), address);
            settings.server.tls = Arc::clone(&tls);
            settings.pace = Pace { first: Duration::from_secs(4), longest: Duration::from_secs(8) };
            settings.seed = number as u64;
            bed::run(settings)
        })
        .collect();
    until("all are connected", || links(&running.server, "m1") == AGENTS).await;
    running.server.stop().await;
    drop(running);

    let running = bed::serve_with(&authority, ServerSettings::new("s1"), Arc::new(AllowAll), address).await;
    let begin = Instant::now();
    let mut half = None;
    until("all are connected again", || {
        let count = links(&running.server, "m1");
        if count >= AGENTS / 4 {
            half.get_or_insert(begin.elapsed());
        }
        count == AGENTS
    })
    .await;
    let (quarter, all) = (half.unwrap(), begin.elapsed());
    // Without a spread they are all there within the time that the handshakes take.
    assert!(quarter > Duration::from_millis(500) && all > Duration::from_secs(2), "{quarter:?}, {all:?}");
    running.server.stop().await;
}

#[tokio::test]
async fn an_agent_finds_every_server_and_does_not_dial_on_without_need() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let settings = |id| ServerSettings { count: 2, ..ServerSettings::new(id) };
    let one = bed::serve(&authority, settings("s1")).await;
    let two = bed::serve(&authority, settings("s2")).await;
    // A balancer that sends three connections in four to the first.
    let balancer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = balancer.local_addr().unwrap().port();
    let servers = [one.agents, one.agents, one.agents, two.agents];
    let balancing = tokio::spawn(async move {
        for server in servers.into_iter().cycle() {
            let (mut client, _) = balancer.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let agent = bed::run(bed::agent_settings(&authority, "m1", port, backend.address));
    until("both are connected", || links(&one.server, "m1") + links(&two.server, "m1") == 2).await;
    until("the agent knows", || agent.agent.snapshot().servers == ["s1", "s2"]).await;
    let snapshot = agent.agent.snapshot();
    assert_eq!((snapshot.attempts, snapshot.duplicates, snapshot.failures), (4, 2, 0));
    assert_eq!(one.server.snapshot().agents_accepted, 1, "a server that is known declines by itself");
    balancing.abort();
    one.server.stop().await;
    two.server.stop().await;
}

#[tokio::test]
async fn an_agent_that_is_connected_hears_of_further_servers() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let one = bed::serve(&authority, ServerSettings::new("s1")).await;
    let two = bed::serve(&authority, ServerSettings::new("s2")).await;
    let balancer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = balancer.local_addr().unwrap().port();
    let servers = [one.agents, two.agents];
    let balancing = tokio::spawn(async move {
        for server in servers.into_iter().cycle() {
            let (mut client, _) = balancer.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let agent = bed::run(bed::agent_settings(&authority, "m1", port, backend.address));
    until("the first is connected", || links(&one.server, "m1") == 1).await;
    one.server.set_servers(2);
    until("the second is connected", || links(&two.server, "m1") == 1).await;
    // The second has not heard of it yet, and nobody is dialled for nothing.
    assert_eq!(agent.agent.snapshot().attempts, 2);
    balancing.abort();
    one.server.stop().await;
    two.server.stop().await;
}

#[tokio::test]
async fn the_number_of_servers_may_come_from_elsewhere() {
    struct Three;
    impl ServerCount for Three {
        fn wanted(&self) -> usize {
            3
        }
        fn told(&self, _: usize) {}
    }
    let authority = Authority::new();
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let mut settings = bed::agent_settings(&authority, "m1", running.agents.port(), running.agents);
    settings.count = Arc::new(Three);
    let agent = bed::run(settings);
    until("it looks for more", || agent.agent.snapshot().duplicates >= 2).await;
    assert_eq!(CountedServers::default().wanted(), 1);
    running.server.stop().await;
}

#[tokio::test]
async fn a_draining_agent_takes_no_dials_and_ends_with_its_last_tunnel() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let settings = || bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    let mut old = bed::run(settings());
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    let caller = Caller::in_process("test");
    let (m1, target) = (cluster("m1"), Target::ApiServer);
    let mut tunnel = running.server.dial(&caller, &m1, &target).await.unwrap();
    old.agent.drain();
    let state = || running.server.snapshot().clusters[&m1].state;
    until("the server knows", || state().draining == 1).await;

    let new = bed::run(settings());
    until("another agent is connected", || state().links == 2).await;
    for _ in 0..5 {
        drop(running.server.dial(&caller, &m1, &target).await.unwrap());
    }
    tunnel.write_all(b"echo\nstill here").await.unwrap();
    tunnel.shutdown().await.unwrap();
    let mut answer = String::new();
    tunnel.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "still here");
    drop(tunnel);
    tokio::time::timeout(Duration::from_secs(10), &mut old.task).await.expect("it has drained").unwrap();
    assert_eq!(old.agent.snapshot().servers, Vec::<String>::new());
    assert_eq!(new.agent.snapshot().servers, ["s1"]);
    running.server.stop().await;
}
