//! Traffic of a real kube-apiserver: requests, watches, watches by WebSocket, exec.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Pod};
use kube::{
    Api, Client,
    api::{PostParams, WatchEvent, WatchParams},
    client::{ClientBuilder, ConfigExt},
};
use serde_json::{Value, json};
use testbed::{ApiServer, Testbed};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    api_client::ByFrontEnd,
    bed::{Authority, cluster},
    kubelet::{Kubelet, STDIN, STDOUT},
    ours::CLUSTER,
    pair::{Pair, ServerEnd},
    websocket,
};

/// An API server with one node and one pod on it.
pub struct Member {
    pub server: ApiServer,
    _testbed: Testbed,
    _kubelet: Kubelet,
}

impl Member {
    pub async fn start() -> Self {
        let testbed = Testbed::start().await.unwrap();
        let server = testbed.api_server("member").await.unwrap();
        let kubelet = Kubelet::start(Authority::new().server_tls()).await;
        let client = server.client();
        let node = json!({
            "metadata": {"name": "node"},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.address.port()}}
            }
        });
        let pod = json!({
            "metadata": {"name": "cat"},
            "spec": {"nodeName": "node", "containers": [{"name": "main", "image": "cat"}]}
        });
        let create = PostParams::default();
        let nodes: Api<Node> = Api::all(client.clone());
        nodes.create(&create, &serde_json::from_value(node).unwrap()).await.unwrap();
        let pods: Api<Pod> = Api::default_namespaced(client);
        pods.create(&create, &serde_json::from_value(pod).unwrap()).await.unwrap();
        Self { server, _testbed: testbed, _kubelet: kubelet }
    }
}

/// What a pair must carry to the API server, by its front end, and in process where its server is this crate's.
pub async fn carries_requests(member: &Member, pair: &Pair, name: &str) {
    let server = &member.server;
    let way = ByFrontEnd::new(pair, server);
    writes_and_watches(way.clone().client(server), name).await;
    watches_by_websocket(way.connect().await, way.clone().client(server), name).await;
    executes(way.connect().await).await;
    // Upstream's agents know an API server by its address alone.
    if let (ServerEnd::Ours { .. }, true) = (&pair.server, pair.agent_is_ours()) {
        writes_and_watches(in_process(pair, server), &format!("{name}-in-process")).await;
    }
}

/// kube's client with this crate's connector.
fn in_process(pair: &Pair, member: &ApiServer) -> Client {
    let ServerEnd::Ours { server, .. } = &pair.server else { panic!("it was to be ours") };
    let config = member.kube_config();
    let caller = cluster_tunnel::server::Caller::in_process("test");
    let connector = server.connector(caller, cluster(CLUSTER));
    let https = config.rustls_https_connector_with_connector(connector).unwrap();
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build(https);
    ClientBuilder::new(http, "default").with_layer(&config.base_uri_layer()).build()
}

async fn writes_and_watches(client: Client, prefix: &str) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.get("kube-system").await.unwrap();
    let objects: Api<ConfigMap> = Api::default_namespaced(client);
    let mut watch = objects.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    for number in 0..10 {
        let name = format!("{prefix}-{number}");
        create(&objects, &name).await;
        loop {
            match watch.try_next().await.unwrap().unwrap() {
                WatchEvent::Added(object) if object.metadata.name.as_deref() == Some(&name) => break,
                WatchEvent::Added(_) | WatchEvent::Bookmark(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

async fn create(objects: &Api<ConfigMap>, name: &str) {
    let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    objects.create(&PostParams::default(), &object).await.unwrap();
}

async fn watches_by_websocket(mut stream: impl AsyncRead + AsyncWrite + Unpin, client: Client, prefix: &str) {
    let path = "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=0";
    let head = websocket::ask(&mut stream, path, "base64.binary.k8s.io").await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let objects: Api<ConfigMap> = Api::default_namespaced(client);
    for number in 0..5 {
        let name = format!("{prefix}-by-websocket-{number}");
        create(&objects, &name).await;
        loop {
            let event = websocket::read(&mut stream).await.unwrap().expect("the watch ended");
            let event: Value = serde_json::from_slice(&event).unwrap();
            if event["type"] == "ADDED" && event["object"]["metadata"]["name"] == *name {
                break;
            }
        }
    }
}

/// As kubectl's exec has it: standard input and output on channels of one connection, which the API server passes on.
async fn executes(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let path = "/api/v1/namespaces/default/pods/cat/exec?container=main&command=cat&stdin=true&stdout=true";
    let head = websocket::ask(&mut stream, path, "v4.channel.k8s.io").await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for length in [0, 1, 300, 20_000] {
        let typed = [&[STDIN][..], &vec![b'x'; length]].concat();
        websocket::write(&mut stream, &typed, true).await.unwrap();
        let printed = websocket::read(&mut stream).await.unwrap().expect("the stream ended");
        assert!(printed[0] == STDOUT && printed[1..] == typed[1..], "{} bytes for {length}", printed.len());
    }
}
