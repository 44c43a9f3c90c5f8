//! Who may open a database, and what is made there.

use revision_store::{Datastore, MysqlOptions, MysqlPassword, MysqlStore, Range, Store, StoreError};
use testbed::{Database, DatabaseKind};

use crate::{
    backends::{address, fresh},
    sql,
    steps::create,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_rights_gets_the_statements_to_run() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let mut administrator = sql::connect(&server, None).await;
    sql::run(&mut administrator, "CREATE USER plain IDENTIFIED BY 'pa\"ss'").await;
    let mut address = address(&Datastore::parse(&server.url("fedd")).unwrap());
    address.user = "plain".to_owned();
    address.password = MysqlPassword::Given("pa\"ss".to_owned());
    let refused = MysqlStore::open(address.clone()).await.unwrap_err();
    let StoreError::NoRights { statements, .. } = &refused else { panic!("{refused:?}") };
    let shown = refused.to_string();
    assert!(shown.contains("administrator run") && !shown.contains("pa\"ss"), "{shown}");
    sql::run(&mut administrator, statements).await;
    let store: std::sync::Arc<dyn Store> =
        std::sync::Arc::new(MysqlStore::open(address.clone()).await.unwrap());
    create(&store, "/o/a", "1").await;
    store.close().await;

    address.password = MysqlPassword::Given("wrong".to_owned());
    let refused = MysqlStore::open(address).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::NoRights { statements, .. } if statements.is_empty()),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("user and password"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_newer_program_are_left_alone() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let datastore = Datastore::parse(&server.url("fedd")).unwrap();
    datastore.open().await.unwrap().close().await;
    let mut administrator = sql::connect(&server, Some("fedd")).await;
    sql::run(&mut administrator, "UPDATE fedd_store SET number = 99 WHERE name = 'schema'").await;
    let refused = datastore.open().await.map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 99, known: 1, .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_kine_made_is_taken_over() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let mut administrator = sql::connect(&server, None).await;
    // As kine 0.17 makes it.
    sql::run(
        &mut administrator,
        "CREATE DATABASE fedd; USE fedd; CREATE TABLE kine (id BIGINT UNSIGNED AUTO_INCREMENT, \
         name VARCHAR(630) CHARACTER SET ascii, created INTEGER, deleted INTEGER, create_revision BIGINT UNSIGNED, \
         prev_revision BIGINT UNSIGNED, lease INTEGER, value MEDIUMBLOB, old_value MEDIUMBLOB, PRIMARY KEY (id)); \
         CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision); \
         INSERT INTO kine VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, '', NULL), (2, '/o/a', 1, 0, 0, 0, 0, 'x', NULL)",
    )
    .await;
    let store = Datastore::parse(&server.url("fedd")).unwrap().open().await.unwrap();
    let page = store.list(Range::prefix("/o/")).await.unwrap();
    assert_eq!((page.entries.len(), page.entries[0].mod_revision), (1, 2));
    // Names are told apart by every byte from now on.
    for key in ["/o/A", "/o/a ", "/o/ä", "/o/a\u{1}"] {
        create(&store, key, "y").await;
    }
    let names: Vec<String> =
        store.list(Range::prefix("/o/")).await.unwrap().entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(names, ["/o/A", "/o/a", "/o/a\u{1}", "/o/a ", "/o/ä"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_unavailable() {
    let mut address = address(&fresh(DatabaseKind::MariaDb).await);
    address.server = revision_store::MysqlServer::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
    let options =
        MysqlOptions { read_timeout: std::time::Duration::from_millis(300), ..MysqlOptions::default() };
    let refused = MysqlStore::open_with(address, options).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { attempt: "opening it", .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_used_and_the_server_has_to_prove_itself() {
    let server = Database::mariadb_with_tls().await.unwrap();
    let mut administrator = sql::connect(&server, None).await;
    sql::run(&mut administrator, "CREATE USER far IDENTIFIED BY 'x'; GRANT ALL ON *.* TO far").await;
    let url = server.tls_url("fedd").unwrap().replace("root@", "far:x@");
    let store = Datastore::parse(&url).unwrap().open().await.unwrap();
    create(&store, "/o/a", "1").await;
    store.close().await;

    // Without TLS the server refuses; with an authority that did not sign its certificate, the client does.
    let address = |text: &str| address(&Datastore::parse(text).unwrap());
    let (plain, _) = url.split_once('?').unwrap();
    let options =
        MysqlOptions { read_timeout: std::time::Duration::from_millis(300), ..MysqlOptions::default() };
    for url in [plain.to_owned(), format!("{plain}?tls=true")] {
        let refused = MysqlStore::open_with(address(&url), options.clone()).await;
        let expected = matches!(refused, Err(StoreError::Unavailable { .. } | StoreError::NoRights { .. }));
        assert!(expected, "{url}: {refused:?}");
    }
    let store = Datastore::parse(&format!("{plain}?tls=skip-verify")).unwrap().open().await.unwrap();
    assert!(store.get("/o/a", None).await.unwrap().entry.is_some());
}
