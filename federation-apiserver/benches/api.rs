//! This server beside kube-apiserver and etcd: the same requests, by the same client, in one run.
//!
//! ```sh
//! cargo bench -p federation-apiserver --bench api               # both
//! cargo bench -p federation-apiserver --bench api -- embedded   # this server alone
//! ```
//!
//! Both are durable: each write that is answered is on the disk of the folder that `TMPDIR` names. The CPU and memory
//! are the servers' alone, of kube-apiserver and etcd together; the client takes its share of the same cores.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark: it fails by panicking"
)]

#[path = "api/client.rs"]
mod client;
#[path = "api/embedded.rs"]
mod embedded;
#[path = "api/loads.rs"]
mod loads;
#[path = "api/objects.rs"]
mod objects;
#[path = "api/processes.rs"]
mod processes;
#[path = "api/real.rs"]
mod real;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use client::Access;
use embedded::Embedded;
use loads::{Bench, Measured};
use real::Real;

// The one that fedd has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const OBJECTS: usize = 2_000;
const CLIENTS: usize = 32;
const WATCHERS: usize = 20;

/// How long a server that is ready is left alone before its memory is read: its first work is then done.
const SETTLED: Duration = Duration::from_secs(5);

/// What a server came to.
struct Column {
    /// In the order of [`LOADS`].
    loads: Vec<Measured>,
    /// Resident, idle and after all loads, and at its highest, in MB.
    memory: [f64; 3],
    /// Milliseconds to the first "ready", of a new server and with the objects.
    ready: [f64; 2],
}

const LOADS: [&str; 6] =
    ["create", "get", "merge patch", "list of all", "merge patch, 20 watchers", "merge patch, 200/s asked"];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", folder] => return embedded::serve(Path::new(folder)).await,
        ["embedded", ..] => print(&[("embedded", embedded().await)]),
        _ => print(&[("embedded", embedded().await), ("kube-apiserver + etcd", real().await)]),
    }
}

async fn embedded() -> Column {
    let folder = tempfile::tempdir().unwrap();
    let server = Embedded::start(folder.path()).await;
    let (loads, memory) = measure(server.access.clone(), vec![server.process()]).await;
    let first = server.ready;
    drop(server);
    let again = Embedded::start(folder.path()).await;
    Column { loads, memory, ready: [first, again.ready] }
}

async fn real() -> Column {
    let server = Real::start().await;
    let (loads, memory) = measure(server.access.clone(), server.processes()).await;
    Column { loads, memory, ready: [server.ready, server.again().await] }
}

async fn measure(access: Access, processes: Vec<u32>) -> (Vec<Measured>, [f64; 3]) {
    let mut connection = access.connect().await.unwrap();
    let define =
        connection.ask(Method::POST, objects::DEFINITIONS, "application/json", objects::definition()).await;
    assert_eq!(define.unwrap().0, 201);
    while connection.ask(Method::GET, objects::COLLECTION, "", Bytes::new()).await.unwrap().0 != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(SETTLED).await;
    let idle = processes::memory(&processes, "VmRSS:");
    let bench = Bench { access, processes };
    let loads = vec![
        bench.create().await,
        bench.get().await,
        bench.patch().await,
        bench.list().await,
        bench.watched().await,
        bench.paced().await,
    ];
    let memory = |field| processes::memory(&bench.processes, field);
    (loads, [idle, memory("VmRSS:"), memory("VmHWM:")])
}

/// One table; with two servers, its last column is the first one's CPU or memory in percent of the second's.
fn print(columns: &[(&str, Column)]) {
    let cores = std::thread::available_parallelism().unwrap();
    println!("{OBJECTS} objects of 1 KB, {CLIENTS} clients over TLS, {WATCHERS} watchers, {cores} cores");
    print!("{:26}", "");
    columns.iter().for_each(|(name, _)| print!("{name:>36}"));
    print!("\n{:26}", "");
    columns.iter().for_each(|_| print!("{:>9}{:>9}{:>9}{:>9}", "per s", "CPU ms", "p50 ms", "p99 ms"));
    println!();
    let percent = |values: Vec<f64>| match values[..] {
        [one, other] => println!("{:>8.0} %", 100.0 * one / other),
        _ => println!(),
    };
    for (i, name) in LOADS.iter().enumerate() {
        print!("{name:26}");
        for (_, Column { loads, .. }) in columns {
            let Measured { per_second, cpu, p50, p99 } = loads[i];
            print!("{per_second:9.0}{cpu:9.3}{p50:9.1}{p99:9.1}");
        }
        percent(columns.iter().map(|(_, column)| column.loads[i].cpu).collect());
    }
    let line = |name: &str, unit: &str, value: &dyn Fn(&Column) -> f64| {
        print!("{name:26}");
        columns.iter().for_each(|(_, column)| print!("{:33.0} {unit}", value(column)));
        percent(columns.iter().map(|(_, column)| value(column)).collect());
    };
    line("memory, idle", "MB", &|column| column.memory[0]);
    line("memory, after the loads", "MB", &|column| column.memory[1]);
    line("memory, at its highest", "MB", &|column| column.memory[2]);
    line("ready, new", "ms", &|column| column.ready[0]);
    line("ready, with the objects", "ms", &|column| column.ready[1]);
}
