//! What clients see of credentials, limits, health and certificates, over real connections.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

#[path = "support/connection.rs"]
mod connection;
#[path = "operations/credentials.rs"]
mod credentials;
#[path = "operations/health.rs"]
mod health;
#[path = "operations/limits.rs"]
mod limits;
#[path = "operations/renewal.rs"]
mod renewal;

use std::sync::Arc;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{Options, Secrets};
use revision_store::MemoryStore;

/// How servers of these tests are made: on a free port, with a token of the administrator's.
fn options() -> Options {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Federation, secrets);
    Options {
        listen: Some(([127, 0, 0, 1], 0).into()),
        tokens: connection::tokens(),
        accounts: false,
        ..options
    }
}
