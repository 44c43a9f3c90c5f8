//! Kubernetes' own controllers, where a test needs some of them.

use std::path::Path;

use kube::Client;

use crate::{
    ApiServer, Binary, Error, Result,
    api_server::{serving, token_signing},
    blocking::blocking,
    ports::free_port,
    readiness::ready,
    supervisor::Process,
};

/// How often a start is tried again because someone else took the port.
const ATTEMPTS: usize = 8;

/// A running kube-controller-manager. Dropping it kills it.
pub struct ControllerManager {
    process: Process,
    /// Keeps the API server that it works on.
    server: ApiServer,
}

impl ControllerManager {
    pub(crate) async fn start(server: &ApiServer, controllers: &[&str]) -> Result<Self> {
        let binary = blocking(|| Binary::KubeControllerManager.path()).await?;
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            match Self::start_on(server, &binary, controllers, port).await {
                Err(Error::Ended { tail, .. })
                    if attempt < ATTEMPTS && tail.contains("address already in use") =>
                {
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn start_on(server: &ApiServer, binary: &Path, controllers: &[&str], port: u16) -> Result<Self> {
        // A server's name has no dot, so this is no other server's folder.
        let name = format!("{}.controllers-{port}", server.name());
        let process = server.testbed().supervisor().run(&name, binary, &flags(server, controllers, port))?;
        let mut config = server.kube_config();
        config.cluster_url = format!("https://127.0.0.1:{port}")
            .parse()
            .map_err(|error: http::uri::InvalidUri| kube::Error::HttpError(error.into()))?;
        let client = Client::try_from(config)?;
        ready(&name, &process, async || healthy(&client).await).await?;
        Ok(Self { process, server: server.clone() })
    }

    /// The API server that it works on.
    pub fn api_server(&self) -> &ApiServer {
        &self.server
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

fn flags(server: &ApiServer, controllers: &[&str], port: u16) -> Vec<String> {
    let mut flags = vec![
        format!("--kubeconfig={}", server.kubeconfig_path().display()),
        format!("--controllers={}", controllers.join(",")),
        // One per server and test: there is no one to share the work with.
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--authentication-skip-lookup=true".to_owned(),
        "--profiling=false".to_owned(),
    ];
    flags.extend(serving(server.folder()));
    flags.extend(token_signing(server.folder()));
    flags
}

async fn healthy(client: &Client) -> Result<(), String> {
    let request = http::Request::get("/healthz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| error.to_string())
}
