//! The client's end of a connection, with one call.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::Poll,
};

use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    AGENT, CONNECTION_WINDOW, Code, FRAME, HEADERS, Keepalive, OVERHEAD, Receiver, Sender, Status, WAITING,
    keepalive::{Heard, Pulse},
    message::Segment,
    rounds::in_rounds,
};
use crate::inward::Inward;

/// Why a call was not answered, or a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Http(#[from] h2::Error),
    #[error("the other end does not answer any more")]
    Lost,
    #[error(transparent)]
    Status(#[from] Status),
}

/// A call that was answered.
pub(crate) struct Call {
    /// The answer's headers.
    pub(crate) headers: HeaderMap,
    pub(crate) receiver: Receiver,
    pub(crate) sender: Sender,
}

/// A connection. Nothing moves on it but by [`Driver::run`]; dropping it ends everything on it.
pub(crate) struct Driver<S> {
    connection: h2::client::Connection<Inward<S, Heard>, Segment>,
    pulse: Pulse,
}

/// Makes an agent's call on a new connection. `uri` says whom is called.
pub(crate) async fn call<S>(
    stream: S,
    uri: Uri,
    mut headers: HeaderMap,
    keepalive: Keepalive,
) -> Result<(Call, Driver<S>), CallError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (stream, heard) = Heard::on(stream);
    let (mut requests, mut connection) = h2::client::Builder::new()
        .initial_window_size(AGENT.window)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(OVERHEAD)
        .max_header_list_size(HEADERS)
        .max_frame_size(FRAME)
        .max_send_buffer_size(WAITING)
        .enable_push(false)
        .handshake(stream)
        .await?;
    let pulse = Pulse::new(keepalive, connection.ping_pong(), heard);
    let mut driver = Driver { connection, pulse };

    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    let (response, sender) = requests.send_request(request, false)?;
    let (head, body) = driver.run(response).await??.into_parts();
    match Status::of(&head.headers) {
        // An answer without a body: the call was refused.
        Some(status) => Err(status.into()),
        None if head.status != http::StatusCode::OK => {
            Err(Status::new(Code::Unavailable, format!("HTTP status {}", head.status)).into())
        }
        None => {
            let call =
                Call { headers: head.headers, receiver: Receiver::new(body), sender: Sender::new(sender) };
            Ok((call, driver))
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Does something with the connection's call. An error if the connection ends before.
    pub(crate) async fn run<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CallError> {
        let mut work = pin!(work);
        in_rounds(std::future::poll_fn(|context| {
            let ended = Pin::new(&mut self.connection).poll(context);
            // Also after the connection's end: what came before it is not lost.
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            match ended {
                Poll::Ready(Ok(())) => Poll::Ready(Err(CallError::Lost)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
                // What was sent wakes this task again, which takes it to the socket.
                Poll::Pending => self.pulse.poll_lost(context).map(|()| Err(CallError::Lost)),
            }
        }))
        .await
    }
}
