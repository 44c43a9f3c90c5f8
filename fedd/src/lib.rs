//! The fedd daemon as a library: `main` parses the command line and calls [`cmd`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`args`] | the command line |
//! | [`cmd`] | one command per file |
//! | [`webhook`] | conversion and admission over HTTPS |
//! | [`leader`] | leader election by Lease |
//! | [`metrics`], [`http`] | what is measured, and where it is served |
//! | [`connection`], [`output`], [`yaml`] | API servers by kubeconfig; what is printed |

pub mod args;
pub mod cmd;
pub mod connection;
pub mod http;
pub mod leader;
pub mod logging;
pub mod metrics;
pub mod output;
pub mod settings;
pub mod webhook;
pub mod yaml;
