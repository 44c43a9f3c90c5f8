//! Serves an endpoint on sockets.

mod pages;
mod socket;

use std::{future::Future, io, time::Duration};

use thiserror::Error;
use tonic::{
    service::Routes,
    transport::{Certificate, Identity as Certified, Server, ServerTlsConfig},
};

use self::socket::Socket;
use crate::{
    Endpoint, ListenUrl,
    proto::etcdserverpb::{
        cluster_server::ClusterServer, kv_server::KvServer, lease_server::LeaseServer,
        maintenance_server::MaintenanceServer, watch_server::WatchServer,
    },
};

/// The longest request in bytes: etcd's default for a value, and its allowance for what is around it.
const REQUEST_BYTES: usize = (1536 + 512) << 10;

/// How many requests and streams one connection may have at once. A kube-apiserver shares a few connections for all that
/// it does.
const STREAMS: u32 = 4096;

/// How often a silent connection is asked whether it is there, and how long the answer may take: etcd's defaults.
const ALIVE_EVERY: Duration = Duration::from_secs(2 * 60 * 60);
const ALIVE_WITHIN: Duration = Duration::from_secs(20);

/// How long requests under way may take after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// What the endpoint shows to clients and wants of them, as PEM.
#[derive(Clone)]
pub struct ServerTls {
    /// Its certificate, and those between it and the authority.
    pub certificate: String,
    /// The certificate's key.
    pub key: String,
    /// The authorities of clients' certificates. If given, a client without one is refused.
    pub client_authority: Option<String>,
}

/// Why an endpoint cannot be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// There is nothing to listen on.
    #[error("no URL to listen on: write at least one, such as http://127.0.0.1:2379")]
    NoUrl,
    /// An address cannot be listened on.
    #[error("cannot listen on {url}")]
    Listen {
        /// The address.
        url: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// TLS is wanted, without a certificate.
    #[error("{url} is to be served with TLS: give a certificate and its key")]
    NoCertificate {
        /// The address.
        url: String,
    },
    /// Clients from everywhere, and no way to tell them from each other.
    #[error(
        "{url} can be reached from other hosts: give the authority of clients' certificates, or a loopback address"
    )]
    NoClientAuthority {
        /// The address.
        url: String,
    },
    /// Certificate, key or authorities cannot be used.
    #[error("the certificate, its key or the clients' authority cannot be used: give all three as PEM")]
    Tls(#[source] tonic::transport::Error),
    /// A listener failed.
    #[error("serving failed")]
    Serve(#[source] tonic::transport::Error),
}

/// An endpoint that listens. Until it is run, connections wait.
pub struct Listening {
    endpoint: Endpoint,
    sockets: Vec<(ListenUrl, Socket)>,
    tls: Option<ServerTls>,
}

impl Listening {
    /// Binds all addresses, or none.
    pub async fn bind(
        endpoint: Endpoint,
        urls: &[ListenUrl],
        tls: Option<ServerTls>,
    ) -> Result<Self, ServeError> {
        if urls.is_empty() {
            return Err(ServeError::NoUrl);
        }
        let mut sockets = Vec::new();
        for url in urls {
            match &tls {
                None if url.tls => return Err(ServeError::NoCertificate { url: url.to_string() }),
                Some(ServerTls { client_authority: None, .. }) if url.is_open() => {
                    return Err(ServeError::NoClientAuthority { url: url.to_string() });
                }
                _ => {}
            }
            let failed = |source| ServeError::Listen { url: url.to_string(), source };
            let (place, socket) = Socket::bind(&url.place).await.map_err(failed)?;
            sockets.push((ListenUrl { place, tls: url.tls }, socket));
        }
        Ok(Self { endpoint, sockets, tls })
    }

    /// Where it listens, ports as the system gave them.
    pub fn urls(&self) -> impl Iterator<Item = &ListenUrl> {
        self.sockets.iter().map(|(url, _)| url)
    }

    /// Serves until told to stop. Then watches are ended, so that their clients go elsewhere, and requests under way are
    /// answered, for at most ten seconds.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { endpoint, sockets, tls } = self;
        let routes = routes(&endpoint).await;
        let ended = endpoint.stop().clone();
        // Whatever ends it, streams end with it.
        let _ending = ended.clone().drop_guard();
        let mut servers = Vec::new();
        for (url, socket) in sockets {
            let server = match &tls {
                Some(tls) if url.tls => server().tls_config(tls_config(tls)).map_err(ServeError::Tls)?,
                _ => server(),
            };
            let mut server = server;
            servers.push(socket.serve(server.add_routes(routes.clone()), ended.clone()));
        }
        let mut all = std::pin::pin!(futures::future::try_join_all(servers));
        tokio::select! {
            failed = &mut all => return failed.map(drop).map_err(ServeError::Serve),
            () = stop => ended.cancel(),
        }
        match tokio::time::timeout(GRACE, all).await {
            Ok(served) => served.map(drop).map_err(ServeError::Serve),
            // Who still waits is cut off.
            Err(_) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Listening")
            .field("urls", &self.urls().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn server() -> Server {
    Server::builder()
        // For the pages.
        .accept_http1(true)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(ALIVE_EVERY))
        .http2_keepalive_timeout(Some(ALIVE_WITHIN))
        .http2_adaptive_window(Some(true))
}

fn tls_config(tls: &ServerTls) -> ServerTlsConfig {
    let config = ServerTlsConfig::new().identity(Certified::from_pem(&tls.certificate, &tls.key));
    match &tls.client_authority {
        Some(authority) => config.client_ca_root(Certificate::from_pem(authority)),
        None => config,
    }
}

async fn routes(endpoint: &Endpoint) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    // The empty name, which stands for the whole server, is served from the start.
    reporter.set_serving::<KvServer<Endpoint>>().await;
    let mut routes = Routes::builder();
    routes
        .add_service(KvServer::new(endpoint.clone()).max_decoding_message_size(REQUEST_BYTES))
        .add_service(WatchServer::new(endpoint.clone()).max_decoding_message_size(REQUEST_BYTES))
        .add_service(LeaseServer::new(endpoint.clone()))
        .add_service(ClusterServer::new(endpoint.clone()))
        .add_service(MaintenanceServer::new(endpoint.clone()))
        .add_service(health);
    let routes = routes.routes().into_axum_router();
    Routes::from(routes.merge(pages::router(endpoint.clone())))
}
