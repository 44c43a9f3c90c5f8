//! Tunnels in this process: bytes, half-closed ends, refusals, and hyper's client.

use std::sync::Arc;

use cluster_tunnel::{
    Reason, Target, TunnelServer,
    server::{Caller, ServerSettings},
};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    backend::{Backend, pattern, read_pattern},
    bed::{self, Authority, cluster, links, until},
};

const SIZE: u64 = 8 << 20;

async fn dial(server: &TunnelServer, name: &str) -> Result<cluster_tunnel::TunnelStream, Reason> {
    server.dial(&Caller::in_process("test"), &cluster(name), &Target::ApiServer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_go_both_ways_in_order_and_each_direction_ends_by_itself() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), backend.address));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;

    let mut down = dial(&running.server, "m1").await.unwrap();
    down.write_all(format!("send {SIZE}\n").as_bytes()).await.unwrap();
    assert_eq!(read_pattern(&mut down).await.unwrap(), SIZE);

    // The backend answers after the end of what it reads: the protocol of upstream cannot carry this.
    let mut up = dial(&running.server, "m1").await.unwrap();
    up.write_all(b"count\n").await.unwrap();
    for offset in (0..SIZE).step_by(1 << 16) {
        up.write_all(&pattern(offset, 1 << 16)).await.unwrap();
    }
    up.shutdown().await.unwrap();
    let mut answer = String::new();
    up.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, format!("{SIZE}\n"));

    let counted = running.server.snapshot().clusters[&cluster("m1")].clone();
    assert!(counted.sent >= SIZE && counted.received >= SIZE && counted.dials == 2, "{counted:?}");
    drop((up, down));
    until("nothing is left", || {
        let state = running.server.snapshot().clusters[&cluster("m1")].state;
        state.open + state.dialling + state.closing == 0 && agent.agent.snapshot().tunnels == 0
    })
    .await;
    running.server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_dialled_says_whether_the_tunnel_or_the_api_server_is_down() {
    let authority = Authority::new();
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    assert_eq!(dial(&running.server, "m1").await.err(), Some(Reason::NoAgent));

    // A port that nothing listens on.
    let nothing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), nothing));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;
    match dial(&running.server, "m1").await.err() {
        Some(Reason::Refused(text)) => assert!(text.contains(&nothing.to_string()), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(running.server.snapshot().clusters[&cluster("m1")].state.failing, 1);

    let elsewhere = Target::Address("169.254.169.254:80".to_owned());
    let refused = running.server.dial(&Caller::default(), &cluster("m1"), &elsewhere).await;
    match refused.err() {
        Some(Reason::Refused(text)) => assert!(text.contains("may not dial 169.254.169.254:80"), "{text}"),
        other => panic!("{other:?}"),
    }
    running.server.stop().await;
}

#[tokio::test]
async fn a_policy_is_asked_before_any_agent() {
    let authority = Authority::new();
    let policy = |caller: &Caller, cluster: &cluster_tunnel::ClusterName, _: &Target| {
        if caller.name == cluster.as_str() {
            Ok(())
        } else {
            Err(format!("{} may not reach {cluster}", caller.name))
        }
    };
    let any = "127.0.0.1:0".parse().unwrap();
    let running = bed::serve_with(&authority, ServerSettings::new("s1"), Arc::new(policy), any).await;
    let denied = running.server.dial(&Caller::in_process("m2"), &cluster("m1"), &Target::ApiServer).await;
    assert_eq!(denied.err(), Some(Reason::Denied("m2 may not reach m1".to_owned())));
    let allowed = running.server.dial(&Caller::in_process("m1"), &cluster("m1"), &Target::ApiServer).await;
    assert_eq!(allowed.err(), Some(Reason::NoAgent));
    running.server.stop().await;
}

#[tokio::test]
async fn hypers_client_keeps_tunnels_alive_between_requests() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let _agent = bed::run(bed::agent_settings(&authority, "m1", running.agents.port(), backend.address));
    until("the agent is connected", || links(&running.server, "m1") == 1).await;

    let connector = running.server.connector(Caller::in_process("test"), cluster("m1"));
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<bytes::Bytes>>(connector.clone());
    for number in 0..50 {
        let uri = format!("http://anything/{number}").parse().unwrap();
        let body = client.get(uri).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("this is /{number}"));
    }
    assert_eq!(running.server.snapshot().clusters[&cluster("m1")].dials, 1);

    let client = Client::builder(TokioExecutor::new()).build::<_, Full<bytes::Bytes>>(connector);
    let request = http::Request::post("http://anything/").body(Full::from(pattern(0, 3 << 20))).unwrap();
    let body = client.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, (3 << 20).to_string());
    running.server.stop().await;
}
