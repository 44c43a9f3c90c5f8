//! The connection of a client.

use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tower_service::Service;

use super::ClientError;

/// What a client trusts and shows, as PEM.
#[derive(Clone)]
pub struct ClientTls {
    /// The authority that signed the server's certificate.
    pub authority: String,
    /// The client's certificate and its key, where the server wants one.
    pub identity: Option<(String, String)>,
}

/// Connects.
pub(super) async fn channel(url: &str, tls: Option<&ClientTls>) -> Result<Channel, ClientError> {
    let no_url = || ClientError::Url { url: url.to_owned() };
    let failed = |source| ClientError::Connect { url: url.to_owned(), source };
    if let Some(path) = url.strip_prefix("unix://").filter(|path| !path.is_empty()) {
        // Its host is of no meaning on a socket.
        let endpoint = Endpoint::from_static("http://localhost");
        return endpoint.connect_with_connector(UnixConnector { path: path.into() }).await.map_err(failed);
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(no_url());
    }
    let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| no_url())?;
    if url.starts_with("https://") {
        let mut config = ClientTlsConfig::new();
        if let Some(tls) = tls {
            config = config.ca_certificate(Certificate::from_pem(&tls.authority));
            if let Some((certificate, key)) = &tls.identity {
                config = config.identity(Identity::from_pem(certificate, key));
            }
        }
        endpoint = endpoint.tls_config(config).map_err(failed)?;
    }
    endpoint.connect().await.map_err(failed)
}

/// Opens a Unix socket, whatever the address.
struct UnixConnector {
    path: PathBuf,
}

impl Service<http::Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = std::io::Error;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(
        &mut self,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _address: http::Uri) -> Self::Future {
        let path = self.path.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}
