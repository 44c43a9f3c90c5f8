//! Members that cannot be reached: their agents dial in, and the engine's connections go back through them.
//!
//! A server runs in every replica of the engine, or in processes of its own (`fedd tunnel-server`). Agents keep a
//! connection to each; the servers count each other by Leases and tell the agents how many they are.
//!
//! | module | holds |
//! | --- | --- |
//! | [`authority`], [`agent_certificate`], `issuer` | who signs what, and for whom |
//! | [`bootstrap`], [`tokens`] | tokens that are good once: what they allow, and where they are kept |
//! | [`agent_identity`] | the agent's side of it |
//! | `server`, `known`, `servers`, `observer`, `measured` | the server: who is let in, how many there are, what is told |
//! | [`tenants`] | whose clusters are served, and who may dial which |
//! | `ways`, `dialer`, `remote` | the engine's ways in |

pub mod agent_certificate;
pub mod agent_identity;
pub mod authority;
pub mod bootstrap;
mod dialer;
mod issuer;
mod known;
mod measured;
mod observer;
mod remote;
mod server;
mod servers;
pub mod tenants;
pub mod tls;
pub mod tokens;
mod ways;

pub(crate) use self::measured::measure;
pub use self::server::{AgentServer, ShownArgs};
pub use self::ways::{TunnelArgs, Tunnels};
