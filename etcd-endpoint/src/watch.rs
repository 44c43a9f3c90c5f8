//! The service Watch.

mod request;
mod session;
mod translate;
mod watcher;

use std::pin::Pin;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use self::session::Session;
use crate::{
    Endpoint,
    proto::etcdserverpb::{WatchRequest, WatchResponse, watch_server::Watch},
};

/// How many answers wait for a client that is slow; behind them, its watches wait in the store, which costs nothing.
const WAITING: usize = 16;

#[tonic::async_trait]
impl Watch for Endpoint {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (answers, waiting) = mpsc::channel(WAITING);
        // It ends with the client's stream of requests, with the reader of its answers, or with the endpoint.
        tokio::spawn(Session::new(self.clone(), answers).run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(waiting))))
    }
}
