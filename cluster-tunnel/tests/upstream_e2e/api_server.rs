//! A real kube-apiserver behind agents of both kinds, by kube's client in process.

use cluster_tunnel::{
    TunnelServer,
    server::{Caller, Connector},
};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client,
    api::{PostParams, WatchEvent, WatchParams},
    client::ClientBuilder,
    client::ConfigExt,
};
use testbed::{ApiServer, FrontEnd, NetworkProxy, Testbed};

use crate::{
    bed::cluster,
    pair::{CLUSTER, Pair, ServerEnd, Whose},
};

/// A client whose connections are tunnels.
fn client(server: &TunnelServer, member: &ApiServer) -> Client {
    let config = member.kube_config();
    let connector: Connector = server.connector(Caller::in_process("test"), cluster(CLUSTER));
    let https = config.rustls_https_connector_with_connector(connector).unwrap();
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build(https);
    ClientBuilder::new(http, "default").with_layer(&config.base_uri_layer()).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gets_writes_and_watches_of_a_real_api_server_go_through_both_kinds_of_agents() {
    let testbed = Testbed::start().await.unwrap();
    let member = testbed.api_server("member").await.unwrap();
    let address = member.url().trim_start_matches("https://").parse().unwrap();
    let bed = NetworkProxy::start().await.unwrap();
    let ends = (Whose::Ours, Whose::Ours);
    let pair = Pair::start(&bed, "api", ends, FrontEnd::HttpConnect, address).await;
    let ServerEnd::Ours { server, .. } = &pair.server else { panic!("it was to be ours") };
    let client = client(server, &member);

    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.get("kube-system").await.unwrap();
    let objects: Api<ConfigMap> = Api::default_namespaced(client);
    let mut watch = objects.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    for number in 0..20 {
        let name = format!("object-{number}");
        let object = serde_json::from_value(serde_json::json!({"metadata": {"name": name}})).unwrap();
        objects.create(&PostParams::default(), &object).await.unwrap();
        loop {
            match watch.try_next().await.unwrap().unwrap() {
                WatchEvent::Added(object) if object.metadata.name.as_deref() == Some(&name) => break,
                WatchEvent::Added(_) | WatchEvent::Bookmark(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
