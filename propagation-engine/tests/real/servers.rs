//! The scenarios' servers: kube-apiservers.

use testbed::{ApiServerOptions, Testbed};

/// What the scenarios call a server.
pub(crate) use testbed::ApiServer as Server;

/// Servers that end with this.
pub(crate) struct Servers(Testbed);

impl Servers {
    pub(crate) async fn start() -> Self {
        Self(Testbed::start().await.unwrap())
    }

    pub(crate) async fn server(&self, name: &str) -> Server {
        let options = ApiServerOptions { audit_writes: true, ..ApiServerOptions::default() };
        self.0.api_server_with(name, options).await.unwrap()
    }
}
