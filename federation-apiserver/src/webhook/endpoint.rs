//! Where a webhook is, and how it is called.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use structural_schema::go_text::quote;
use tokio_rustls::TlsConnector;

use super::answer::{self, CallError};
use super::connection::{Connection, Failure};

/// Most connections that are kept for later calls.
const IDLE: usize = 16;
/// How this server names itself.
const AGENT: &str = concat!("federation-apiserver/", env!("CARGO_PKG_VERSION"));

/// A webhook's server, with the connections to it that are not in use.
pub(super) struct Endpoint {
    host: String,
    port: u16,
    name: ServerName<'static>,
    /// `https://host[:port]/path`, as it is called and as errors tell it.
    url: String,
    tls: TlsConnector,
    idle: Mutex<Vec<Connection>>,
}

impl Endpoint {
    /// Reads a `clientConfig`. `trusted` are the authorities that count where it has no `caBundle`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(client_config: &Value, trusted: &Arc<RootCertStore>) -> Result<Self, String> {
        let url = url(client_config)?;
        let uri: Uri = url.parse().map_err(|error| format!("Unparsable URL: {error}"))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name =
            ServerName::try_from(host.clone()).map_err(|error| format!("Unparsable URL: {host}: {error}"))?;
        let roots = match client_config["caBundle"].as_str().filter(|bundle| !bundle.is_empty()) {
            Some(bundle) => Arc::new(authorities(bundle)?),
            None => Arc::clone(trusted),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            port: uri.port_u16().unwrap_or(443),
            tls: TlsConnector::from(Arc::new(config)),
            idle: Mutex::default(),
            host,
            name,
            url,
        })
    }

    /// Sends a review, and reads the answer.
    ///
    /// # Errors
    /// Why there is no answer, in the words of kube-apiserver.
    pub(super) async fn call(
        &self,
        review: &Value,
        timeout: Duration,
        longest: usize,
    ) -> Result<Value, CallError> {
        let url = format!("{}?timeout={}s", self.url, timeout.as_secs());
        let failed = |why: String| CallError::new(format!("Post {}: {why}", quote(&url)));
        let body = serde_json::to_vec(review).map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(timeout, self.exchange(&url, body.into(), longest)).await {
            Ok(Ok((parts, body))) => answer::read(&parts, &body),
            Ok(Err(failure)) => Err(failed(failure.to_string())),
            Err(_) => Err(failed("context deadline exceeded".to_owned())),
        }
    }

    async fn exchange(
        &self,
        url: &str,
        body: Bytes,
        longest: usize,
    ) -> Result<(http::response::Parts, Bytes), Failure> {
        let uri: Uri = url.parse().map_err(|_| Failure::Request)?;
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let mut request = Request::post(path)
            .header(http::header::HOST, authority)
            .header(http::header::USER_AGENT, AGENT)
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::ACCEPT, "application/json, */*")
            .body(Full::new(body))
            .map_err(|_| Failure::Request)?;
        loop {
            let kept = self.idle.lock().pop();
            let reused = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(&self.host, self.port, &self.name, &self.tls).await?,
            };
            match connection.exchange(request, longest).await {
                Ok(answer) => {
                    let mut idle = self.idle.lock();
                    if idle.len() < IDLE && connection.is_open() {
                        idle.push(connection);
                    }
                    return Ok(answer);
                }
                // The server had closed a connection that was kept: nothing was sent, another one will do.
                Err((_, Some(unsent))) if reused => request = unsent,
                Err((failure, _)) => return Err(failure),
            }
        }
    }
}

/// The address that a `clientConfig` means.
fn url(client_config: &Value) -> Result<String, String> {
    if let Some(url) = client_config["url"].as_str() {
        return Ok(url.to_owned());
    }
    let service = &client_config["service"];
    let text = |field: &str| service[field].as_str().unwrap_or_default();
    let (name, namespace, path) = (text("name"), text("namespace"), text("path"));
    if name.is_empty() {
        return Err("webhook configuration must have either service or URL".to_owned());
    }
    let port = service["port"].as_u64().unwrap_or(443);
    Ok(format!("https://{name}.{namespace}.svc:{port}/{}", path.trim_start_matches('/')))
}

/// The certificates of a `caBundle`: PEM in base64.
fn authorities(bundle: &str) -> Result<RootCertStore, String> {
    let wrong = |why: String| format!("unable to load root certificates: {why}");
    let pem = STANDARD.decode(bundle).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("unable to parse bytes as PEM block".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_is_a_name_and_a_port() {
        let service = json!({"service": {"name": "w", "namespace": "n", "path": "/mutate", "port": 8443}});
        assert_eq!(url(&service).unwrap(), "https://w.n.svc:8443/mutate");
        let service = json!({"service": {"name": "w", "namespace": "n"}});
        assert_eq!(url(&service).unwrap(), "https://w.n.svc:443/");
        assert!(url(&json!({})).is_err());
    }

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        let config = json!({"url": "https://localhost/", "caBundle": STANDARD.encode("nothing")});
        let error = Endpoint::new(&config, &Arc::new(RootCertStore::empty())).err().unwrap();
        assert_eq!(error, "unable to load root certificates: unable to parse bytes as PEM block");
    }
}
