//! The agent: keeps streams to all servers, and connects for them to the API server beside it.

mod certificate;
mod connection;
mod hub;
mod link;
mod links;
mod schedule;
mod settings;
mod way;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{link::Linked, links::Links, schedule::Schedule};
pub use self::{
    schedule::Pace,
    settings::{AgentSettings, CountedServers, ServerCount, Token},
    way::{LinkError, Server},
};
use crate::rpc::Code;

/// An agent. A clone is another handle on the same one.
#[derive(Clone)]
pub struct Agent {
    shared: Arc<Shared>,
}

struct Shared {
    settings: AgentSettings,
    links: Mutex<Links>,
    /// Told when streams are to be exchanged.
    exchange: Notify,
    drain: CancellationToken,
    /// Told when a tunnel has ended.
    ended: Arc<Notify>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    attempts: AtomicU64,
    duplicates: AtomicU64,
    failures: AtomicU64,
    lost: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    last_error: Mutex<Option<String>>,
}

/// How an agent stands, and what it has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentSnapshot {
    /// The ids of the servers that it is connected to.
    pub servers: Vec<String>,
    /// Open tunnels and dials, over all servers.
    pub tunnels: usize,
    /// Connections to servers that were begun.
    pub attempts: u64,
    /// Of these, those that led to a server that it had already, and were let go.
    pub duplicates: u64,
    /// Of these, those that failed.
    pub failures: u64,
    /// Streams that ended after they were there.
    pub lost: u64,
    /// Bytes to servers.
    pub sent: u64,
    /// Bytes from servers.
    pub received: u64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl Agent {
    /// An agent that is not connected yet.
    pub fn new(settings: AgentSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                links: Mutex::default(),
                exchange: Notify::new(),
                drain: CancellationToken::new(),
                ended: Arc::default(),
                counters: Counters::default(),
            }),
        }
    }

    /// Keeps streams to the servers until the agent drains and its last tunnel has ended. Dropped before, it ends
    /// everything at once.
    pub async fn run(&self) {
        let shared = &self.shared;
        let _forgotten = Forgotten(shared);
        let mut draining = false;
        let mut schedule = Schedule::new(shared.settings.pace.clone(), shared.settings.seed);
        let mut links: JoinSet<u64> = JoinSet::new();
        let mut load = tokio::time::interval(LOAD);
        load.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if draining && self.tunnels() == 0 {
                // The last bytes of the last tunnel may still wait for their way.
                shared.links.lock().end();
                let ended = async { while links.join_next().await.is_some() {} };
                return tokio::time::timeout(LINGER, ended).await.unwrap_or_default();
            }
            let (connected, leaving) = {
                let mut links = shared.links.lock();
                links.let_go();
                (links.connected(), links.is_leaving())
            };
            let wanted = shared.settings.count.wanted();
            let now = Instant::now().into_std();
            let next = schedule.next(connected, wanted, now).filter(|_| !draining);
            let attempt = async {
                match next {
                    Some(moment) => tokio::time::sleep_until(Instant::from_std(moment)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = attempt => self.connect(&mut schedule, &mut links).await,
                Some(ended) = links.join_next() => {
                    if ended.is_ok_and(|number| shared.links.lock().lost(number)) {
                        shared.counters.lost.fetch_add(1, Relaxed);
                        schedule.lost(Instant::now().into_std());
                    }
                }
                () = shared.drain.cancelled(), if !draining => {
                    draining = true;
                    shared.links.lock().drain();
                }
                () = shared.exchange.notified() => {}
                () = shared.ended.notified(), if draining || leaving => {}
                _ = load.tick() => {
                    shared.links.lock().report();
                }
            }
        }
    }

    /// Takes no new dials any more; [`Agent::run`] ends with the last tunnel.
    pub fn drain(&self) {
        self.shared.drain.cancel();
    }

    /// Exchanges each stream for a new one, since there are new credentials: new dials go to the new one as soon as it
    /// is there, and the old one ends with its last tunnel, or when the server ends it.
    pub fn reconnect(&self) {
        self.shared.links.lock().exchange();
        self.shared.exchange.notify_one();
    }

    /// How the agent stands, and what was counted.
    pub fn snapshot(&self) -> AgentSnapshot {
        let counters = &self.shared.counters;
        let (servers, tunnels) = {
            let links = self.shared.links.lock();
            (links.servers(), links.tunnels())
        };
        AgentSnapshot {
            servers,
            tunnels,
            attempts: counters.attempts.load(Relaxed),
            duplicates: counters.duplicates.load(Relaxed),
            failures: counters.failures.load(Relaxed),
            lost: counters.lost.load(Relaxed),
            sent: counters.sent.load(Relaxed),
            received: counters.received.load(Relaxed),
            last_error: counters.last_error.lock().clone(),
        }
    }

    fn tunnels(&self) -> usize {
        self.shared.links.lock().tunnels()
    }

    /// One attempt; what becomes of it is told to the schedule.
    async fn connect(&self, schedule: &mut Schedule, links: &mut JoinSet<u64>) {
        let shared = &self.shared;
        shared.counters.attempts.fetch_add(1, Relaxed);
        let opened = tokio::select! {
            opened = link::open(shared) => opened,
            () = shared.drain.cancelled() => return,
        };
        let now = Instant::now().into_std();
        match opened {
            Ok(Linked { server, count, link, task }) => {
                shared.settings.count.told(count);
                let Some(number) = shared.links.lock().take_in(server, link) else {
                    // The balancer led to a server that is there already; dropping the task ends the stream.
                    shared.counters.duplicates.fetch_add(1, Relaxed);
                    schedule.failed(now);
                    return;
                };
                *shared.counters.last_error.lock() = None;
                schedule.connected(now);
                links.spawn(async move {
                    task.await;
                    number
                });
            }
            // A server of this crate says so before it takes the stream in.
            Err(LinkError::Status(status)) if status.code == Code::AlreadyExists => {
                shared.counters.duplicates.fetch_add(1, Relaxed);
                schedule.failed(now);
            }
            Err(error) => {
                tracing::debug!(%error, "no server was reached");
                shared.counters.failures.fetch_add(1, Relaxed);
                *shared.counters.last_error.lock() = Some(error.to_string());
                schedule.failed(now);
            }
        }
    }
}

/// How long a server may take to take the last bytes of an agent that ends.
const LINGER: Duration = Duration::from_secs(5);

/// How often servers are told of the agent's tunnels.
const LOAD: Duration = Duration::from_secs(5);

/// However the run ends, its streams have ended with it.
struct Forgotten<'a>(&'a Shared);

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        *self.0.links.lock() = Links::default();
    }
}
