//! A client's end of the server, without a socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};

use crate::auth::User;
use crate::server::{ApiServer, Body};

/// Requests of one user of this process: an HTTP client as `tower` has it, to be given to whatever client of the API
/// takes one.
#[derive(Clone)]
pub struct InProcess {
    server: Arc<ApiServer>,
    user: User,
}

impl InProcess {
    /// Requests of this user.
    pub fn new(server: Arc<ApiServer>, user: User) -> Self {
        Self { server, user }
    }
}

impl<B> tower_service::Service<Request<B>> for InProcess
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (server, user) = (Arc::clone(&self.server), self.user.clone());
        Box::pin(async move { Ok(server.handle_as(user, request).await) })
    }
}
