//! Serves the API on a free port, until standard input ends, and prints a kubeconfig's path.
#![allow(clippy::unwrap_used, reason = "an example")]

use std::sync::Arc;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use revision_store::MemoryStore;
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let listen = Some(([127, 0, 0, 1], 0).into());
    let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
    let server = EmbeddedServer::start(Options { listen, ..options }).await.unwrap();
    let path = std::env::temp_dir().join("fedd-example.kubeconfig");
    std::fs::write(&path, server.admin_kubeconfig("example").unwrap().to_string()).unwrap();
    println!("{}", path.display());
    let _ = tokio::io::stdin().read(&mut [0]).await;
    server.stop().await;
}
