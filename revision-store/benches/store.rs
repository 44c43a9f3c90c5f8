//! How fast the file store is: writes, reads, and what they cost.
//!
//! ```sh
//! cargo bench -p revision-store
//! ```
//!
//! Values have 1 KiB. The file is in the folder that `TMPDIR` names; on a tmpfs nothing waits for a disk.
#![allow(
    clippy::unwrap_used,
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
use revision_store::{Revision, SqliteStore, Store, Write};

const KEYS: usize = 8_000;
const CLIENTS: [usize; 3] = [1, 16, 32];

#[derive(Clone, Copy)]
enum Load {
    Creates,
    Updates,
    Gets,
}

#[tokio::main]
async fn main() {
    println!("{:<16}{:>8}{:>10}{:>10}{:>10}{:>12}", "", "clients", "per s", "p50 ms", "p99 ms", "CPU µs/op");
    for clients in CLIENTS {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path().join("data.db")).await.unwrap());
        for (name, load) in [("creates", Load::Creates), ("CAS updates", Load::Updates), ("gets", Load::Gets)]
        {
            let (cpu, begin) = (cpu_time(), Instant::now());
            let mut latencies = run(&store, load, clients).await;
            let (cpu, elapsed) = (cpu_time().saturating_sub(cpu), begin.elapsed());
            latencies.sort_unstable();
            let at =
                |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
            println!(
                "{name:<16}{clients:>8}{:>10.0}{:>10.2}{:>10.2}{:>12.0}",
                latencies.len() as f64 / elapsed.as_secs_f64(),
                at(0.5),
                at(0.99),
                cpu.as_secs_f64() * 1e6 / latencies.len() as f64,
            );
        }
        let (begin, revision) = (Instant::now(), store.revision().await.unwrap());
        let page = store.list(revision_store::Range::prefix("/registry/bench/")).await.unwrap();
        println!(
            "list of {:<8}{clients:>8}{:>30.2} ms",
            page.entries.len(),
            begin.elapsed().as_secs_f64() * 1e3
        );
        let begin = Instant::now();
        store.compact(revision).await.unwrap();
        println!("compaction      {clients:>8}{:>30.2} ms", begin.elapsed().as_secs_f64() * 1e3);
        store.close().await;
        let begin = Instant::now();
        let store = SqliteStore::open(folder.path().join("data.db")).await.unwrap();
        println!("open again      {clients:>8}{:>30.2} ms", begin.elapsed().as_secs_f64() * 1e3);
        store.close().await;
    }
    println!("peak memory {}", peak_memory());
}

/// Every client has its own keys; returns how long each operation took.
async fn run(store: &Arc<dyn Store>, load: Load, clients: usize) -> Vec<Duration> {
    let keys = KEYS / clients;
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
