//! The server's end of a connection.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep},
};

use super::{
    CONNECTION_WINDOW, CallError, Code, FRAME, HEADERS, Keepalive, Method, OVERHEAD, Receiver, STREAMS,
    Sender, Status, WAITING,
    keepalive::{Heard, Pulse},
    message::Segment,
    receiver::broken,
    rounds::in_rounds,
};

/// A call that has no answer yet. Dropped without, it is reset.
pub(crate) struct Asked {
    request: Request<RecvStream>,
    respond: SendResponse<Segment>,
}

impl Asked {
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Takes the call. The headers go out at once: agents wait for them before they send anything.
    pub(crate) fn accept(mut self, headers: HeaderMap) -> Result<(Receiver, Sender), Status> {
        let answer = self.respond.send_response(answer(headers), false).map_err(broken)?;
        Ok((Receiver::new(self.request.into_body()), Sender::new(answer)))
    }

    pub(crate) fn refuse(mut self, status: &Status) {
        let mut headers = HeaderMap::new();
        status.put(&mut headers);
        // If the client has gone, nobody is there to be told.
        let _ = self.respond.send_response(answer(headers), true);
    }
}

fn answer(headers: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Serves the calls of one method until the connection ends; then its calls are dropped. `limit` is for its beginning,
/// and for how long it may be without a call: who connects and asks for nothing takes another's place.
pub(crate) async fn serve<S, F>(
    stream: S,
    method: Method,
    limit: Duration,
    keepalive: Keepalive,
    handle: impl Fn(Asked) -> F,
) -> Result<(), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = ()>,
{
    let (stream, heard) = Heard::on(stream);
    let handshake = h2::server::Builder::new()
        .initial_window_size(method.window)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(OVERHEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .max_frame_size(FRAME)
        .max_send_buffer_size(WAITING)
        .handshake(stream);
    let mut connection = tokio::time::timeout(limit, handshake).await.map_err(|_| CallError::Lost)??;
    let mut pulse = Pulse::new(keepalive, connection.ping_pong(), heard);
    let mut calls = FuturesUnordered::new();
    let mut idle = pin!(sleep(limit));
    let mut is_leaving = false;
    in_rounds(std::future::poll_fn(|context| {
        loop {
            match connection.poll_accept(context)? {
                Poll::Ready(Some((request, respond))) => {
                    idle.as_mut().reset(Instant::now() + limit);
                    let known = request.uri().path() == method.path;
                    let asked = Asked { request, respond };
                    if known {
                        calls.push(handle(asked));
                    } else {
                        let text = format!("the method here is {}", method.path);
                        asked.refuse(&Status::new(Code::Unimplemented, text));
                    }
                    continue;
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {}
            }
            if pulse.poll_lost(context).is_ready() {
                return Poll::Ready(Err(CallError::Lost));
            }
            match calls.poll_next_unpin(context) {
                Poll::Ready(Some(())) => idle.as_mut().reset(Instant::now() + limit),
                Poll::Ready(None) if idle.as_mut().poll(context).is_ready() => {
                    if is_leaving {
                        return Poll::Ready(Err(CallError::Lost));
                    }
                    // A call that is on its way is still taken.
                    connection.graceful_shutdown();
                    is_leaving = true;
                    idle.as_mut().reset(Instant::now() + limit);
                }
                // What the calls have sent wakes this task again, which takes it to the socket.
                _ => return Poll::Pending,
            }
        }
    }))
    .await
}
