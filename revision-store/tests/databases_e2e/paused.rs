//! A replica that is stopped in the middle of a transaction, and woken later.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use revision_store::{Datastore, Revision, Store, StoreError, WriteError};
use testbed::{Database, DatabaseKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    again, sql,
    steps::{create, try_create},
};

/// How long others may be held up: a silent writer's connection ends after 15 s, which `OceanBase` looks at every few
/// seconds only; and this machine is busy.
const HELD_UP: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_on_while_a_replica_is_paused_on_mariadb() {
    others_go_on_while_a_replica_is_paused(DatabaseKind::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_on_while_a_replica_is_paused_on_oceanbase() {
    others_go_on_while_a_replica_is_paused(DatabaseKind::OceanBase).await;
}

async fn others_go_on_while_a_replica_is_paused(kind: DatabaseKind) {
    let server = Database::start(kind).await.unwrap();
    let store = Datastore::parse(&server.url("fedd")).unwrap().open().await.unwrap();
    let first = create(&store, "/f/first", "").await;
    let mut replica = Replica::start(&server.url("fedd"));
    replica.pause_with_the_lock(&mut sql::connect(&server, Some("fedd")).await).await;

    let begin = Instant::now();
    let other = loop {
        match try_create(&store, "/f/other", "").await {
            Ok(revision) => break revision,
            Err(WriteError::Store(StoreError::Unavailable { .. })) => {}
            Err(error) => panic!("{error:?}"),
        }
    };
    let waited = begin.elapsed();
    println!("held up for {waited:?}");
    assert!(waited < HELD_UP, "{waited:?}");

    // Woken, it says of each of its writes what became of it, and goes on.
    replica.signal("-CONT");
    let mut told = Vec::new();
    while !told.iter().any(|(_, revision)| *revision > Some(other)) {
        told.push(replica.told.recv().await.expect("it goes on"));
    }
    replica.end();
    while let Some(more) = replica.told.recv().await {
        told.push(more);
    }
    for (key, revision) in told {
        let found = store.get(&key, None).await.unwrap().entry.map(|entry| entry.mod_revision);
        assert_eq!(found, revision, "{key}");
    }
    // Nothing but those: each revision is one write's, and what followed the other's came after it.
    let newest = store.revision().await.unwrap();
    let mut watch = store.watch("", first).await.unwrap();
    for expected in first + 1..=newest {
        assert_eq!(crate::steps::next_event(&mut watch).await.revision(), expected);
    }
}

/// Another process with a store of the same data, which writes all the time.
struct Replica {
    child: Child,
    /// Its writes: the key, and the revision if it was told that it is done, or none if it was told that it is not.
    told: UnboundedReceiver<(String, Option<Revision>)>,
    _folder: tempfile::TempDir,
}

impl Replica {
    fn start(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("url"), url).unwrap();
        let mut child = again::start("paused::writes_until_it_is_ended", folder.path());
        let output = child.stdout.take().unwrap();
        let (sender, told) = unbounded_channel();
        let read = move |output: ChildStdout| {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // A line that was broken off by the end has no full stop.
                let Some(line) = line.strip_prefix("write ").and_then(|line| line.strip_suffix('.')) else {
                    continue;
                };
                let (key, outcome) = line.split_once(' ').unwrap();
                let _gone = sender.send((key.to_owned(), outcome.parse().ok()));
            }
        };
        thread::spawn(move || read(output));
        Self { child, told, _folder: folder }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Stops it while it has the row that writers lock: again and again, until it has.
    async fn pause_with_the_lock(&mut self, administrator: &mut Conn) {
        self.told.recv().await.expect("it writes");
        for attempt in 0..500 {
            tokio::time::sleep(Duration::from_micros(500 + 37 * attempt)).await;
            self.signal("-STOP");
            // What it had sent before may be answered still; a lock that stays is that of an open transaction.
            if is_locked(administrator).await {
                tokio::time::sleep(Duration::from_millis(300)).await;
                if is_locked(administrator).await {
                    return;
                }
            }
            self.signal("-CONT");
        }
        panic!("it was never stopped in the middle of a transaction");
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Whether somebody has the row that writers lock.
async fn is_locked(administrator: &mut Conn) -> bool {
    let lock = "SELECT number FROM fedd_store WHERE name = 'writers' FOR UPDATE NOWAIT";
    sql::run(administrator, "BEGIN").await;
    let taken = administrator.query_drop(lock).await;
    sql::run(administrator, "ROLLBACK").await;
    taken.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that is paused"]
async fn writes_until_it_is_ended() {
    let Some(folder) = again::folder() else { return };
    let url = fs::read_to_string(folder.join("url")).unwrap();
    let store: Arc<dyn Store> = Datastore::parse(&url).unwrap().open().await.unwrap();
    for number in 0.. {
        let key = format!("/r/{number}");
        match try_create(&store, &key, "").await {
            Ok(revision) => println!("write {key} {revision}."),
            Err(WriteError::Store(StoreError::Unavailable { .. })) => println!("write {key} refused."),
            Err(error) => panic!("{error:?}"),
        }
    }
}
