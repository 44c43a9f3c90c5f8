//! Members that cannot be reached: their agents dial in, and the engine's connections go back through them.
//!
//! The listener runs in every replica, and the engine of the one that leads dials through its own. Agents keep a
//! connection to each (`--tunnel-servers`).

pub mod authority;
mod dialer;
mod known;
mod measured;
mod server;
pub mod tls;

pub(crate) use self::measured::measure;
pub use self::server::{TunnelArgs, Tunnels};
