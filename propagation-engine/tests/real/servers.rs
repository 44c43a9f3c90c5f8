//! The scenarios' servers: kube-apiservers.

use testbed::Testbed;

/// What the scenarios call a server.
pub(crate) use testbed::ApiServer as Server;

/// Servers that end with this.
pub(crate) struct Servers(Testbed);

impl Servers {
    pub(crate) async fn start() -> Self {
        Self(Testbed::start().await.unwrap())
    }

    pub(crate) async fn server(&self, name: &str) -> Server {
        self.0.api_server(name).await.unwrap()
    }
}
