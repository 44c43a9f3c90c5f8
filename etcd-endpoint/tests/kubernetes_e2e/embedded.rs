//! One store, served by the server of this project and by a kube-apiserver.

use std::sync::Arc;

use federation_apiserver::{EmbeddedServer, Options, Secrets, builtin::Profile};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use testbed::{ApiServerOptions, Testbed};

use crate::{data::config_map, served::Served};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_writes_the_other_serves() {
    let testbed = Testbed::start().await.unwrap();
    let served = Served::sqlite().await;
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(Arc::clone(&served.store), Profile::Member, secrets);
    let listen = Some(([127, 0, 0, 1], 0).into());
    let embedded = EmbeddedServer::start(Options { listen, simulation: None, accounts: false, ..options })
        .await
        .unwrap();
    let kubeconfig: Kubeconfig = serde_json::from_value(embedded.admin_kubeconfig("ours").unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let ours: Api<ConfigMap> = Api::default_namespaced(Client::try_from(config).unwrap());
    ours.create(&PostParams::default(), &config_map("before", "first")).await.unwrap();

    let options = ApiServerOptions {
        etcd: Some(served.url.clone()),
        // Its own form is protobuf; the server of this project stores JSON, and both read that.
        flags: vec!["--etcd-prefix=/registry".to_owned(), "--storage-media-type=application/json".to_owned()],
        ..ApiServerOptions::default()
    };
    let server = testbed.api_server_with("second", options).await.unwrap();
    let theirs: Api<ConfigMap> = Api::default_namespaced(server.client());

    for (writer, reader, name) in [(&ours, &theirs, "ours"), (&theirs, &ours, "theirs")] {
        let created = writer.create(&PostParams::default(), &config_map(name, "first")).await.unwrap();
        assert_eq!(reader.get(name).await.unwrap(), created);
        let changed = ConfigMap { data: config_map(name, "second").data, ..created.clone() };
        let changed = writer.replace(name, &PostParams::default(), &changed).await.unwrap();
        assert_eq!(reader.get(name).await.unwrap(), changed);
        // The other one's write expects the same revision.
        let stale = reader.replace(name, &PostParams::default(), &created).await.unwrap_err();
        assert!(matches!(&stale, kube::Error::Api(status) if status.code == 409), "{stale}");
        let third = ConfigMap { data: config_map(name, "third").data, ..changed };
        let third = reader.replace(name, &PostParams::default(), &third).await.unwrap();
        assert_eq!(writer.get(name).await.unwrap(), third);
        writer.delete(name, &DeleteParams::default()).await.unwrap();
        assert!(reader.get_opt(name).await.unwrap().is_none());
    }

    // What was done to one is told to those who watch the other.
    let before = theirs.get("before").await.unwrap();
    let from = before.metadata.resource_version.clone().unwrap();
    let mut watch = theirs.watch(&WatchParams::default(), &from).await.unwrap().boxed();
    let changed = ConfigMap { data: config_map("", "second").data, ..before };
    let changed = ours.replace("before", &PostParams::default(), &changed).await.unwrap();
    loop {
        match watch.try_next().await.unwrap().unwrap() {
            WatchEvent::Modified(object) if object.metadata.name.as_deref() == Some("before") => {
                assert_eq!(object, changed);
                break;
            }
            // The turns above are told first.
            WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(server);
    embedded.stop().await;
}
