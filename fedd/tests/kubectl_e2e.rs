//! kubectl, in each form of an object, on a real API server with fedd's webhooks.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/forms.rs"]
mod forms;
#[path = "support/process.rs"]
mod process;

use forms::Shop;
use process::{Daemon, done};
use testbed::Testbed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_loses_no_field_in_either_form() {
    let testbed = Testbed::start().await.unwrap();
    let host = testbed.api_server("host").await.unwrap();
    done(&host.kubeconfig_path(), &["install", "--types", "configmaps"]).await;
    let _webhooks = Daemon::start(host.kubeconfig_path(), &["webhook"]).await;
    let shop = Shop::open(host.client(), host.kubeconfig_path(), testbed.folder()).await;
    Box::pin(shop.loses_no_field_in_either_form()).await;
}
