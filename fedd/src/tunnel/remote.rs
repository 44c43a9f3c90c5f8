//! The engine's way into tunnels that end in other processes: HTTP CONNECT over TLS, as their servers have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use cluster_tunnel::{CLUSTER_HEADER, ClusterName, HostNames, REASON_HEADER, TraceParent};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use propagation_engine::kube_ports::{DialError, Dialer, Dialled};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, debug, debug_span};

use super::dialer::trace_of;

/// The most that an answer may have, and its words.
const MOST: usize = 8 << 10;

/// Servers of tunnels in other processes.
#[derive(Clone)]
pub(super) struct RemoteDialer {
    servers: Arc<[(String, u16)]>,
    tls: Arc<ArcSwap<rustls::ClientConfig>>,
    /// How long one server may take.
    limit: Duration,
    /// The server to be asked first: the one that led on last, if none has failed since.
    first: Arc<AtomicUsize>,
}

impl RemoteDialer {
    pub(super) fn new(
        servers: &[(String, u16)],
        tls: Arc<ArcSwap<rustls::ClientConfig>>,
        limit: Duration,
    ) -> Self {
        Self { servers: servers.into(), tls, limit, first: Arc::default() }
    }

    /// One server after the other, until one has an agent.
    async fn try_all(&self, cluster: &ClusterName, trace: TraceParent) -> Result<Dialled, DialError> {
        let begin = self.first.load(Ordering::Relaxed);
        let mut down = Vec::new();
        for turn in 0..self.servers.len() {
            let index = (begin + turn) % self.servers.len();
            let (host, port) = &self.servers[index];
            let failure =
                match tokio::time::timeout(self.limit, self.try_one(host, *port, cluster, trace)).await {
                    Ok(Ok(stream)) => {
                        self.first.store(index, Ordering::Relaxed);
                        return Ok(Dialled::new(stream));
                    }
                    Ok(Err(failure)) => failure,
                    Err(_) => Failure::NoServer("no answer in time".to_owned()),
                };
            debug!(host, port, ?failure, "a server gave no tunnel");
            match failure {
                Failure::Final(error) => return Err(error),
                Failure::NoAgent(words) => down.push(format!("{host}:{port}: {words}")),
                Failure::NoServer(words) => {
                    // One that hangs takes all the time that a dial has; the next dial begins with another.
                    self.first.store((index + 1) % self.servers.len(), Ordering::Relaxed);
                    down.push(format!("the tunnel server {host}:{port} is not reached: {words}"));
                }
            }
        }
        Err(DialError::TunnelDown(down.join("; ")))
    }

    async fn try_one(
        &self,
        host: &str,
        port: u16,
        cluster: &ClusterName,
        trace: TraceParent,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let lost = |error: std::io::Error| Failure::NoServer(error.to_string());
        let stream = TcpStream::connect((host, port)).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| Failure::NoServer(format!("its name cannot be checked: {error}")))?;
        let connector = TlsConnector::from(self.tls.load_full());
        let mut stream = connector.connect(name, stream).await.map_err(lost)?;
        let target = format!("{cluster}.{}:443", HostNames::default().suffix);
        let request = format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{CLUSTER_HEADER}: {cluster}\r\ntraceparent: {trace}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(lost)?;
        let head = read_head(&mut stream).await.map_err(lost)?;
        match Answer::read(&head) {
            Answer::Connected => Ok(stream),
            Answer::Failed { category } => {
                let mut words = Vec::new();
                stream.take(MOST as u64).read_to_end(&mut words).await.map_err(lost)?;
                Err(failure(category.as_deref(), String::from_utf8_lossy(&words).into_owned()))
            }
        }
    }
}

impl Dialer for RemoteDialer {
    fn dial(&self, cluster: &str) -> BoxFuture<'static, Result<Dialled, DialError>> {
        let (dialer, cluster) = (self.clone(), cluster.parse::<ClusterName>());
        async move {
            let cluster = cluster.map_err(|error| DialError::Unknown(error.to_string()))?;
            let span = debug_span!("reach", otel.kind = "client", %cluster, traceparent = Empty);
            let trace = trace_of(&span);
            span.record("traceparent", display(trace));
            dialer.try_all(&cluster, trace).instrument(span).await
        }
        .boxed()
    }
}

/// Why one server gave no tunnel.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// Another server would say the same.
    Final(DialError),
    /// No agent is connected to this one.
    NoAgent(String),
    /// This one is not there.
    NoServer(String),
}

fn failure(category: Option<&str>, words: String) -> Failure {
    match category {
        Some("no_agent" | "link_lost") => Failure::NoAgent(words),
        Some("refused") => Failure::Final(DialError::ApiServerDown(words)),
        // Without an answer nobody can say which of the two it is.
        Some(_) => Failure::Final(DialError::Unknown(words)),
        None => Failure::NoServer("what answers there is no tunnel server".to_owned()),
    }
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Connected,
    Failed { category: Option<String> },
}

impl Answer {
    fn read(head: &str) -> Self {
        let mut lines = head.lines();
        if lines.next().is_some_and(|line| line.split(' ').nth(1) == Some("200")) {
            return Self::Connected;
        }
        let mut headers = lines.filter_map(|line| line.split_once(':'));
        let category = headers.find(|(name, _)| name.eq_ignore_ascii_case(REASON_HEADER));
        Self::Failed { category: category.map(|(_, value)| value.trim().to_owned()) }
    }
}

/// An answer's head. Not a byte more is read, since what follows is the member's.
async fn read_head(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MOST {
            return Err(std::io::Error::other("the answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_there_is_a_tunnel_or_why_not() {
        assert_eq!(Answer::read("HTTP/1.1 200 Connection Established\r\n\r\n"), Answer::Connected);
        let category = |head| match Answer::read(head) {
            Answer::Failed { category } => category,
            Answer::Connected => panic!("{head}"),
        };
        let head = "HTTP/1.1 503 Service Unavailable\r\nCluster-Tunnel-Reason: no_agent\r\nA: b\r\n\r\n";
        assert_eq!(category(head).as_deref(), Some("no_agent"));
        assert_eq!(category("HTTP/1.1 503 Service Unavailable\r\n\r\n"), None);
        assert_eq!(category("SSH-2.0-OpenSSH"), None);
    }

    #[test]
    fn another_server_is_asked_only_where_it_may_know_better() {
        let of = |category| failure(category, "words".to_owned());
        assert!(matches!(of(Some("no_agent")), Failure::NoAgent(_)));
        assert!(matches!(of(Some("refused")), Failure::Final(DialError::ApiServerDown(_))));
        assert!(matches!(of(Some("timed_out")), Failure::Final(DialError::Unknown(_))));
        assert!(matches!(of(None), Failure::NoServer(_)));
    }
}
