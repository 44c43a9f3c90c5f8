//! The databases, and a test for each. One server of each kind serves all tests of this program.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use revision_store::{Datastore, MysqlAddress, MysqlOptions, MysqlStore, Store};
use testbed::{Database, DatabaseKind};
use tokio::sync::OnceCell;

static MARIADB: OnceCell<Database> = OnceCell::const_new();
static OCEANBASE: OnceCell<Database> = OnceCell::const_new();

async fn server(kind: DatabaseKind) -> &'static Database {
    let cell = match kind {
        DatabaseKind::MariaDb => &MARIADB,
        DatabaseKind::OceanBase => &OCEANBASE,
    };
    cell.get_or_init(async || Database::start(kind).await.unwrap()).await
}

/// The address of a database that does not exist yet.
pub(crate) async fn fresh(kind: DatabaseKind) -> Datastore {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let name = format!("fedd_{}", LAST.fetch_add(1, Ordering::Relaxed));
    Datastore::parse(&server(kind).await.url(&name)).unwrap()
}

/// The same as an address, for other options.
pub(crate) fn address(datastore: &Datastore) -> MysqlAddress {
    match datastore {
        Datastore::Mysql(address) => (**address).clone(),
        Datastore::Sqlite(_) => panic!("no database"),
    }
}

/// A store in a database of its own. Many are made at once, so one may take its time.
pub(crate) async fn store(kind: DatabaseKind) -> Arc<dyn Store> {
    let options = MysqlOptions { read_timeout: Duration::from_secs(60), ..MysqlOptions::default() };
    Arc::new(MysqlStore::open_with(address(&fresh(kind).await), options).await.unwrap())
}

/// Runs each of these functions on each database.
macro_rules! on_every_backend {
    ($($test:ident),* $(,)?) => {
        mod mariadb {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::backends::store(testbed::DatabaseKind::MariaDb).await).await;
                }
            )*
        }

        mod oceanbase {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test($crate::backends::store(testbed::DatabaseKind::OceanBase).await).await;
                }
            )*
        }
    };
}

pub(crate) use on_every_backend;
