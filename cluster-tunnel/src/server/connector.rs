//! How HTTP clients of this process connect through a tunnel.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::{Caller, TunnelServer};
use crate::{ClusterName, Reason, Target, TunnelStream};

/// A connector for hyper's and kube's clients: each connection is a tunnel to one cluster's API server, in this
/// process, with no proxy between. TLS to the API server goes on top, from end to end.
#[derive(Clone)]
pub struct Connector {
    server: TunnelServer,
    caller: Caller,
    cluster: ClusterName,
}

impl Connector {
    pub(super) fn new(server: TunnelServer, caller: Caller, cluster: ClusterName) -> Self {
        Self { server, caller, cluster }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TunnelStream>;
    type Error = Reason;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Reason>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { server, caller, cluster } = self.clone();
        Box::pin(async move { Ok(TokioIo::new(server.dial(&caller, &cluster, &Target::ApiServer).await?)) })
    }
}
