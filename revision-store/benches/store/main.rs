//! How fast a store is beside kine on the same database, and etcd: writes, reads, watches, and what they cost.
//!
//! ```sh
//! cargo bench -p revision-store                                       # a file
//! cargo bench -p revision-store -- etcd sqlite kine-sqlite            # and what stands beside it
//! cargo bench -p revision-store -- mariadb kine-mariadb oceanbase kine-oceanbase
//! ```
//!
//! Values have 1 KiB, and every commit is durable. A compare-and-swap is a get and the update that depends on it, for
//! whatever is measured. A watch's latency is from the beginning of a write to its event: in another store on the same
//! database, or on another stream of the same server. The CPU is that of everything that takes part: this process, with
//! the client and the store, the server (etcd or kine), and the database. The last column is how many writes shared a
//! commit, which only stores tell. Files are in the folder that `TMPDIR` names; on a tmpfs nothing waits for a disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement ends when something fails, and its numbers are small"
)]

mod server;
mod subject;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt;
use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use revision_store::{Commits, Datastore};
use server::{Server, cpu_time, peak_memory};
use subject::Subject;
use testbed::{Database, DatabaseKind};

/// How many keys are created, and how many of them are changed and read one by one.
const KEYS: usize = 10_000;
const CHANGED: usize = 4_000;
const CLIENTS: [usize; 2] = [16, 64];
const WATCHED: usize = 300;

#[derive(Clone, Copy)]
enum Load {
    Creates,
    Updates,
    Gets,
}

/// One measurement's subject, and what runs for it.
struct Trial {
    name: String,
    clients: usize,
    subject: Subject,
    /// Where watches are.
    other: Subject,
    server: Option<Server>,
    database: Option<Database>,
}

#[tokio::main]
async fn main() {
    // Cargo adds a flag of its own.
    let mut names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    if names.is_empty() {
        names.push("sqlite".to_owned());
    }
    println!(
        "{:<16}{:<12}{:>8}{:>10}{:>10}{:>10}{:>12}{:>12}",
        "", "", "clients", "per s", "p50 ms", "p99 ms", "CPU µs/op", "per commit"
    );
    for name in names {
        for clients in CLIENTS {
            let folder = tempfile::tempdir().unwrap();
            let trial = begin(&name, clients, folder.path()).await;
            measure(&trial).await;
            trial.subject.close().await;
            trial.other.close().await;
        }
    }
}

async fn begin(name: &str, clients: usize, folder: &Path) -> Trial {
    let (by_kine, backend) = name.strip_prefix("kine-").map_or((false, name), |backend| (true, backend));
    let database = match backend {
        "mariadb" => Some(Database::start(DatabaseKind::MariaDb).await.unwrap()),
        "oceanbase" => Some(Database::start(DatabaseKind::OceanBase).await.unwrap()),
        "sqlite" | "etcd" => None,
        other => panic!("{other} is none of etcd, sqlite, mariadb, oceanbase"),
    };
    let file = folder.join("data.db");
    let server = match &database {
        _ if backend == "etcd" => Some(server::etcd(folder).await),
        Some(database) if by_kine => {
            if database.kind() == DatabaseKind::OceanBase {
                make_table_for_kine(database).await;
            }
            Some(server::kine(folder, &database.kine_endpoint("bench")).await)
        }
        None if by_kine => {
            let parameters = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate";
            Some(server::kine(folder, &format!("sqlite://{}?{parameters}", file.display())).await)
        }
        _ => None,
    };
    let (server, subject, other) = if let Some((server, client)) = server {
        let subject = Subject::Etcd(client);
        (Some(server), subject.clone(), subject)
    } else if let Some(database) = &database {
        let datastore = Datastore::parse(&database.url("bench")).unwrap();
        let open = async || Subject::Store(datastore.open().await.unwrap());
        (None, open().await, open().await)
    } else {
        let subject = Subject::Store(Datastore::Sqlite(file).open().await.unwrap());
        (None, subject.clone(), subject)
    };
    if let Some(database) = &database {
        calm(database).await;
    }
    Trial { name: name.to_owned(), clients, subject, other, server, database }
}

/// Waits until a server is no longer busy with its start and with new tables, half a minute at most: an OceanBase is, for
/// some seconds.
async fn calm(database: &Database) {
    const SECOND: Duration = Duration::from_secs(1);
    for _ in 0..30 {
        let pids: Vec<_> = database.pid().into_iter().collect();
        let before = cpu_time(&pids);
        tokio::time::sleep(SECOND).await;
        if cpu_time(&pids).saturating_sub(before) < SECOND / 5 {
            return;
        }
    }
}

