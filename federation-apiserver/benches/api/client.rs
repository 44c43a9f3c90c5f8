//! One client for both servers: HTTP/1.1 over TLS with a client certificate, one connection each, as little work as
//! possible, since it shares the cores with what it measures.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server is, and how its administrator is known.
#[derive(Clone)]
pub struct Access {
    address: String,
    tls: Arc<ClientConfig>,
}

impl Access {
    /// What a kubeconfig in JSON with one cluster and one user says.
    pub fn of(kubeconfig: &Value) -> Self {
        let pem = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
        let certificates = |value: &Value| -> Vec<_> {
            CertificateDer::pem_slice_iter(&pem(value)).collect::<Result<_, _>>().unwrap()
        };
        let cluster = &kubeconfig["clusters"][0]["cluster"];
        let user = &kubeconfig["users"][0]["user"];
        let mut roots = RootCertStore::empty();
        for root in certificates(&cluster["certificate-authority-data"]) {
            roots.add(root).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(
                certificates(&user["client-certificate-data"]),
                PrivateKeyDer::from_pem_slice(&pem(&user["client-key-data"])).unwrap(),
            )
            .unwrap();
        let address = cluster["server"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
        Self { address, tls: Arc::new(tls) }
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Connection, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender, host: self.address.clone() })
    }

    /// Whether the server says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let Ok(mut connection) = self.connect().await else { return false };
        matches!(connection.ask(Method::GET, "/readyz", "", Bytes::new()).await, Ok((StatusCode::OK, _)))
    }
}

/// A connection, on which one request follows the other.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Sends a request, and reads the answer as it comes.
    pub async fn open(
        &mut self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> hyper::Result<http::Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, media_type)
            .body(Full::new(body))
            .unwrap();
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// Sends a request, and reads the whole answer.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> hyper::Result<(StatusCode, Bytes)> {
        let answer = self.open(method, path, media_type, body).await?;
        let code = answer.status();
        Ok((code, answer.into_body().collect().await?.to_bytes()))
    }
}
