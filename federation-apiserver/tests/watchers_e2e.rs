//! Many watchers that wait, and one that does not read. Memory is measured, so nothing else runs in this process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where something is missing")]

#[path = "support/connection.rs"]
mod connection;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::{Connection, TOKEN};
use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use revision_store::{MemoryStore, SqliteStore, Store, Write};
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const WATCH: &str = "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=";
/// As many streams as a connection may have.
const STREAMS: usize = 100;
const CONNECTIONS: usize = 100;
/// Most bytes for one watcher, its client's end and the test's own included.
const PER_WATCHER: usize = 48 << 10;

async fn start(store: Arc<dyn Store>) -> EmbeddedServer {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(store, Profile::Federation, secrets);
    let listen = Some(([127, 0, 0, 1], 0).into());
    let options = Options { listen, tokens: connection::tokens(), accounts: false, ..options };
    EmbeddedServer::start(options).await.unwrap()
}

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() << 10
}

/// How many watches are open, as the server counts them.
fn open_watches(server: &EmbeddedServer) -> usize {
    let text = server.api().metrics().text().unwrap();
    let counted = |line: &str| line.starts_with("apiserver_longrunning_requests{");
    text.lines()
        .filter(|line| counted(line))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum()
}

/// Waits for what no event tells of.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn revision(server: &EmbeddedServer) -> u64 {
    server.api().rest().store().revision().await.unwrap()
}

/// The events of a watch, line by line.
struct Events {
    body: Incoming,
    read: Vec<u8>,
}

impl Events {
    fn of(body: Incoming) -> Self {
        Self { body, read: Vec::new() }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(Duration::from_secs(60), self.body.frame()).await.unwrap()?;
            self.read.extend_from_slice(&frame.ok()?.into_data().unwrap_or_default());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_cost_little_and_leave_nothing() {
    ten_thousand_wait().await;
    one_does_not_read().await;
}

async fn ten_thousand_wait() {
    let server = start(Arc::new(MemoryStore::new())).await;
    // What is made at the first watch is no watcher's.
    drop(open(&server, 1).await);
    until("the first watch has ended", || open_watches(&server) == 0).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (memory_before, tasks_before) = (resident(), tasks());

    let opened = stream::iter(0..CONNECTIONS).map(|_| open(&server, STREAMS)).buffer_unordered(8);
    let mut watchers: Vec<(Connection, Vec<Events>)> = opened.collect().await;
    let all = CONNECTIONS * STREAMS;
    assert_eq!(open_watches(&server), all);
    let each = resident().saturating_sub(memory_before) / all;
    println!("{all} watchers, {each} bytes each");
    assert!(each < PER_WATCHER, "{each} bytes for each watcher");

    let begun = Instant::now();
    let mut writer = Connection::to(&server).await;
    assert_eq!(writer.ask(Some(TOKEN), "POST", MAPS, r#"{"metadata":{"name":"one"}}"#).await.0, 201);
    let told = watchers.iter_mut().flat_map(|(_, events)| events).map(async |events| {
        let event = events.next().await.unwrap();
        assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("one")));
    });
    join_all(told).await;
    println!("all were told within {:?}", begun.elapsed());
    let after_event = resident().saturating_sub(memory_before) / all;
    assert!(after_event < PER_WATCHER, "{after_event} bytes for each watcher after an event");

    drop((watchers, writer));
    until("watches that nobody reads have ended", || open_watches(&server) == 0).await;
    until("their tasks have ended", || tasks() <= tasks_before).await;
    server.stop().await;
}

/// A connection with watches of the same collection, from now on.
async fn open(server: &EmbeddedServer, streams: usize) -> (Connection, Vec<Events>) {
    let mut connection = Connection::to(server).await;
    let path = format!("{WATCH}{}", revision(server).await);
    let mut watches = Vec::new();
    for _ in 0..streams {
        let response = connection.send(Some(TOKEN), "GET", &path, "").await.unwrap();
        assert_eq!(response.status(), 200);
        watches.push(Events::of(response.into_body()));
    }
    (connection, watches)
}

const EVENTS: usize = 50_000;
const PAYLOAD: usize = 2048;
/// Most bytes that the process may grow by while 100 MB of events are not read: what HTTP/2 lets be on its way, the
/// database's cache and the store's newest events.
const GROWTH: usize = 64 << 20;

async fn one_does_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(Arc::new(SqliteStore::open(folder.path().join("data.db")).await.unwrap())).await;
    let (_idle, mut idle) = open(&server, 1).await;
    let (_reading, mut reading) = open(&server, 1).await;
    let first = revision(&server).await + 1;
    let before = resident();

    let reader = tokio::spawn(async move {
        let mut seen = BTreeMap::new();
        while seen.len() < EVENTS {
            note(&mut seen, reading[0].next().await.unwrap());
        }
        seen
    });
    write_all(&server).await;
    let seen = tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
    assert_eq!(*seen.first_key_value().unwrap().0, first);
    assert_eq!(seen.len(), EVENTS, "whoever reads is told of everything");
    drop(seen);
    let growth = resident().saturating_sub(before);
    println!("{EVENTS} events of {PAYLOAD} bytes that one does not read: {} KiB more", growth >> 10);
    assert!(growth < GROWTH, "{growth} bytes more");

    // Then it reads: everything in order, or so much and the word that the rest is gone.
    let mut late = BTreeMap::new();
    while late.len() < EVENTS {
        match idle[0].next().await {
            Some(event) if event["type"] == "ERROR" => {
                assert_eq!(event["object"]["code"], 410, "{event}");
                break;
            }
            Some(event) => note(&mut late, event),
            None => break,
        }
    }
    let contiguous = late.keys().zip(first..).all(|(revision, expected)| *revision == expected);
    assert!(contiguous, "nothing is left out in between");
    println!("it was told of {} of them when it read again", late.len());
    server.stop().await;
}

/// An event's revision and name; each comes once, and later ones later.
fn note(seen: &mut BTreeMap<u64, String>, event: Value) {
    assert_eq!(event["type"], "ADDED");
    let metadata = &event["object"]["metadata"];
    let revision = metadata["resourceVersion"].as_str().unwrap().parse().unwrap();
    assert!(seen.last_key_value().is_none_or(|(last, _)| *last < revision));
    seen.insert(revision, metadata["name"].as_str().unwrap().to_owned());
}

/// Writes all objects, many at once, past the verbs: it is the watches that are looked at.
async fn write_all(server: &EmbeddedServer) {
    let store = server.api().rest().store();
    let payload = "x".repeat(PAYLOAD);
    let written = stream::iter(0..EVENTS).map(|number| {
        let name = format!("n{number}");
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": payload},
            "metadata": {"name": name, "namespace": "default", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        });
        let write = Write::Create {
            key: format!("/registry/configmaps/default/{name}"),
            value: value.to_string().into(),
            lease: 0,
        };
        async move { store.write(write).await.unwrap() }
    });
    written.buffer_unordered(256).for_each(async |_| ()).await;
}
