//! The two forms and admission, called as functions of the embedded API server: what holds before a real one with
//! webhooks holds here.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test: it fails by panicking")]

#[path = "support/bank.rs"]
mod bank;
#[path = "support/process.rs"]
mod process;

use bank::Bank;
use fedd::embedded::{Embedded, EmbeddedOptions, Opened, Storage};
use fedd::federation::choose_types;

use tempfile::TempDir;

/// A federation's API server in this process, with its file in a folder, and no controllers.
async fn start() -> (Embedded, TempDir, Bank) {
    let folder = tempfile::tempdir().unwrap();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Opened { store, secrets, .. } = Storage::file(folder.path().join("fedd.db")).open().await.unwrap();
    let options = EmbeddedOptions {
        types: choose_types(Some(&["configmaps".to_owned()])).unwrap(),
        ..EmbeddedOptions::new(store, secrets)
    };
    let embedded = Embedded::start(options).await.unwrap();
    let bank = Bank::new(embedded.client().clone());
    bank.tenants().await;
    (embedded, folder, bank)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_one_in_both_forms() {
    let (embedded, _folder, bank) = start().await;
    bank.objects_are_one_in_both_forms().await;
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_which_field_and_what_to_write() {
    let (embedded, _folder, bank) = start().await;
    bank.refusals_say_which_field_and_what_to_write().await;
    embedded.stop().await;
}
