//! The loads, and what they are measured by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{Access, Connection};
use crate::objects::{COLLECTION, path, widget};
use crate::{CLIENTS, OBJECTS, WATCHERS, processes};

/// How often all objects are read, and changed.
const READS: usize = 5;
const CHANGES: usize = 2;
const LISTS: usize = 20;
/// Of the paced load: changes per second, and for how many seconds.
const PACE: usize = 200;
const SECONDS: usize = 10;

/// What a load came to.
pub struct Measured {
    pub per_second: f64,
    /// Milliseconds of the servers' CPU per operation.
    pub cpu: f64,
    pub p50: f64,
    pub p99: f64,
}

/// A server under measurement.
pub struct Bench {
    pub access: Access,
    pub processes: Vec<u32>,
}

impl Bench {
    pub async fn create(&self) -> Measured {
        self.run(Operation::Create, OBJECTS, None).await
    }

    pub async fn get(&self) -> Measured {
        self.run(Operation::Get, OBJECTS * READS, None).await
    }

    pub async fn patch(&self) -> Measured {
        self.run(Operation::Change, OBJECTS * CHANGES, None).await
    }

    /// As many changes per second as asked for; a latency is from the moment at which a change was due.
    pub async fn paced(&self) -> Measured {
        let pace = Duration::from_secs(1) / u32::try_from(PACE).unwrap();
        self.run(Operation::Change, PACE * SECONDS, Some(pace)).await
    }

    /// All objects in one answer, one list after the other.
    pub async fn list(&self) -> Measured {
        let mut connection = self.access.connect().await.unwrap();
        let measure = Measure::begin(&self.processes);
        let mut latencies = Vec::new();
        let mut last = Bytes::new();
        for _ in 0..LISTS {
            let begin = Instant::now();
            last = ask(&mut connection, Method::GET, COLLECTION, "", Bytes::new()).await;
            latencies.push(begin.elapsed());
        }
        let measured = measure.end(latencies);
        let list: Value = serde_json::from_slice(&last).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), OBJECTS);
        measured
    }

    /// Changes of all objects while watchers look on. Every watcher must be told of every change.
    pub async fn watched(&self) -> Measured {
        let mut connection = self.access.connect().await.unwrap();
        let list =
            ask(&mut connection, Method::GET, &format!("{COLLECTION}?limit=1"), "", Bytes::new()).await;
        let list: Value = serde_json::from_slice(&list).unwrap();
        let version = list["metadata"]["resourceVersion"].as_str().unwrap();
        let watch = format!("{COLLECTION}?watch=1&resourceVersion={version}");
        let mut watchers = JoinSet::new();
        for _ in 0..WATCHERS {
            let mut connection = self.access.connect().await.unwrap();
            let answer = connection.open(Method::GET, &watch, "", Bytes::new()).await.unwrap();
            watchers.spawn(async move {
                // The connection lives as long as its watch.
                let _connection = connection;
                let (mut body, mut seen) = (answer.into_body(), 0);
                while seen < OBJECTS {
                    let frame = body.frame().await.expect("the watch ended early").unwrap();
                    // Each event is one line.
                    seen += frame.data_ref().unwrap().split(|byte| *byte == b'\n').count() - 1;
                }
                assert_eq!(seen, OBJECTS);
            });
        }
        let begin = Instant::now();
        let cpu = processes::cpu(&self.processes);
        let measured = self.run(Operation::Change, OBJECTS, None).await;
        while let Some(done) = watchers.join_next().await {
            done.unwrap();
        }
        let cpu = processes::cpu(&self.processes) - cpu;
        let operations = OBJECTS as f64;
        let per_second = operations / begin.elapsed().as_secs_f64();
        Measured { per_second, cpu: cpu / operations, ..measured }
    }

    /// Operations by all clients at once, each on a connection of its own; the next one takes who is free.
    async fn run(&self, operation: Operation, operations: usize, pace: Option<Duration>) -> Measured {
        let mut connections = Vec::new();
        for _ in 0..CLIENTS {
            connections.push(self.access.connect().await.unwrap());
        }
        let next = Arc::new(AtomicUsize::new(0));
        let measure = Measure::begin(&self.processes);
        let begin = Instant::now();
        let mut clients = JoinSet::new();
        for mut connection in connections {
            let next = Arc::clone(&next);
            clients.spawn(async move {
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= operations {
                        return latencies;
                    }
                    let mut from = Instant::now();
                    if let Some(pace) = pace {
                        from = begin + pace * u32::try_from(number).unwrap();
                        tokio::time::sleep_until(from.into()).await;
                    }
                    operation.on(&mut connection, number).await;
                    latencies.push(from.elapsed());
                }
            });
        }
        measure.end(clients.join_all().await.concat())
    }
}

/// What a client does.
#[derive(Clone, Copy)]
enum Operation {
    Create,
    Get,
    Change,
}

impl Operation {
    async fn on(self, connection: &mut Connection, number: usize) {
        let path = path(number % OBJECTS);
        match self {
            Self::Create => {
                ask(connection, Method::POST, COLLECTION, "application/json", widget(number)).await
            }
            Self::Get => ask(connection, Method::GET, &path, "", Bytes::new()).await,
            Self::Change => {
                // No two are the same, since one that changes nothing is not written.
                static CHANGE: AtomicUsize = AtomicUsize::new(2);
                let replicas = CHANGE.fetch_add(1, Ordering::Relaxed);
                let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
                ask(connection, Method::PATCH, &path, "application/merge-patch+json", patch.into()).await
            }
        };
    }
}

/// Asks, and insists on being answered well.
async fn ask(
    connection: &mut Connection,
    method: Method,
    path: &str,
    media_type: &str,
    body: Bytes,
) -> Bytes {
    let (code, answer) = connection.ask(method, path, media_type, body).await.unwrap();
    assert!(code.is_success(), "{path}: {code}: {}", String::from_utf8_lossy(&answer));
    answer
}

/// A measurement under way.
struct Measure<'a> {
    processes: &'a [u32],
    cpu: f64,
    begin: Instant,
}

impl<'a> Measure<'a> {
    fn begin(processes: &'a [u32]) -> Self {
        Self { processes, cpu: processes::cpu(processes), begin: Instant::now() }
    }

    fn end(self, mut latencies: Vec<Duration>) -> Measured {
        let elapsed = self.begin.elapsed().as_secs_f64();
        let cpu = processes::cpu(self.processes) - self.cpu;
        latencies.sort_unstable();
        let operations = latencies.len();
        let at = |percent: usize| latencies[(operations - 1) * percent / 100].as_secs_f64() * 1e3;
        Measured {
            per_second: operations as f64 / elapsed,
            cpu: cpu / operations as f64,
            p50: at(50),
            p99: at(99),
        }
    }
}
