//! How fast a store is: writes, reads, watches, and what they cost.
//!
//! ```sh
//! cargo bench -p revision-store                         # a file
//! cargo bench -p revision-store -- mariadb oceanbase    # databases of the testbed
//! ```
//!
//! Values have 1 KiB. Files are in the folder that `TMPDIR` names; on a tmpfs nothing waits for a disk. The processor's time
//! is this process's: a database's own is not in it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement ends when something fails, and its numbers are small"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::StreamExt;
use revision_store::{Datastore, Range, Revision, Store, WatchItem, Write};
use testbed::{Database, DatabaseKind};

const KEYS: usize = 8_000;
const CLIENTS: [usize; 4] = [1, 16, 32, 64];
/// How many keys one client writes at most: alone, it waits for the disk each time.
const ALONE: usize = 1_000;

#[derive(Clone, Copy)]
enum Load {
    Creates,
    Updates,
    Gets,
}

#[tokio::main]
async fn main() {
    // Cargo adds a flag of its own.
    let mut names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    if names.is_empty() {
        names.push("sqlite".to_owned());
    }
    println!(
        "{:<10}{:<12}{:>8}{:>10}{:>10}{:>10}{:>12}",
        "", "", "clients", "per s", "p50 ms", "p99 ms", "CPU µs/op"
    );
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let database = match name.as_str() {
            "sqlite" => None,
            "mariadb" => Some(Database::start(DatabaseKind::MariaDb).await.unwrap()),
            "oceanbase" => Some(Database::start(DatabaseKind::OceanBase).await.unwrap()),
            other => panic!("{other} is none of sqlite, mariadb, oceanbase"),
        };
        for clients in CLIENTS {
            let datastore = match &database {
                Some(database) => Datastore::parse(&database.url(&format!("bench_{clients}"))).unwrap(),
                None => Datastore::Sqlite(folder.path().join(format!("{clients}.db"))),
            };
            measure(&name, &datastore, clients).await;
        }
    }
    println!("peak memory {}", peak_memory());
}

async fn measure(name: &str, datastore: &Datastore, clients: usize) {
    let store = datastore.open().await.unwrap();
    let once = |what: &str, since: Instant| {
        println!("{name:<10}{what:<12}{clients:>8}{:>20.2}", since.elapsed().as_secs_f64() * 1e3);
    };
    for (what, load) in [("creates", Load::Creates), ("CAS updates", Load::Updates), ("gets", Load::Gets)] {
        let (cpu, begin) = (cpu_time(), Instant::now());
        let latencies = run(&store, load, clients).await;
        told(name, what, clients, latencies, begin.elapsed(), cpu_time().saturating_sub(cpu));
    }
    let (cpu, begin) = (cpu_time(), Instant::now());
    let latencies = watched(&store, datastore).await;
    told(name, "watch", clients, latencies, begin.elapsed(), cpu_time().saturating_sub(cpu));
    let (begin, revision) = (Instant::now(), store.revision().await.unwrap());
    let page = store.list(Range::prefix("/registry/bench/")).await.unwrap();
    once(&format!("list {}", page.entries.len()), begin);
    let begin = Instant::now();
    store.list(Range { limit: 500, ..Range::prefix("/registry/bench/") }).await.unwrap();
    once("page of 500", begin);
    let begin = Instant::now();
    store.compact(revision).await.unwrap();
    once("compaction", begin);
    store.close().await;
    let begin = Instant::now();
    let store = datastore.open().await.unwrap();
    once("open again", begin);
    store.close().await;
}

fn told(
    name: &str,
    what: &str,
    clients: usize,
    mut latencies: Vec<Duration>,
    elapsed: Duration,
    cpu: Duration,
) {
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{name:<10}{what:<12}{clients:>8}{:>10.0}{:>10.2}{:>10.2}{:>12.0}",
        latencies.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        cpu.as_secs_f64() * 1e6 / latencies.len() as f64,
    );
}

/// From a write's answer to its event, in another store on the same data where there can be one.
async fn watched(store: &Arc<dyn Store>, datastore: &Datastore) -> Vec<Duration> {
    let other = match datastore {
        Datastore::Mysql(_) => datastore.open().await.unwrap(),
        Datastore::Sqlite(_) => Arc::clone(store),
    };
    let mut watch = other.watch("/watched/", other.revision().await.unwrap()).await.unwrap();
    let mut latencies = Vec::new();
    for i in 0..200 {
        let write = Write::Create { key: format!("/watched/{i}"), value: "x".into(), lease: 0 };
        store.write(write).await.unwrap();
        let begin = Instant::now();
        while !matches!(watch.next().await, Some(Ok(WatchItem::Event(_)))) {}
        latencies.push(begin.elapsed());
    }
    latencies
}

/// Every client has its own keys; returns how long each operation took.
async fn run(store: &Arc<dyn Store>, load: Load, clients: usize) -> Vec<Duration> {
    let keys = (KEYS / clients).min(ALONE);
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(keys);
                for i in 0..keys {
                    let key = format!("/registry/bench/client-{client:02}/object-{i:05}");
                    let known = match load {
                        Load::Updates => store.get(&key, None).await.unwrap().entry.unwrap().mod_revision,
                        Load::Creates | Load::Gets => 0,
                    };
                    let begin = Instant::now();
                    once(&*store, load, key, known).await;
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

async fn once(store: &dyn Store, load: Load, key: String, expected: Revision) {
    let value = Bytes::from(vec![b'x'; 1024]);
    let write = match load {
        Load::Creates => Write::Create { key, value, lease: 0 },
        Load::Updates => Write::Update { key, value, expected, lease: 0 },
        Load::Gets => return assert!(store.get(&key, None).await.unwrap().entry.is_some()),
    };
    store.write(write).await.unwrap();
}

/// User and system time of this process (proc_pid_stat(5), in hundredths of a second).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned()
}
