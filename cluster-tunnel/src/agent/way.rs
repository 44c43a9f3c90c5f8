//! The way from an agent to a server: TCP, a proxy between if need be, TLS.

use std::{io, sync::Arc};

use arc_swap::ArcSwap;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, lookup_host},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    limits::TLS_BUFFER,
    rpc::{CallError, Status},
};

/// Where servers are and how they are reached.
#[derive(Clone)]
pub struct Server {
    /// The name or address of the servers, or of the balancer before them.
    pub host: String,
    /// Their port for agents.
    pub port: u16,
    /// Whom to trust, and what to show. Its ALPN protocols must hold `h2`. Can be exchanged: new connections use it.
    pub tls: Arc<ArcSwap<rustls::ClientConfig>>,
    /// The name in the servers' certificates, if it is not the host.
    pub name: Option<String>,
    /// An HTTP proxy that connections go through by CONNECT: `http://user:password@proxy:3128`.
    pub proxy: Option<Uri>,
}

/// Why a server is not reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The connection could not be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Whereto.
        address: String,
        /// What the system or TLS said.
        source: io::Error,
    },
    /// The proxy made no connection.
    #[error("the proxy {proxy} refused to connect: {answer}")]
    Proxy {
        /// The proxy.
        proxy: String,
        /// The first line of its answer.
        answer: String,
    },
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// HTTP/2 failed.
    #[error("the connection broke: {0}")]
    Http(#[from] h2::Error),
    /// The server did not let the agent in.
    #[error("the server answered {0}")]
    Status(#[from] Status),
    /// The server's answer is none of this protocol.
    #[error("the server's answer has no header {0}")]
    Header(&'static str),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
}

impl From<CallError> for LinkError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Http(error) => Self::Http(error),
            CallError::Status(status) => Self::Status(status),
            CallError::Lost => Self::TimedOut,
        }
    }
}

impl Server {
    /// Connects. `turn` picks among the addresses that the host has, so that attempts lead to different servers.
    pub(super) async fn connect(&self, turn: usize) -> Result<TlsStream<BufReader<TcpStream>>, LinkError> {
        let address = self.address();
        let failed = |source| LinkError::Connect { address: address.clone(), source };
        let stream = match &self.proxy {
            Some(proxy) => self.by_proxy(proxy).await?,
            None => by_turns(&self.host, self.port, turn).await.map_err(failed)?,
        };
        stream.set_nodelay(true).map_err(failed)?;
        let name = self.name.as_ref().unwrap_or(&self.host).clone();
        let name = ServerName::try_from(name)
            .map_err(|error| LinkError::Settings(format!("the server's name cannot be checked: {error}")))?;
        let stream = BufReader::with_capacity(TLS_BUFFER, stream);
        TlsConnector::from(self.tls.load_full()).connect(name, stream).await.map_err(failed)
    }

    fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// How a method of the server is addressed.
    pub(super) fn uri(&self, method: &str) -> Result<Uri, LinkError> {
        let built = Uri::builder().scheme("https").authority(self.address()).path_and_query(method).build();
        built.map_err(|error| LinkError::Settings(format!("the server's address is none: {error}")))
    }

    async fn by_proxy(&self, proxy: &Uri) -> Result<TcpStream, LinkError> {
        let unusable =
            || LinkError::Settings(format!("the proxy {proxy} cannot be used: write http://host:port"));
        if proxy.scheme_str() != Some("http") {
            return Err(unusable());
        }
        let authority = proxy.authority().ok_or_else(unusable)?;
        // Its password is not for messages.
        let shown = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let failed = |source| LinkError::Connect { address: shown.clone(), source };
        let mut stream = TcpStream::connect(&shown).await.map_err(failed)?;
        let target = self.address();
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user, _)) = authority.as_str().rsplit_once('@') {
            request.extend(["Proxy-Authorization: Basic ", &BASE64_STANDARD.encode(user), "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        let head = read_head(&mut stream).await.map_err(failed)?;
        let answer = head.lines().next().unwrap_or_default();
        if answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            Ok(stream)
        } else {
            Err(LinkError::Proxy { proxy: shown, answer: answer.to_owned() })
        }
    }
}

/// An answer's head. Not a byte more is read, since what follows is the server's.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= 8 << 10 {
            return Err(io::Error::other("the proxy's answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn by_turns(host: &str, port: u16, turn: usize) -> io::Result<TcpStream> {
    let mut addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    let count = addresses.len();
    addresses.sort_unstable();
    addresses.rotate_left(turn % count);
    TcpStream::connect(addresses.as_slice()).await
}
