//! Fifty clients of two stores on one database, to which things happen.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt as _;
use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable as _};
use revision_store::{Check, Datastore, MysqlAddress, MysqlOptions, MysqlStore, Store, StoreError};
use testbed::{Database, DatabaseKind};
use tokio::time::sleep;

use crate::{
    drive::{Clients, Drive},
    verify::assert_right,
};

const FIFTY: Clients = Clients { writers: 30, readers: 10, watchers: 10 };
/// How often a MariaDB is killed.
const KILLS: usize = 20;
/// How often an OceanBase is, which takes some seconds to start.
const OCEANBASE_KILLS: usize = 3;
/// How many writes are done between two things that happen.
const BETWEEN: usize = 40;
/// How long the server hangs, in seconds, unless the environment says otherwise: longer than a store waits.
const HANGS: u64 = 6;
/// Another time for which the server hangs, in seconds, such as 60.
const HANGS_FROM: &str = "FEDD_TEST_HANGS";

/// Times so short that what happens is noticed.
fn impatient() -> MysqlOptions {
    MysqlOptions {
        connect_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(2),
        read_timeout: Duration::from_secs(4),
        write_timeout: Duration::from_secs(4),
        settle_timeout: Duration::from_secs(4),
        ..MysqlOptions::default()
    }
}

/// A store, as soon as there is one: an OceanBase on a busy machine takes longer to make tables than an impatient store waits.
async fn open(address: &MysqlAddress) -> MysqlStore {
    loop {
        match MysqlStore::open_with(address.clone(), impatient()).await {
            Err(StoreError::Unavailable { .. }) => {}
            opened => return opened.unwrap(),
        }
    }
}

/// A server with clients at work on it.
struct Scene {
    server: Database,
    datastore: Datastore,
    drive: Drive,
}

impl Scene {
    async fn begin(kind: DatabaseKind) -> Self {
        let server = Database::start(kind).await.unwrap();
        let datastore = Datastore::parse(&server.url("history")).unwrap();
        let Datastore::Mysql(address) = &datastore else { unreachable!("it is a database") };
        let mut stores: Vec<Arc<dyn Store>> = Vec::new();
        for _ in 0..2 {
            stores.push(Arc::new(open(address).await));
        }
        let drive = Drive::start(stores, FIFTY).await;
        drive.writes(BETWEEN).await;
        Self { server, datastore, drive }
    }

    async fn sql(&self) -> Conn {
        let options = Opts::from(
            OptsBuilder::default()
                .user(Some("root"))
                .db_name(Some("history"))
                .socket(self.server.socket().to_str()),
        );
        Conn::new(options).await.unwrap()
    }

    /// Ends all connections to the data, whatever they are doing.
    async fn cut(&self, sql: &mut Conn) {
        let connections =
            "SELECT id FROM information_schema.processlist WHERE db = 'history' AND id <> CONNECTION_ID()";
        let ids: Vec<u64> = sql.query(connections).await.unwrap();
        assert!(!ids.is_empty(), "the stores have connections");
        for id in ids {
            // It may have ended by itself.
            let _ = sql.query_drop(format!("KILL CONNECTION {id}")).await;
        }
    }

    async fn kill(&self) {
        self.server.stop().await.unwrap();
        self.server.start_again().await.unwrap();
        self.drive.writes(BETWEEN).await;
    }

    /// Lets the server hang for a while.
    async fn hang(&self) {
        let seconds = std::env::var(HANGS_FROM).map_or(HANGS, |seconds| seconds.parse().unwrap());
        self.server.pause().await.unwrap();
        sleep(Duration::from_secs(seconds)).await;
        self.server.resume().await.unwrap();
        self.drive.writes(BETWEEN).await;
    }

    /// What the clients saw, and what is in the table, is what may be.
    async fn end(self) {
        self.drive.writes(BETWEEN).await;
        let history = self.drive.finish().await;
        let (compactions, refused) = history.compactions();
        println!(
            "{} writes, {} requests, {compactions} compactions, {refused} reads refused for them",
            history.log.len(),
            history.calls.len()
        );
        assert_right(&history);
        let (mut check, mut rows) = (Check::default(), self.datastore.rows());
        while let Some(page) = rows.try_next().await.unwrap() {
            page.iter().for_each(|row| check.row(row));
        }
        assert_eq!(check.finish().findings, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let scene = Scene::begin(DatabaseKind::MariaDb).await;
    for _ in 0..KILLS {
        scene.kill().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oceanbase_that_hangs_is_killed_and_cuts_connections_loses_and_doubles_nothing() {
    let scene = Scene::begin(DatabaseKind::OceanBase).await;
    scene.hang().await;
    for _ in 0..OCEANBASE_KILLS {
        scene.kill().await;
        scene.cut(&mut scene.sql().await).await;
        scene.drive.writes(BETWEEN).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_holds_up_and_loses_nothing() {
    let scene = Scene::begin(DatabaseKind::MariaDb).await;
    scene.hang().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_the_server_would_jump_to_and_connections_that_it_cuts_change_nothing() {
    let scene = Scene::begin(DatabaseKind::MariaDb).await;
    for round in 1..=10 {
        let mut sql = scene.sql().await;
        sql.query_drop(format!("ALTER TABLE kine AUTO_INCREMENT = {round}000000")).await.unwrap();
        scene.cut(&mut sql).await;
        scene.drive.writes(BETWEEN).await;
    }
    scene.end().await;
}
