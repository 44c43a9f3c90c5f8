//! Fifty clients of one file, and of a store in memory.

use std::sync::Arc;

use revision_store::{MemoryStore, SqliteStore, Store};

use crate::{
    drive::{Clients, Drive},
    verify::assert_right,
};

const FIFTY: Clients = Clients { writers: 30, readers: 10, watchers: 10 };
const WRITES: usize = 3000;

async fn check(store: Arc<dyn Store>) {
    let drive = Drive::start(vec![store], FIFTY).await;
    drive.writes(WRITES).await;
    let history = drive.finish().await;
    assert!(history.log.len() >= WRITES);
    // How many compactions come in between is chance, in memory sometimes none.
    println!("{} compactions", history.compactions().0);
    assert_right(&history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_of_one_file_see_one_history() {
    let folder = tempfile::tempdir().unwrap();
    check(Arc::new(SqliteStore::open(folder.path().join("data.db")).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_of_a_store_in_memory_see_one_history() {
    check(Arc::new(MemoryStore::new())).await;
}
