//! The scenarios' servers: embedded ones, on loopback, over TLS, as any other client would use them.
#![allow(clippy::unused_async, reason = "the scenarios' other servers are processes, which are waited for")]

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use revision_store::{MemoryStore, Store};
use tokio::runtime::{Builder, Runtime};

/// How long a server that is told to end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where embedded servers come from.
pub(crate) struct Servers;

impl Servers {
    pub(crate) async fn start() -> Self {
        // Chosen before by another test: as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self
    }

    pub(crate) async fn server(&self, name: &str) -> Server {
        Server::start(name).await
    }
}

/// An API server that can be stopped, started again with the same data, and made to hang.
pub(crate) struct Server {
    name: String,
    url: String,
    address: SocketAddr,
    config: Config,
    store: MemoryStore,
    secrets: Secrets,
    running: Mutex<Option<Running>>,
}

/// One thread that does all of a server's work: it stops when the thread is held.
struct Running {
    runtime: Runtime,
    server: EmbeddedServer,
    /// While it is there, the thread is held.
    held: Option<mpsc::Sender<Infallible>>,
}

impl Server {
    async fn start(name: &str) -> Self {
        let (store, secrets) = (MemoryStore::new(), Secrets::generate(Timestamp::now()).unwrap());
        let running = run(&store, &secrets, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
        let address = running.server.address().unwrap();
        let kubeconfig = running.server.admin_kubeconfig(name).unwrap();
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let (name, url) = (name.to_owned(), format!("https://{address}"));
        Self { name, url, address, config, store, secrets, running: Mutex::new(Some(running)) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.secrets.authority.certificate
    }

    pub(crate) fn client(&self) -> Client {
        Client::try_from(self.config.clone()).unwrap()
    }

    /// Ends it as a kill does: connections break, and its address refuses others.
    pub(crate) async fn stop(&self) -> Result<(), Infallible> {
        let Running { runtime, server, held } = self.running().take().unwrap();
        drop((held, server));
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
        Ok(())
    }

    /// Starts it again at the same address, with its data.
    pub(crate) async fn start_again(&self) -> Result<(), Infallible> {
        let running = run(&self.store, &self.secrets, self.address).await;
        *self.running() = Some(running);
        Ok(())
    }

    /// Makes it hang: it takes connections, and says nothing.
    pub(crate) async fn pause(&self) -> Result<(), Infallible> {
        let (hold, held) = mpsc::channel();
        let mut running = self.running();
        let running = running.as_mut().unwrap();
        running.held = Some(hold);
        running.runtime.spawn(async move { held.recv() });
        Ok(())
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), Infallible> {
        self.running().as_mut().unwrap().held = None;
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap()
    }
}

impl Drop for Server {
    /// A runtime must not be waited for where nothing may block.
    fn drop(&mut self) {
        if let Some(Running { runtime, .. }) = self.running().take() {
            runtime.shutdown_background();
        }
    }
}

async fn run(store: &MemoryStore, secrets: &Secrets, address: SocketAddr) -> Running {
    let store = Arc::new(store.clone()) as Arc<dyn Store>;
    let options = Options { listen: Some(address), ..Options::new(store, Profile::Member, secrets.clone()) };
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.spawn(EmbeddedServer::start(options)).await.unwrap().unwrap();
    Running { runtime, server, held: None }
}
