//! An endpoint that listens, for a test.

use std::{path::PathBuf, sync::Arc};

use etcd_endpoint::{Endpoint, Identity, Listening, client::EtcdClient};
use revision_store::{MemoryStore, SqliteStore, Store};
use tokio::{sync::oneshot, task::JoinHandle};

/// An endpoint on a Unix socket, which ends with the test.
pub(crate) struct Served {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Served {
    /// Over a store in memory.
    pub(crate) async fn memory() -> Self {
        Self::over(Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap()).await
    }

    /// Over a file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("data.db")).await.unwrap();
        Self::over(Arc::new(store), folder).await
    }

    /// Over any store; the folder has the socket.
    pub(crate) async fn over(store: Arc<dyn Store>, folder: tempfile::TempDir) -> Self {
        let url = format!("unix://{}", folder.path().join("etcd").display());
        let (stop, serving) = serve(Arc::clone(&store), &url).await;
        Self { store, url, stop: Some(stop), serving, folder }
    }

    pub(crate) async fn client(&self) -> EtcdClient {
        EtcdClient::connect(&self.url, None).await.unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("etcd")
    }

    /// Ends the endpoint as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        let _told = self.stop.take().unwrap().send(());
        (&mut self.serving).await.unwrap();
    }

    /// Begins it again on the same data, with nothing else of what it knew.
    pub(crate) async fn start_again(&mut self) {
        let (stop, serving) = serve(Arc::clone(&self.store), &self.url).await;
        (self.stop, self.serving) = (Some(stop), serving);
    }
}

async fn serve(store: Arc<dyn Store>, url: &str) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let identity = Identity { name: "test".to_owned(), client_urls: vec![url.to_owned()] };
    let listening =
        Listening::bind(Endpoint::new(store, identity), &[url.parse().unwrap()], None).await.unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(async move {
        listening.run(async { stopped.await.unwrap_or(()) }).await.unwrap();
    });
    (stop, serving)
}
