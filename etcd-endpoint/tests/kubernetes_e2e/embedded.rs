//! The same data, served by the server of this project and by a kube-apiserver.

use std::{sync::Arc, time::Duration};

use federation_apiserver::{EmbeddedServer, Options, Secrets, builtin::Profile};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use revision_store::Store;
use testbed::{ApiServer, ApiServerOptions, DatabaseKind, Testbed};

use crate::{
    data::{config_map, version},
    database::OnDatabase,
    served::Served,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_writes_the_other_serves() {
    let served = Served::sqlite().await;
    let both = Both::start(Arc::clone(&served.store), &served).await;
    both.take_turns().await;
    both.watch_each_other().await;
    both.embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb_what_one_writes_the_other_serves_though_ids_jump() {
    on_a_database(DatabaseKind::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_oceanbase_what_one_writes_the_other_serves_though_ids_jump() {
    on_a_database(DatabaseKind::OceanBase).await;
}

/// Each has a store of its own, as in two processes.
async fn on_a_database(kind: DatabaseKind) {
    let below = OnDatabase::start(kind).await;
    let both = Both::start(below.replica().await, &below.served).await;
    both.take_turns().await;
    both.watch_each_other().await;

    let mut watches = [both.ours.watch_all().await, both.theirs.watch_all().await];
    let before = below.served.store.revision().await.unwrap();
    for round in 0..2 {
        below.jump().await;
        for (writer, name) in [(&both.ours, "ours"), (&both.theirs, "theirs")] {
            let name = format!("{name}-{round}");
            let created =
                writer.0.create(&PostParams::default(), &config_map(&name, "jumped")).await.unwrap();
            for watch in &mut watches {
                let told = tokio::time::timeout(Duration::from_mins(1), told(watch, &name)).await;
                assert_eq!(told.expect("the watch is silent"), created);
            }
            assert!(version(&created) < before + 1000, "its revision jumped: {}", version(&created));
        }
    }
    both.embedded.stop().await;
}

/// `ConfigMap`s, as one of the two serves them.
struct Side(Api<ConfigMap>);

impl Side {
    /// A watch of what comes from now on.
    async fn watch_all(&self) -> BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>> {
        let list = self.0.list(&kube::api::ListParams::default()).await.unwrap();
        let from = list.metadata.resource_version.unwrap();
        self.0.watch(&WatchParams::default(), &from).await.unwrap().boxed()
    }
}

/// The next event about an object, with what it has then.
async fn told(watch: &mut BoxStream<'static, kube::Result<WatchEvent<ConfigMap>>>, name: &str) -> ConfigMap {
    loop {
        match watch.try_next().await.unwrap().expect("the watch stays") {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                if object.metadata.name.as_deref() == Some(name) {
                    return object;
                }
            }
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => panic!("{status:?}"),
        }
    }
}

/// Both servers.
struct Both {
    ours: Side,
    theirs: Side,
    embedded: EmbeddedServer,
    _server: ApiServer,
}

impl Both {
    async fn start(store: Arc<dyn Store>, served: &Served) -> Self {
        let testbed = Testbed::start().await.unwrap();
        let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
        let options = Options::new(store, Profile::Member, secrets);
        let listen = Some(([127, 0, 0, 1], 0).into());
        let options = Options { listen, simulation: None, accounts: false, ..options };
        let embedded = EmbeddedServer::start(options).await.unwrap();
        let kubeconfig: Kubeconfig =
            serde_json::from_value(embedded.admin_kubeconfig("ours").unwrap()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let ours = Side(Api::default_namespaced(Client::try_from(config).unwrap()));
        ours.0.create(&PostParams::default(), &config_map("before", "first")).await.unwrap();

        let options = ApiServerOptions {
            etcd: Some(served.url.clone()),
            // Its own form is protobuf; the server of this project stores JSON, and both read that.
            flags: vec![
                "--etcd-prefix=/registry".to_owned(),
                "--storage-media-type=application/json".to_owned(),
            ],
            ..ApiServerOptions::default()
        };
        let server = testbed.api_server_with("second", options).await.unwrap();
        let theirs = Side(Api::default_namespaced(server.client()));
        Self { ours, theirs, embedded, _server: server }
    }

    fn each_way(&self) -> [(&Side, &Side, &'static str); 2] {
        [(&self.ours, &self.theirs, "ours"), (&self.theirs, &self.ours, "theirs")]
    }

    /// Each goes on with what the other wrote.
    async fn take_turns(&self) {
        for (Side(writer), Side(reader), name) in self.each_way() {
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
    }

    /// What was done to one is told to those who watch the other.
    async fn watch_each_other(&self) {
        for (Side(writer), reader, _) in self.each_way() {
            let mut watch = reader.watch_all().await;
            let present = writer.get("before").await.unwrap();
            let changed = ConfigMap { data: config_map("", "changed").data, ..present.clone() };
            let changed = writer.replace("before", &PostParams::default(), &changed).await.unwrap();
            assert_eq!(told(&mut watch, "before").await, changed);
            let back = ConfigMap { data: present.data, ..changed };
            let back = writer.replace("before", &PostParams::default(), &back).await.unwrap();
            assert_eq!(told(&mut watch, "before").await, back);
            writer.create(&PostParams::default(), &config_map("short", "first")).await.unwrap();
            writer.delete("short", &DeleteParams::default()).await.unwrap();
            assert_eq!(told(&mut watch, "short").await.data, config_map("", "first").data);
            assert_eq!(told(&mut watch, "short").await.data, config_map("", "first").data);
        }
    }
}
