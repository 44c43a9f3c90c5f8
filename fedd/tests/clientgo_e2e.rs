//! Kubernetes' Go client on `fedd serve`: a federated kind in its two forms, and what it relies on of any API server.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/process.rs"]
mod process;
#[path = "support/serving.rs"]
mod serving;

use serving::Home;
use testbed::ClientGo;

/// Checks of `tools/clientgo`; the others need workloads, or a server that compacts often.
const CHECKS: [&str; 6] = ["federated", "apply", "controller", "discovery", "dynamic", "tokens"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_go_client_works_with_federated_kinds() {
    let home = Home::new();
    let serving = home.serve().await;
    let judged = ClientGo::default().judge(&home.kubeconfig(), &CHECKS, async |_| {}).await.unwrap();
    let failed = judged.iter().filter(|one| !one.failures.is_empty());
    let failed: Vec<_> = failed.map(|one| format!("{}: {}", one.check, one.failures.join("\n"))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(serving.terminated().await.code(), Some(0));
}
