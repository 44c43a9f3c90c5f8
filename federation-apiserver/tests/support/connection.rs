//! A connection to a server, as a client sees it: HTTP/2 over TLS, with its certificate in view.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use federation_apiserver::EmbeddedServer;
use federation_apiserver::auth::{Identity, MASTERS, StaticTokens, User};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// The administrator's token in these tests.
pub(crate) const TOKEN: &str = "administrator";

/// The tokens that a server of these tests knows.
pub(crate) fn tokens() -> StaticTokens {
    let mut tokens = StaticTokens::default();
    tokens.insert(TOKEN, User::new("admin", [MASTERS]));
    tokens
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What the server has shown.
    #[allow(dead_code, reason = "not every test looks at it")]
    pub(crate) shown: CertificateDer<'static>,
}

/// What a client trusts and shows, and what its clock says.
pub(crate) fn tls(
    authority: &str,
    shows: Option<&Identity>,
    clock: Option<Arc<dyn TimeProvider>>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clock = clock.unwrap_or_else(|| Arc::new(DefaultTimeProvider));
    let builder =
        ClientConfig::builder_with_details(provider, clock).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match shows {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

impl Connection {
    /// Connects to a server as nobody in particular.
    pub(crate) async fn to(server: &EmbeddedServer) -> Self {
        Self::open(server.address().unwrap(), tls(server.authority(), None, None)).await.unwrap()
    }

    pub(crate) async fn open(address: SocketAddr, config: ClientConfig) -> io::Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, shown })
    }

    /// Sends a request with a token, or none.
    pub(crate) async fn send(
        &mut self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> hyper::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        request = request.header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.sender.ready().await?;
        self.sender.send_request(request.body(Full::new(body.into())).unwrap()).await
    }

    /// The code and the body of an answer.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) async fn ask(
        &mut self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> (u16, serde_json::Value) {
        let response = self.send(token, method, path, body).await.unwrap();
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
