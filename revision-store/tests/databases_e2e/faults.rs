//! What goes wrong with a database, and what the store makes of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mysql_async::prelude::Queryable;
use revision_store::{
    Datastore, MysqlOptions, MysqlServer, MysqlStore, Revision, Store, StoreError, Watch, Write, WriteError,
};
use testbed::{Database, DatabaseKind};
use tokio::task::JoinHandle;

use crate::{
    backends::address,
    proxy::{Cut, Proxy},
    sql,
    steps::{create, next_event, update},
};

fn datastore(server: &Database) -> Datastore {
    Datastore::parse(&server.url("fedd")).unwrap()
}

fn impatient() -> MysqlOptions {
    MysqlOptions {
        statement_timeout: Duration::from_secs(1),
        read_timeout: Duration::from_secs(2),
        write_timeout: Duration::from_secs(2),
        settle_timeout: Duration::from_secs(2),
        ..MysqlOptions::default()
    }
}

async fn open(server: &Database, options: MysqlOptions) -> Arc<dyn Store> {
    Arc::new(MysqlStore::open_with(address(&datastore(server)), options).await.unwrap())
}

/// What a writer was told.
#[derive(Default)]
struct Told {
    done: BTreeMap<Revision, String>,
    unknown: usize,
}

/// Writes its own keys until it is told to end; every answer but a success and an unknown outcome fails the test, but
/// `Unavailable` where that may be.
fn writer(store: Arc<dyn Store>, name: usize, end: Arc<AtomicBool>) -> JoinHandle<Told> {
    tokio::spawn(async move {
        let mut told = Told::default();
        let mut number = 0;
        while !end.load(Ordering::Relaxed) {
            number += 1;
            let key = format!("/w/{name}/{number}");
            let write = Write::Create { key: key.clone(), value: key.clone().into(), lease: 0 };
            match store.write(write).await {
                Ok(written) => assert!(told.done.insert(written.revision, key).is_none()),
                Err(WriteError::Store(StoreError::Unknown { .. })) => told.unknown += 1,
                Err(WriteError::Store(StoreError::Unavailable { .. })) => {
                    assert!(
                        store.get(&key, None).await.unwrap().entry.is_none(),
                        "it was said not to be done"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        told
    })
}

/// Reads a watch up to a revision: every revision once, in order.
async fn heard(watch: &mut Watch, after: Revision, upto: Revision) -> BTreeMap<Revision, String> {
    let mut all = BTreeMap::new();
    for expected in after + 1..=upto {
        let event = next_event(watch).await;
        assert_eq!(event.revision(), expected);
        all.insert(expected, event.entry.key);
    }
    all
}

/// Two replicas with writers and watches, and a fault again and again.
async fn writers_survive(server: &Database, rounds: usize, mut fault: impl AsyncFnMut(usize)) {
    let stores = [open(server, MysqlOptions::default()).await, open(server, MysqlOptions::default()).await];
    let start = stores[0].revision().await.unwrap();
    let mut watches = Vec::new();
    for store in &stores {
        watches.push(store.watch("", start).await.unwrap());
    }
    let end = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..16).map(|name| writer(Arc::clone(&stores[name % 2]), name, Arc::clone(&end))).collect();
    for round in 0..rounds {
        fault(round).await;
    }
    end.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut unknown) = (BTreeMap::new(), 0);
    for writer in writers {
        let told = writer.await.unwrap();
        unknown += told.unknown;
        for (revision, key) in told.done {
            assert_eq!(acknowledged.insert(revision, key), None, "a revision was used twice");
        }
    }
    let newest = stores[0].revision().await.unwrap();
    let first = heard(&mut watches[0], start, newest).await;
    assert_eq!(first, heard(&mut watches[1], start, newest).await, "both replicas tell the same");
    for (revision, key) in &acknowledged {
        assert_eq!(first.get(revision), Some(key), "what was acknowledged is there");
    }
    assert!(first.len() <= acknowledged.len() + unknown, "what was refused is not there");
    println!("{} writes, {} unknown, {rounds} faults", acknowledged.len(), unknown);
    // And a store that is opened now tells the same.
    let later = open(server, MysqlOptions::default()).await;
    let mut watch = later.watch("", start).await.unwrap();
    assert_eq!(first, heard(&mut watch, start, newest).await);
}

async fn pass(time: u64) {
    tokio::time::sleep(Duration::from_millis(time)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_killed_among_writers() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    writers_survive(&server, 6, async |round| {
        pass(200 + 31 * round as u64).await;
        server.stop().await.unwrap();
        server.start_again().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oceanbase_is_killed_among_writers() {
    let server = Database::start(DatabaseKind::OceanBase).await.unwrap();
    writers_survive(&server, 2, async |round| {
        pass(300 + 31 * round as u64).await;
        server.stop().await.unwrap();
        server.start_again().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_cut_among_writers() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let mut connection = sql::connect(&server, None).await;
    writers_survive(&server, 30, async |_| {
        pass(40).await;
        sql::kill_all(&mut connection).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_unavailable_and_watches_stay() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let store = open(&server, impatient()).await;
    let known = create(&store, "/f/a", "1").await;
    let mut watch = store.watch("/f/", known).await.unwrap();
    server.stop().await.unwrap();
    let begin = Instant::now();
    let write = Write::Update { key: "/f/a".into(), value: "2".into(), expected: known, lease: 0 };
    let (written, read) = tokio::join!(store.write(write), store.get("/f/a", None));
    let Err(WriteError::Store(error @ StoreError::Unavailable { .. })) = written else {
        panic!("{written:?}")
    };
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    for word in ["mysql://root@unix(", "unavailable", "a write", "2.0 s", "see that the database runs"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    server.start_again().await.unwrap();
    let written = update(&store, "/f/a", "3", known).await;
    assert_eq!(written, known + 1, "what was unavailable was not done");
    assert_eq!(next_event(&mut watch).await.revision(), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_is_unavailable_and_goes_on() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let store = open(&server, impatient()).await;
    let known = create(&store, "/f/a", "1").await;
    let mut watch = store.watch("/f/", known).await.unwrap();
    server.pause().await.unwrap();
    let begin = Instant::now();
    let (written, read) = tokio::join!(
        store.write(Write::Delete { key: "/f/a".into(), expected: known }),
        store.get("/f/a", None)
    );
    assert!(matches!(written, Err(WriteError::Store(StoreError::Unavailable { .. }))), "{written:?}");
    assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    server.resume().await.unwrap();
    let written = update(&store, "/f/a", "3", known).await;
    assert_eq!((written, next_event(&mut watch).await.revision()), (known + 1, known + 1));
}

/// A store behind a proxy.
async fn behind_proxy(server: &Database, folder: &std::path::Path) -> (Proxy, Arc<dyn Store>) {
    let proxy = Proxy::start(folder, server.socket());
    let mut address = address(&datastore(server));
    address.server = MysqlServer::Socket(proxy.socket.clone());
    // On a busy machine, making the tables takes an OceanBase longer than an impatient store waits.
    let store = loop {
        match MysqlStore::open_with(address.clone(), impatient()).await {
            Err(StoreError::Unavailable { .. }) => {}
            opened => break opened.unwrap(),
        }
    };
    (proxy, Arc::new(store))
}

async fn commits_are_cut(kind: DatabaseKind) {
    let server = Database::start(kind).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (proxy, store) = behind_proxy(&server, folder.path()).await;
    let mut known = create(&store, "/f/a", "0").await;
    let mut watch = store.watch("/f/", known).await.unwrap();
    for cut in [Cut::Before, Cut::After, Cut::AfterTwice, Cut::After, Cut::Before] {
        proxy.set(cut);
        // It is done once, whichever it was: a second time would be a conflict, and use a revision.
        let written = update(&store, "/f/a", "1", known).await;
        assert_eq!((proxy.cut(), written), (Cut::Nothing, known + 1), "{cut:?}");
        assert_eq!(next_event(&mut watch).await.revision(), written);
        known = written;
    }
    proxy.set(Cut::AfterForGood);
    let begin = Instant::now();
    let write = Write::Update { key: "/f/a".into(), value: "2".into(), expected: known, lease: 0 };
    let written = store.write(write).await;
    let Err(WriteError::Store(error @ StoreError::Unknown { .. })) = written else { panic!("{written:?}") };
    assert!(error.to_string().contains("unknown whether"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(9), "{:?}", begin.elapsed());
    // In truth it was done. Who reads the key knows it, and the watch hears it.
    proxy.set(Cut::Nothing);
    let entry = store.get("/f/a", None).await.unwrap().entry.unwrap();
    assert_eq!((entry.mod_revision, &entry.value[..]), (known + 1, &b"2"[..]));
    assert_eq!(next_event(&mut watch).await.revision(), known + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_is_looked_up_on_mariadb() {
    commits_are_cut(DatabaseKind::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_cut_is_looked_up_on_oceanbase() {
    commits_are_cut(DatabaseKind::OceanBase).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_jumps_leaves_no_gap() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let store = open(&server, MysqlOptions::default()).await;
    let first = create(&store, "/f/a", "").await;
    let mut connection = sql::connect(&server, Some("fedd")).await;
    sql::run(&mut connection, "ALTER TABLE kine AUTO_INCREMENT = 1000000").await;
    assert_eq!(create(&store, "/f/b", "").await, first + 1);
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    assert_eq!(create(&store, "/f/c", "").await, first + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oceanbase_with_its_default_counter_leaves_no_gap() {
    let server = Database::start(DatabaseKind::OceanBase).await.unwrap();
    let store = open(&server, MysqlOptions::default()).await;
    let mut connection = sql::connect(&server, Some("fedd")).await;
    sql::run(&mut connection, "ALTER TABLE kine AUTO_INCREMENT_CACHE_SIZE = 1000000").await;
    let first = create(&store, "/f/a", "").await;
    let mut watch = store.watch("/f/", first).await.unwrap();
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    assert_eq!(create(&store, "/f/b", "").await, first + 1);
    assert_eq!(next_event(&mut watch).await.revision(), first + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_others_are_told_and_their_gaps_are_passed() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let store = open(&server, MysqlOptions::default()).await;
    let first = create(&store, "/f/a", "").await;
    let mut watch = store.watch("/f/", first).await.unwrap();
    let row = |id: Revision, name: &str| {
        format!(
            "INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease, value) \
             VALUES ({id}, '{name}', 1, 0, 0, 0, 0, 'theirs')"
        )
    };
    let mut slow = sql::connect(&server, Some("fedd")).await;
    let mut quick = sql::connect(&server, Some("fedd")).await;
    // The number between the two is never used; the first is there late.
    sql::run(&mut slow, "BEGIN").await;
    sql::run(&mut slow, &row(first + 1, "/f/slow")).await;
    sql::run(&mut quick, &row(first + 3, "/f/quick")).await;
    pass(300).await;
    sql::run(&mut slow, "COMMIT").await;
    for (revision, key) in [(first + 1, "/f/slow"), (first + 3, "/f/quick")] {
        let event = next_event(&mut watch).await;
        assert_eq!((event.revision(), event.entry.key.as_str()), (revision, key));
    }
    assert_eq!(create(&store, "/f/b", "").await, first + 4);
    assert_eq!(next_event(&mut watch).await.revision(), first + 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_and_waits_for_locks_are_tried_again() {
    let server = Database::start(DatabaseKind::MariaDb).await.unwrap();
    let options = MysqlOptions { statement_timeout: Duration::from_secs(1), ..MysqlOptions::default() };
    let store = open(&server, options).await;
    let first = create(&store, "/f/a", "").await;
    let mut other = sql::connect(&server, Some("fedd")).await;
    sql::run(&mut other, "CREATE TABLE heavy (n INTEGER)").await;
    // The other one has the row that the store wants, and has changed more, so that it is not the one to give way.
    let rows = vec!["(1)"; 200].join(",");
    sql::run(&mut other, &format!("BEGIN; INSERT INTO heavy VALUES {rows}")).await;
    sql::run(&mut other, &format!("INSERT INTO kine (id, name) VALUES ({}, 'other')", first + 1)).await;
    let writing = Arc::clone(&store);
    let writing = tokio::spawn(async move { create(&writing, "/f/b", "").await });
    // When this has to wait for the store, there is a deadlock.
    pass(200).await;
    sql::run(&mut other, "SELECT number FROM fedd_store WHERE name = 'writers' FOR UPDATE").await;
    // And this is longer than one statement may wait.
    pass(2500).await;
    let deadlocks: Option<(String, u64)> =
        other.query_first("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'").await.unwrap();
    assert!(deadlocks.unwrap().1 >= 1);
    assert!(!writing.is_finished());
    sql::run(&mut other, "ROLLBACK").await;
    assert_eq!(writing.await.unwrap(), first + 1);
}
