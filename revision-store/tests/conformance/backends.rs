//! The backends, and a test for each.

use std::sync::Arc;

use revision_store::{MemoryStore, Store};

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Runs each of these functions on each backend.
macro_rules! on_every_backend {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::backends::memory()).await;
                }
            )*
        }
    };
}

pub(crate) use on_every_backend;
