//! The walk-through ends well: it checks what it prints.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test: it fails by panicking")]

use testbed::{Database, DatabaseKind};
use tokio::process::Command;

async fn everything_is_as_it_should_be(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_walkthrough")).args(arguments).output().await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("Everything is as it should be."), "{stdout}");
}

async fn on_a_database(kind: DatabaseKind) {
    let database = Database::start(kind).await.unwrap();
    everything_is_as_it_should_be(&["--datastore", &database.url("fedd")]).await;
}

#[tokio::test]
async fn on_a_kube_apiserver() {
    everything_is_as_it_should_be(&[]).await;
}

#[tokio::test]
async fn on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("fedd.db").display());
    everything_is_as_it_should_be(&["--datastore", &url]).await;
}

#[tokio::test]
async fn on_mariadb() {
    on_a_database(DatabaseKind::MariaDb).await;
}

#[tokio::test]
async fn on_oceanbase() {
    on_a_database(DatabaseKind::OceanBase).await;
}
