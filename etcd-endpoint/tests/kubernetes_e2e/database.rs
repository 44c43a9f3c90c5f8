//! A database below an endpoint.

use std::sync::Arc;

use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use revision_store::{Datastore, Store};
use testbed::{Database, DatabaseKind};

use crate::served::Served;

/// An endpoint over a database of its own.
pub(crate) struct OnDatabase {
    pub(crate) served: Served,
    database: Database,
}

impl OnDatabase {
    pub(crate) async fn start(kind: DatabaseKind) -> Self {
        let database = Database::start(kind).await.unwrap();
        let served = Served::over(store_of(&database).await, tempfile::tempdir().unwrap()).await;
        Self { served, database }
    }

    /// Another store of the same data, as another process has it.
    pub(crate) async fn replica(&self) -> Arc<dyn Store> {
        store_of(&self.database).await
    }

    /// Makes the database's own ids jump: by an order on `MariaDB`, by the cache that `OceanBase` has by default; and
    /// kills it, and starts it again.
    pub(crate) async fn jump(&self) {
        let user = OptsBuilder::default().user(Some("root")).db_name(Some("fedd"));
        let mut connection = Conn::new(user.socket(self.database.socket().to_str())).await.unwrap();
        let order = match self.database.kind() {
            DatabaseKind::MariaDb => "AUTO_INCREMENT = 1000000",
            DatabaseKind::OceanBase => "AUTO_INCREMENT_CACHE_SIZE = 1000000",
        };
        connection.query_drop(format!("ALTER TABLE kine {order}")).await.unwrap();
        self.database.stop().await.unwrap();
        self.database.start_again().await.unwrap();
    }
}

async fn store_of(database: &Database) -> Arc<dyn Store> {
    Datastore::parse(&database.url("fedd")).unwrap().open().await.unwrap()
}
