//! gRPC, as much of it as tunnels need: streams of packets in both directions on an HTTP/2 connection.
//!
//! A connection and all its streams are one task, so a frame goes from the socket to its tunnel and back without
//! changing tasks in between. What waits for a stream is taken in batches: small frames share one HTTP/2 frame and one
//! write, large payloads are sent from where they were read to. The usual gRPC libraries have a task for each stream
//! beside the connection's, and copy every message.

mod call;
mod exchange;
mod keepalive;
mod message;
mod receiver;
mod rounds;
mod sender;
mod serve;
mod status;

pub use self::status::{Code, Status};
pub(crate) use self::{
    call::{Call, CallError, call},
    exchange::{Exchange, exchange},
    keepalive::Keepalive,
    message::Decoder,
    receiver::Receiver,
    sender::Sender,
    serve::{Asked, serve},
};

/// A method: a kind of stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) path: &'static str,
    /// What HTTP/2 lets come in on a stream before it is taken.
    window: u32,
}

/// An agent's stream to a server. What comes is taken at once, so this is for the way, not for readers.
pub(crate) const AGENT: Method = Method { path: "/AgentService/Connect", window: 4 << 20 };
/// A client's stream to a server, with one tunnel. So much may wait in memory for a tunnel that does not go on.
pub(crate) const CLIENT: Method = Method { path: "/ProxyService/Proxy", window: 256 << 10 };

/// The most that a message may have: gRPC's default, which upstream keeps to.
const MESSAGE: usize = 4 << 20;
/// What HTTP/2 lets come in on all streams of a connection: so much that no stream ever waits for another's reader.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// What small frames that are not taken may cost in memory beyond their bytes, by HTTP/2's own count.
const OVERHEAD: usize = 4 << 20;
/// Streams of a connection at once.
const STREAMS: u32 = 1000;
/// The most that the head of a request or an answer may have.
const HEADERS: u32 = 32 << 10;
/// The most that one HTTP/2 frame may bring: a message of the default size, so that it comes in one piece.
const FRAME: u32 = 128 << 10;
/// What may wait in a stream's buffer for the socket. More waits outside, where tunnels take turns.
const WAITING: usize = 128 << 10;