/// kine cannot make its table on OceanBase. This is what it makes elsewhere, with OceanBase's character set, and numbers
/// handed out a thousand at a time, which is how kine is fastest there.
async fn make_table_for_kine(database: &Database) {
    let options = OptsBuilder::default().user(Some("root")).socket(database.socket().to_str());
    let mut connection = Conn::new(options).await.unwrap();
    let table = "CREATE DATABASE bench; CREATE TABLE bench.kine (
        id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
        name VARCHAR(630) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
        created INTEGER, deleted INTEGER, create_revision BIGINT UNSIGNED, prev_revision BIGINT UNSIGNED,
        lease INTEGER, value MEDIUMBLOB, old_value MEDIUMBLOB,
        INDEX kine_name_index (name), INDEX kine_name_id_index (name, id), INDEX kine_id_deleted_index (id, deleted),
        INDEX kine_prev_revision_index (prev_revision),
        UNIQUE INDEX kine_name_prev_revision_uindex (name, prev_revision)) AUTO_INCREMENT_CACHE_SIZE = 1000";
    connection.query_drop(table).await.unwrap();
    connection.disconnect().await.unwrap();
}

impl Trial {
    fn pids(&self) -> Vec<u32> {
        let server = self.server.as_ref().map(Server::pid);
        let database = self.database.as_ref().and_then(Database::pid);
        [Some(std::process::id()), server, database].into_iter().flatten().collect()
    }

    fn start(&self) -> Start {
        Start { time: Instant::now(), cpu: cpu_time(&self.pids()), commits: self.subject.commits() }
    }

    fn tell(&self, what: &str, mut latencies: Vec<Duration>, start: &Start) {
        let (elapsed, cpu) = (start.time.elapsed(), cpu_time(&self.pids()).saturating_sub(start.cpu));
        latencies.sort_unstable();
        let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        let commits = self.subject.commits();
        let made = commits.total() - start.commits.total();
        let shared = (made > 0).then(|| (commits.writes - start.commits.writes) as f64 / made as f64);
        println!(
            "{:<16}{what:<12}{:>8}{:>10.0}{:>10.2}{:>10.2}{:>12.0}{:>12}",
            self.name,
            self.clients,
            latencies.len() as f64 / elapsed.as_secs_f64(),
            at(0.5),
            at(0.99),
            cpu.as_secs_f64() * 1e6 / latencies.len() as f64,
            shared.map_or_else(String::new, |shared| format!("{shared:.1}")),
        );
    }
}

/// What there was when a load began.
struct Start {
    time: Instant,
    cpu: Duration,
    commits: Commits,
}

async fn measure(trial: &Trial) {
    for (what, load) in [("creates", Load::Creates), ("CAS", Load::Updates), ("gets", Load::Gets)] {
        let start = trial.start();
        let latencies = run(trial, load).await;
        trial.tell(what, latencies, &start);
    }
    let start = trial.start();
    let latencies = watched(trial).await;
    trial.tell("watch", latencies, &start);
    let start = trial.start();
    let mut latencies = Vec::new();
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(trial.subject.list("/registry/bench/").await, KEYS / trial.clients * trial.clients);
        latencies.push(begin.elapsed());
    }
    trial.tell("list of all", latencies, &start);
    let memory: Vec<_> = trial.pids().iter().map(|pid| format!("{} MB", peak_memory(*pid))).collect();
    println!("{:<16}most memory, this process so far and servers: {}", trial.name, memory.join(", "));
}

/// From the beginning of each write to its event.
async fn watched(trial: &Trial) -> Vec<Duration> {
    let mut watch = trial.other.watch("/watched/").await;
    let mut latencies = Vec::new();
    for i in 0..WATCHED {
        let begin = Instant::now();
        let write = trial.subject.write(format!("/watched/{i:05}"), "x".into(), 0);
        let (_written, told) = tokio::join!(write, watch.next());
        told.unwrap();
        latencies.push(begin.elapsed());
    }
    latencies
}

/// Every client has its own keys; returns how long each operation took.
async fn run(trial: &Trial, load: Load) -> Vec<Duration> {
    let keys = match load {
        Load::Creates => KEYS,
        Load::Updates | Load::Gets => CHANGED,
    } / trial.clients;
    let tasks: Vec<_> = (0..trial.clients)
        .map(|client| {
            let subject = trial.subject.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(keys);
                for i in 0..keys {
                    let begin = Instant::now();
                    once(&subject, load, format!("/registry/bench/client-{client:02}/object-{i:05}")).await;
                    latencies.push(begin.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    latencies
}

async fn once(subject: &Subject, load: Load, key: String) {
    let value = Bytes::from_static(&[b'x'; 1024]);
    match load {
        Load::Creates => subject.write(key, value, 0).await,
        Load::Updates => {
            let known = subject.get(&key).await;
            subject.write(key, value, known).await;
        }
        Load::Gets => {
            subject.get(&key).await;
        }
    }
}
