//! Certificates and tokens: who is let in, and who is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "credentials/certificates.rs"]
mod certificates;
#[path = "credentials/requests.rs"]
mod requests;
#[path = "credentials/tokens.rs"]
mod tokens;
