//! Tunnel servers in processes of their own, one of which is killed, and streams through them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fedd::args::{Listen, host_and_port};
use fedd::tunnel::bootstrap::{Record, Token};
use fedd::tunnel::tokens::Tokens;
use fedd::tunnel::{ShownArgs, TunnelArgs, Tunnels};
use federation_model::{KubeFedCluster, KubeFedClusterSpec, LocalSecretReference, Settings, annotation};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::{Api, PostParams};
use propagation_engine::kube_ports::Dialer;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::bed::{FEDERATION, Member, Running, apply, free_address, namespace, reason};
use crate::process::within;
use crate::serving::{Home, becomes};

/// A tunnel server alone: where agents and where engines reach it.
pub(crate) struct TunnelServer {
    pub(crate) running: Running,
    pub(crate) agents: String,
    pub(crate) engines: String,
}

impl TunnelServer {
    fn new(home: &Home, agents: String, engines: String) -> Self {
        Self::with(home, agents, engines, &["--healthz-addr", "off", "--metrics-addr", "off"])
    }

    /// With further flags.
    pub(crate) fn with(home: &Home, agents: String, engines: String, flags: &[&str]) -> Self {
        let kubeconfig = home.kubeconfig();
        let arguments = ["tunnel-server", "--kubeconfig", kubeconfig.to_str().unwrap()];
        let addresses = ["--tunnel-listen", &agents, "--engine-listen", &engines];
        let running = Running::start(&[&arguments[..], &addresses, flags].concat());
        Self { running, agents, engines }
    }
}

/// Gives each connection to the next of some servers.
async fn balancer(servers: Vec<String>) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let balancing = tokio::spawn(async move {
        for server in servers.into_iter().cycle() {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    (address, AbortOnDropHandle::new(balancing))
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_alone_stand_in_for_each_other() {
    let home = Home::new();
    let addresses: Vec<_> = (0..4).map(|_| free_address()).collect();
    let flags = |address: &String| ["--tunnel-server".to_owned(), address.clone()];
    let flags: Vec<_> = addresses[2..].iter().flat_map(flags).collect();
    let _serving = home.serve_with(&flags).await;
    let server = |i: usize| TunnelServer::new(&home, addresses[i].clone(), addresses[i + 2].clone());
    let (mut one, two) = (server(0), server(1));
    for server in [&one, &two] {
        server.running.says("--engine-listen is served").await;
        // Each has seen the other's Lease.
        server.running.says("servers=2").await;
    }
    let (front, _balancing) = balancer(vec![one.agents.clone(), two.agents.clone()]).await;
    let member = Member::joined(&home, &front.to_string()).await;
    let host = home.client().await;
    reason(&host, "TunnelDown").await;
    let _agent = member.agent().await;
    for server in [&one, &two] {
        server.running.says("an agent has connected").await;
    }
    reason(&host, "ClusterReady").await;
    namespace(&host).await;
    apply(&host, "FederatedConfigMap", "first", json!({"data": {"k": "v"}})).await;
    let there: Api<ConfigMap> = Api::namespaced(member.client.clone(), "app");
    becomes("it is there", there.clone(), "first", |_| true).await;

    one.running.child.kill().await.unwrap();
    apply(&host, "FederatedConfigMap", "second", json!({"data": {"k": "v"}})).await;
    becomes("it is there", there, "second", |_| true).await;

    streams(&home, &member, &host, &two.engines).await;
}

/// What exec, port-forward and logs are to a tunnel, by the engine's way through a server of another process.
async fn streams(home: &Home, member: &Member, host: &Client, engines: &str) {
    let (backend, _answering) = backend().await;
    let secret = raw_cluster(host, member).await;
    let agent = member.agent_with("raw", &member.kubeconfig, &secret, &backend.to_string());
    agent.says("servers=1").await;
    let args = TunnelArgs {
        tunnel_listen: Listen(None),
        tunnel_servers: vec![host_and_port(engines).unwrap()],
        shown: ShownArgs::default(),
    };
    let started = Tunnels::start(
        &home.client().await,
        FEDERATION,
        &args,
        &Settings::default(),
        Duration::from_secs(10),
    )
    .await;
    let dialer = started.unwrap().unwrap().dialer();
    within("exec", exec_like(&dialer)).await;
    within("logs", log_like(&dialer)).await;
}

/// Bytes in both directions at any time, more of them than any window, and an end of one direction alone.
async fn exec_like(dialer: &Arc<dyn Dialer>) {
    let mut stream = dialer.dial("raw").await.unwrap();
    stream.write_all(b"POST /exec HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n").await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    for word in ["ls", "exit"] {
        stream.write_all(format!("{word}\n").as_bytes()).await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line.trim(), word);
    }
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[(i % 3) as usize]).collect();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (mut received, to_send) = (Vec::new(), sent.clone());
    let writing = tokio::spawn(async move {
        writer.write_all(&to_send).await.unwrap();
        writer.shutdown().await.unwrap();
        writer
    });
    reader.read_to_end(&mut received).await.unwrap();
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
    drop(writing.await.unwrap());
}

/// Lines that come one by one, as they are written.
async fn log_like(dialer: &Arc<dyn Dialer>) {
    let mut stream = dialer.dial("raw").await.unwrap();
    stream.write_all(b"GET /log?follow=true HTTP/1.1\r\n\r\n").await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    for number in 0..20 {
        assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("line {number}"));
    }
    assert_eq!(lines.next_line().await.unwrap(), None);
}

