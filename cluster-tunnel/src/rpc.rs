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
mod sender;
mod serve;
mod status;

pub use self::status::{Code, Status};
pub(crate) use self::{
    call::{Call, CallError, call},
    exchange::{Exchange, exchange},
    keepalive::Keepalive,
    receiver::Receiver,
    sender::Sender,
    serve::{Asked, serve},
};

/// An agent's stream to a server.
pub(crate) const AGENT: &str = "/AgentService/Connect";
/// A client's stream to a server, with one tunnel.
pub(crate) const CLIENT: &str = "/ProxyService/Proxy";

/// The most that a message may have: gRPC's default, which upstream keeps to.
const MESSAGE: usize = 4 << 20;
/// What HTTP/2 lets come in before it is taken. It is taken at once, so this is for the way, not for readers.
const STREAM_WINDOW: u32 = 4 << 20;
/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 8 << 20;
/// The most that one HTTP/2 frame may bring: a message of the default size, so that it comes in one piece.
const FRAME: u32 = 128 << 10;
/// What may wait in a stream's buffer for the socket. More waits outside, where tunnels take turns.
const WAITING: usize = 128 << 10;
