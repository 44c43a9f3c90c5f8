//! Clients of an API server whose connections are tunnels of a front end.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use kube::{
    Client,
    client::{Body, ClientBuilder, ConfigExt},
};
use testbed::{ApiServer, FrontEnd};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower_service::Service;

use crate::{
    front::{self, Stream},
    pair::Pair,
};

/// The way to an API server by a front end.
#[derive(Clone)]
pub struct ByFrontEnd {
    socket: PathBuf,
    front_end: FrontEnd,
    address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
}

impl ByFrontEnd {
    pub fn new(pair: &Pair, member: &ApiServer) -> Self {
        Self {
            socket: pair.socket().to_owned(),
            front_end: pair.front_end,
            address: address(member),
            tls: Arc::new(member.kube_config().rustls_client_config().unwrap()),
        }
    }

    /// A connection, with TLS from end to end.
    pub async fn connect(&self) -> TlsStream<Box<dyn Stream>> {
        let stream = front::dial(&self.socket, self.front_end, &self.address.to_string()).await;
        let name = "127.0.0.1".try_into().unwrap();
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await.unwrap()
    }

    /// kube's client, each of whose requests has a tunnel of its own.
    pub fn client(self, member: &ApiServer) -> Client {
        let layer = member.kube_config().base_uri_layer();
        ClientBuilder::new(self, "default").with_layer(&layer).build()
    }
}

/// Where an API server is.
pub fn address(member: &ApiServer) -> SocketAddr {
    member.url().trim_start_matches("https://").parse().unwrap()
}

impl Service<Request<Body>> for ByFrontEnd {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let stream = TokioIo::new(this.connect().await);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
            tokio::spawn(connection);
            // HTTP/1.1 has the host beside the path.
            let host = http::HeaderValue::try_from(this.address.to_string()).unwrap();
            request.headers_mut().insert(http::header::HOST, host);
            *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
            sender.send_request(request).await
        })
    }
}
