//! Sizes that several modules share.

/// What is read from a socket at once for TLS, which by itself reads 4 KiB at a time.
pub(crate) const TLS_BUFFER: usize = 64 << 10;