/// Echoes what comes after an upgrade, and tells lines otherwise.
pub(crate) async fn backend() -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream));
        }
    });
    (address, AbortOnDropHandle::new(answering))
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut is_upgrade) = (String::new(), false);
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        is_upgrade |= line.starts_with("Upgrade:");
    }
    if is_upgrade {
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        tokio::io::copy(&mut reader, &mut writer).await?;
        return writer.shutdown().await;
    }
    for number in 0..20 {
        stream.write_all(format!("line {number}\n").as_bytes()).await?;
        stream.flush().await?;
        tokio::task::yield_now().await;
    }
    stream.shutdown().await
}

/// A cluster `raw` of the federation, and the Secret of its agent, on a member that is at hand.
async fn raw_cluster(host: &Client, member: &Member) -> String {
    let clusters: Api<KubeFedCluster> = Api::namespaced(host.clone(), FEDERATION);
    let spec = KubeFedClusterSpec {
        api_endpoint: "https://raw".to_owned(),
        secret_ref: LocalSecretReference { name: "raw".to_owned() },
        ..KubeFedClusterSpec::default()
    };
    let mut cluster = KubeFedCluster::new("raw", spec);
    cluster.metadata.annotations = Some([(annotation::TUNNEL.to_owned(), "true".to_owned())].into());
    let cluster = clusters.create(&PostParams::default(), &cluster).await.unwrap();
    let (token, expires) = (Token::make(), Timestamp::now() + SignedDuration::from_hours(1));
    let uid = cluster.metadata.uid.unwrap();
    let record = Record::of(&token, "raw", &uid, expires, Duration::from_hours(1));
    Tokens::new(host, FEDERATION).add(&token, record).await.unwrap();
    let authorities: Api<Secret> = Api::namespaced(host.clone(), FEDERATION);
    let authority = authorities.get("fedd-tunnel-authority").await.unwrap().data.unwrap();
    let mut secret = Secret::default();
    secret.metadata.name = Some("raw".to_owned());
    let token = ("bootstrap-token".to_owned(), ByteString(token.to_string().into_bytes()));
    secret.data = Some([token, ("ca.crt".to_owned(), authority["ca.crt"].clone())].into());
    member.secrets().create(&PostParams::default(), &secret).await.unwrap();
    format!("{FEDERATION}/raw")
}
