//! One connection to a webhook's server.

use std::io;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection that is ready for a request. It ends when it is dropped.
pub(super) struct Connection(SendRequest<Full<Bytes>>);

/// Why a request has no answer. The words are those of Go's client, which reach kube-apiserver's clients.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The address cannot be put into a request.
    #[error("invalid URL")]
    Request,
    /// The name is not known.
    #[error("dial tcp: lookup {host}: {why}")]
    Lookup { host: String, why: io::Error },
    /// Nobody answers at the address.
    #[error("dial tcp {address}: connect: {why}")]
    Connect { address: String, why: String },
    /// The server is not the one that is trusted.
    #[error("tls: failed to verify certificate: x509: {0}")]
    Certificate(String),
    /// TLS cannot be agreed upon.
    #[error("{0}")]
    Tls(String),
    /// The connection ended.
    #[error("EOF")]
    Ended,
    /// The answer is longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is not HTTP, or was cut off.
    #[error("{0}")]
    Http(String),
}

impl Connection {
    pub(super) async fn open(
        host: &str,
        port: u16,
        name: &ServerName<'static>,
        tls: &TlsConnector,
    ) -> Result<Self, Failure> {
        let stream = dial(host, port).await?;
        let _ = stream.set_nodelay(true);
        let stream = tls.connect(name.clone(), stream).await.map_err(|error| tls_failure(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(http_failure)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a webhook ended");
            }
        });
        Ok(Self(sender))
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// Sends a request and reads the answer. A request that was not sent comes back with the failure.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        longest: usize,
    ) -> Result<(Parts, Bytes), (Failure, Option<Request<Full<Bytes>>>)> {
        // A connection that is used again is ready when its last answer has been read to the end.
        if self.0.ready().await.is_err() {
            return Err((Failure::Ended, Some(request)));
        }
        let response = match self.0.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message();
                return Err((http_failure(error.into_error()), unsent));
            }
        };
        let (parts, body) = response.into_parts();
        match Limited::new(body, longest).collect().await {
            Ok(body) => Ok((parts, body.to_bytes())),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err((Failure::TooLong(longest), None))
            }
            Err(error) => Err((Failure::Http(error.to_string()), None)),
        }
    }
}

/// Tries the addresses of a host one after the other.
async fn dial(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let unknown = |why| Failure::Lookup { host: host.to_owned(), why };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(unknown)?;
    let mut failure = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                let why = match error.kind() {
                    io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
                    io::ErrorKind::NetworkUnreachable => "network is unreachable".to_owned(),
                    io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
                    _ => error.to_string(),
                };
                failure = Some(Failure::Connect { address: address.to_string(), why });
            }
        }
    }
    Err(failure.unwrap_or_else(|| unknown(io::Error::other("no such host"))))
}

fn tls_failure(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Failure::Ended;
    }
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => Failure::Certificate("certificate signed by unknown authority".to_owned()),
        Some(rustls::Error::InvalidCertificate(
            why @ (CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }),
        )) => Failure::Certificate(format!("certificate has expired or is not yet valid: {why}")),
        Some(rustls::Error::InvalidCertificate(why)) => Failure::Certificate(why.to_string()),
        _ => Failure::Tls(format!("tls: {error}")),
    }
}

fn http_failure(error: hyper::Error) -> Failure {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Failure::Ended
    } else {
        Failure::Http(error.to_string())
    }
}
