//! Limits of gRPC and HTTP/2 that both ends have.

/// The most that a message may have: gRPC's default, which upstream keeps to.
pub(crate) const MESSAGE: usize = 4 << 20;
/// What HTTP/2 lets come in before it is taken. It is taken at once, so this is for the way, not for readers.
pub(crate) const STREAM_WINDOW: u32 = 4 << 20;
/// The same for all streams of a connection.
pub(crate) const CONNECTION_WINDOW: u32 = 8 << 20;
