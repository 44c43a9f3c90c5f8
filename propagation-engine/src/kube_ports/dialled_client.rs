//! A Kubernetes client whose connections are a [`Dialer`](super::Dialer)'s.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tower_service::Service;

use super::AccessError;
use super::dial::DialConnector;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client that asks as `config` says, with this bearer token, over connections of `connector`.
pub(super) fn dialled_client(
    config: &Config,
    token: &str,
    connector: DialConnector,
    connect: Duration,
) -> Result<Client, AccessError> {
    let failed = |words: String| AccessError::Client(words);
    let mut token = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| failed("the token has characters that no header can hold".to_owned()))?;
    token.set_sensitive(true);
    let tls = config
        .rustls_https_connector_with_connector(connector)
        .map_err(|error| failed(super::chain(&error)))?;
    let connector = InTime { inner: tls, limit: connect };
    let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = Authorised { client, token };
    Ok(ClientBuilder::new(service, config.default_namespace.clone())
        .with_layer(&config.base_uri_layer())
        .build())
}

/// Requests with a token.
#[derive(Clone)]
struct Authorised<C> {
    client: legacy::Client<C, Body>,
    token: HeaderValue,
}

impl<C: Connect + Clone + Send + Sync + 'static> Service<Request<Body>> for Authorised<C> {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = legacy::Error;
    type Future = legacy::ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), legacy::Error>> {
        self.client.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request.headers_mut().insert(AUTHORIZATION, self.token.clone());
        self.client.call(request)
    }
}

/// Connections that are there in time, TLS included.
#[derive(Clone)]
struct InTime<C> {
    inner: C,
    limit: Duration,
}

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri, Error = Failure>,
    C::Future: Send + 'static,
    C::Response: Send,
{
    type Response = C::Response;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(uri), self.limit);
        let late = move |_| -> Failure { format!("no connection within {} s", limit.as_secs_f32()).into() };
        tokio::time::timeout(limit, connecting).map(move |done| done.map_err(late)?).boxed()
    }
}
