//! The backends, and a test for each.

use std::{path::Path, sync::Arc};

use revision_store::{MemoryStore, SqliteStore, Store};

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

pub(crate) async fn sqlite(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(folder.join("data.db")).await.unwrap())
}

/// Runs each of these functions on each backend.
macro_rules! on_every_backend {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::backends::memory()).await;
                }
            )*
        }

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$test($crate::backends::sqlite(folder.path()).await).await;
                }
            )*
        }
    };
}

pub(crate) use on_every_backend;
