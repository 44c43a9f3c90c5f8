//! A server of this project on a socket, that can be ended and started again.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::server::Settings;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use revision_store::SqliteStore;
use tempfile::TempDir;

/// A server with a file of its own.
pub(crate) struct Embedded {
    folder: TempDir,
    secrets: Secrets,
    address: SocketAddr,
    server: Option<EmbeddedServer>,
}

impl Embedded {
    pub(crate) async fn start() -> Self {
        let mut embedded = Self {
            folder: TempDir::new().unwrap(),
            secrets: Secrets::generate(jiff::Timestamp::now()).unwrap(),
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            server: None,
        };
        embedded.serve().await;
        embedded
    }

    async fn serve(&mut self) {
        let store = SqliteStore::open(&self.folder.path().join("data.db")).await.unwrap();
        let options = Options::new(Arc::new(store), Profile::Member, self.secrets.clone());
        // Often, so that versions become too old while somebody waits for it.
        let settings = Settings { compaction: Duration::from_secs(2), ..Settings::default() };
        let options = Options {
            listen: Some(self.address),
            // The other one has no nodes either.
            simulation: None,
            settings,
            ..options
        };
        let server = EmbeddedServer::start(options).await.unwrap();
        self.address = server.address().unwrap();
        std::fs::write(self.kubeconfig(), server.admin_kubeconfig("judged").unwrap().to_string()).unwrap();
        self.server = Some(server);
    }

    /// Where the administrator's kubeconfig is.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub(crate) async fn restart(&mut self) {
        self.server.take().unwrap().stop().await;
        self.serve().await;
    }

    pub(crate) async fn stop(mut self) {
        self.server.take().unwrap().stop().await;
    }
}
