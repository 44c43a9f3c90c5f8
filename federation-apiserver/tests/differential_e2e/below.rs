//! What is below this project's server.

use std::sync::Arc;

use revision_store::{Datastore, MemoryStore, Store};
use testbed::{Database, DatabaseKind};

/// A store, and the database that it is on.
pub(crate) struct Below {
    pub(crate) store: Arc<dyn Store>,
    /// It ends with the test.
    _database: Option<Database>,
}

impl Below {
    /// What the environment variable `STORE` says; in memory, if there is none.
    pub(crate) async fn chosen() -> Self {
        match std::env::var("STORE").as_deref() {
            Err(_) | Ok("memory") => Self { store: Arc::new(MemoryStore::new()), _database: None },
            Ok("mariadb") => Self::database(DatabaseKind::MariaDb).await,
            Ok("oceanbase") => Self::database(DatabaseKind::OceanBase).await,
            Ok(other) => panic!("STORE={other}: write memory, mariadb or oceanbase"),
        }
    }

    /// A new database of this kind.
    pub(crate) async fn database(kind: DatabaseKind) -> Self {
        let database = Database::start(kind).await.unwrap();
        let store = Datastore::parse(&database.url("fedd")).unwrap().open().await.unwrap();
        Self { store, _database: Some(database) }
    }
}
