//! A server's core, agents' cores and clients, with a seed, every kind of interleaving, and faults.
//!
//! Behind each agent is an echo. A client checks that what comes back is what it sent, in order; that an end in good
//! order comes only after everything; and at the end nothing may be left anywhere.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "in a test they are assertions; and the numbers are small"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use cluster_tunnel::{
    ConnectId, Extension, FairQueue, Frame, Reason,
    agent_core::{AgentAction, AgentCore, AgentCoreSettings, AgentEvent, Endpoint, Targets},
    cluster_core::{ClusterAction, ClusterCore, ClusterEvent, CoreSettings, LinkId, TunnelId},
};

const WINDOW: u64 = 4096;
const UNREAD: u64 = 6000;
const QUEUED: u64 = 3000;

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

#[derive(Default)]
struct Client {
    open: bool,
    credit: u64,
    sent: u64,
    total: u64,
    backlog: VecDeque<Bytes>,
    read: u64,
    finished: bool,
    /// It never reads.
    stalled: bool,
    closed: Option<Reason>,
}

#[derive(Default)]
struct Socket {
    open: bool,
    credit: u64,
    backlog: VecDeque<Bytes>,
    server_finished: bool,
    finished: bool,
}

struct Agent {
    core: AgentCore,
    sockets: BTreeMap<ConnectId, Socket>,
    downward: FairQueue,
    upward: FairQueue,
}

struct World {
    chance: Chance,
    now: Instant,
    windowed: bool,
    server: ClusterCore,
    agents: BTreeMap<LinkId, Agent>,
    clients: BTreeMap<TunnelId, Client>,
    last: u64,
}

fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9) >> 16) as u8
}

impl World {
    fn new(seed: u64, windowed: bool) -> Self {
        let extension = Extension { window: WINDOW as u32, frame: 1024 };
        let settings =
            CoreSettings { extension, unread: UNREAD, queued: QUEUED, frame: 700, ..CoreSettings::default() };
        Self {
            chance: Chance(seed * 2 + 1),
            now: Instant::now(),
            windowed,
            server: ClusterCore::new(settings),
            agents: BTreeMap::new(),
            clients: BTreeMap::new(),
            last: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn connect_agent(&mut self) {
        let link = LinkId(self.next());
        let extension = Extension { window: WINDOW as u32, frame: 1024 };
        let peer = self.windowed.then_some(extension);
        let settings = AgentCoreSettings {
            extension,
            unread: UNREAD,
            queued: QUEUED,
            frame: 700,
            ..AgentCoreSettings::default()
        };
        let targets = Targets::api_server(Endpoint::Tcp("api:443".to_owned()));
        let agent = Agent {
            core: AgentCore::new(settings, targets, peer),
            sockets: BTreeMap::new(),
            downward: FairQueue::default(),
            upward: FairQueue::default(),
        };
        self.agents.insert(link, agent);
        self.server(ClusterEvent::LinkOpened { link, extension: peer });
    }

    fn lose_agent(&mut self, link: LinkId) {
        self.agents.remove(&link);
        self.server(ClusterEvent::LinkClosed { link });
    }

    fn server(&mut self, event: ClusterEvent) {
        for action in self.server.handle(event, self.now) {
            match action {
                ClusterAction::Send { link, frame } => {
                    if let Some(agent) = self.agents.get_mut(&link) {
                        agent.downward.push(frame);
                    }
                }
                ClusterAction::Opened { tunnel, credit } => {
                    let client = self.clients.get_mut(&tunnel).unwrap();
                    assert!(!client.open, "opened twice");
                    (client.open, client.credit) = (true, credit);
                }
                ClusterAction::Deliver { tunnel, bytes } => {
                    let client = self.clients.get_mut(&tunnel).unwrap();
                    assert!(client.open && client.closed.is_none(), "bytes outside a tunnel's life");
                    client.backlog.push_back(bytes);
                    let waiting: usize = client.backlog.iter().map(Bytes::len).sum();
                    let limit = if self.windowed { WINDOW } else { UNREAD };
                    assert!(waiting as u64 <= limit, "{waiting} bytes wait for a client");
                }
                ClusterAction::Grant { tunnel, bytes } => {
                    self.clients.get_mut(&tunnel).unwrap().credit += bytes;
                }
                ClusterAction::Finished { tunnel } => {
                    self.clients.get_mut(&tunnel).unwrap().finished = true;
                }
                ClusterAction::Closed { tunnel, reason } => {
                    let client = self.clients.get_mut(&tunnel).unwrap();
                    assert!(client.closed.is_none(), "closed twice");
                    client.closed = Some(reason);
                }
            }
        }
    }

    fn agent(&mut self, link: LinkId, event: AgentEvent) {
        let Some(agent) = self.agents.get_mut(&link) else { return };
        for action in agent.core.handle(event, self.now) {
            match action {
                AgentAction::Send(frame) => agent.upward.push(frame),
                AgentAction::Connect { id, .. } => {
                    agent.sockets.insert(id, Socket::default());
                }
                AgentAction::Opened { id, credit } => {
                    let socket = agent.sockets.get_mut(&id).unwrap();
                    (socket.open, socket.credit) = (true, credit);
                }
                AgentAction::Deliver { id, bytes } => {
                    agent.sockets.get_mut(&id).unwrap().backlog.push_back(bytes);
                }
                AgentAction::Grant { id, bytes } => agent.sockets.get_mut(&id).unwrap().credit += bytes,
                AgentAction::Finished { id } => agent.sockets.get_mut(&id).unwrap().server_finished = true,
                AgentAction::Closed { id, .. } => {
                    agent.sockets.remove(&id);
                }
            }
        }
    }

    /// One frame of a link arrives, in one direction or the other. False if none was under way.
    fn carry(&mut self, link: LinkId, down: bool) -> bool {
        let Some(agent) = self.agents.get_mut(&link) else { return false };
        let queue = if down { &mut agent.downward } else { &mut agent.upward };
        let Some(frame) = queue.pop() else { return false };
        let sent = match &frame {
            Frame::Data { id, bytes } => Some((*id, bytes.len() as u64)),
            _ => None,
        };
        if down {
            if let Some((id, bytes)) = sent {
                self.server(ClusterEvent::Sent { link, id, bytes });
            }
            self.agent(link, AgentEvent::Received(frame));
        } else {
            if let Some((id, bytes)) = sent {
                self.agent(link, AgentEvent::Sent { id, bytes });
            }
            self.server(ClusterEvent::Received { link, frame });
        }
        true
    }

    /// The echo behind an agent does something. False if there is nothing to do.
    fn echo(&mut self, link: LinkId, id: ConnectId, may_fail: bool) -> bool {
        let fails = may_fail && self.chance.below(20) == 0;
        let Some(socket) = self.agents.get_mut(&link).and_then(|agent| agent.sockets.get_mut(&id)) else {
            return false;
        };
        if !socket.open {
            let event = if fails {
                self.agents.get_mut(&link).unwrap().sockets.remove(&id);
                AgentEvent::ConnectFailed { id, error: "refused".to_owned() }
            } else {
                AgentEvent::Connected { id }
            };
            self.agent(link, event);
            return true;
        }
        let most = socket.credit.min(900) as usize;
        if let Some(first) = socket.backlog.front_mut()
            && most > 0
        {
            let bytes = first.split_to(most.min(first.len()));
            if first.is_empty() {
                socket.backlog.pop_front();
            }
            socket.credit -= bytes.len() as u64;
            self.agent(link, AgentEvent::Read { id, bytes: bytes.len() as u64 });
            self.agent(link, AgentEvent::Write { id, bytes });
            return true;
        }
        if socket.backlog.is_empty() && socket.server_finished && !socket.finished {
            socket.finished = true;
            self.agent(link, AgentEvent::Finish { id });
            // Both directions have ended.
            self.agent(link, AgentEvent::Close { id, error: String::new() });
            if let Some(agent) = self.agents.get_mut(&link) {
                agent.sockets.remove(&id);
            }
            return true;
        }
        false
    }

    fn write(&mut self, tunnel: TunnelId) -> bool {
        let length = 1 + self.chance.below(2000);
        let Some(client) = self.clients.get_mut(&tunnel) else { return false };
        let length = length.min(client.credit).min(client.total - client.sent);
        if !client.open || client.closed.is_some() || length == 0 {
            return false;
        }
        let bytes: Vec<u8> = (client.sent..client.sent + length).map(pattern).collect();
        client.sent += length;
        client.credit -= length;
        let all = client.sent == client.total;
        self.server(ClusterEvent::Write { tunnel, bytes: bytes.into() });
        if all && self.windowed {
            self.server(ClusterEvent::Finish { tunnel });
        }
        true
    }

    fn read(&mut self, tunnel: TunnelId) -> bool {
        let Some(client) = self.clients.get_mut(&tunnel).filter(|client| !client.stalled) else {
            return false;
        };
        let Some(bytes) = client.backlog.pop_front() else { return false };
        for byte in &bytes {
            assert_eq!(*byte, pattern(client.read), "another byte after {}", client.read);
            client.read += 1;
        }
        self.server(ClusterEvent::Read { tunnel, bytes: bytes.len() as u64 });
        true
    }

    fn any_link(&mut self) -> Option<LinkId> {
        let count = self.agents.len() as u64;
        let at = self.chance.below(count.max(1)) as usize;
        self.agents.keys().nth(at).copied()
    }

    fn any_tunnel(&mut self) -> TunnelId {
        let at = self.chance.below(self.clients.len().max(1) as u64) as usize;
        self.clients.keys().nth(at).copied().unwrap_or(TunnelId(0))
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.chance.below(20));
        let tunnel = self.any_tunnel();
        let Some(link) = self.any_link() else { return self.connect_agent() };
        match self.chance.below(1000) {
            0..60 => {
                let tunnel = TunnelId(self.next());
                let (total, stalled) = (1 + self.chance.below(20_000), self.chance.below(8) == 0);
                self.clients.insert(tunnel, Client { total, stalled, ..Client::default() });
                self.server(ClusterEvent::Dial { tunnel, address: "api:443".to_owned(), trace: None });
            }
            60..200 => drop(self.write(tunnel)),
            200..350 => drop(self.read(tunnel)),
            350..550 => drop(self.carry(link, true)),
            550..750 => drop(self.carry(link, false)),
            750..940 => {
                let sockets: Vec<_> = self.agents[&link].sockets.keys().copied().collect();
                if !sockets.is_empty() {
                    let at = self.chance.below(sockets.len() as u64) as usize;
                    self.echo(link, sockets[at], true);
                }
            }
            // Given up, perhaps while it is dialled.
            940..955 => self.server(ClusterEvent::Close { tunnel }),
            955..962 => self.connect_agent(),
            962..966 => self.lose_agent(link),
            966..969 => self.agent(link, AgentEvent::Drain),
            // Frames that nobody should send.
            969..990 => {
                let id = ConnectId(self.chance.below(4).cast_signed() + 1_000_000);
                let random = self.chance.below(self.last + 2).cast_signed();
                let frame = match self.chance.below(6) {
                    0 => Frame::Data { id, bytes: "nobody's".into() },
                    1 => Frame::CloseResponse { id, error: "nobody's".to_owned() },
                    2 => Frame::DialResponse { random: random + 1_000_000, outcome: Ok(id) },
                    3 => Frame::DialResponse { random: random + 1_000_000, outcome: Err("no".to_owned()) },
                    4 => Frame::Window { id, bytes: 5 },
                    _ => Frame::HalfClose { id },
                };
                self.server(ClusterEvent::Received { link, frame });
            }
            _ => {
                let frame = match self.chance.below(3) {
                    0 => Frame::Data { id: ConnectId(99_999), bytes: "nobody's".into() },
                    1 => Frame::CloseRequest { id: ConnectId(99_999) },
                    _ => Frame::DialCancel { random: -1 },
                };
                self.agent(link, AgentEvent::Received(frame));
            }
        }
    }

    /// Everything that can go on does, without faults. Clients that stall still do not read.
    fn settle(&mut self) {
        loop {
            let mut went_on = false;
            for tunnel in self.clients.keys().copied().collect::<Vec<_>>() {
                went_on |= self.write(tunnel) | self.read(tunnel);
            }
            for link in self.agents.keys().copied().collect::<Vec<_>>() {
                went_on |= self.carry(link, true) | self.carry(link, false);
                let sockets: Vec<_> = self.agents[&link].sockets.keys().copied().collect();
                for id in sockets {
                    went_on |= self.echo(link, id, false);
                }
            }
            if !went_on {
                return;
            }
        }
    }

    fn check_complete(&self) {
        for (tunnel, client) in &self.clients {
            let whole = client.read == client.total;
            match &client.closed {
                Some(reason) if reason.is_good_order() && !client.stalled => {
                    assert!(whole, "{tunnel:?} ended in good order after {} bytes", client.read);
                }
                Some(_) => {}
                None if client.stalled => {}
                None => assert!(whole, "{tunnel:?} waits after {} of {}", client.read, client.total),
            }
        }
    }

    fn check_nothing_is_left(&mut self) {
        for tunnel in self.clients.keys().copied().collect::<Vec<_>>() {
            self.server(ClusterEvent::Close { tunnel });
        }
        self.settle();
        self.now += Duration::from_mins(1);
        self.server(ClusterEvent::Time);
        let state = self.server.state(self.now);
        assert_eq!((state.open, state.dialling, state.closing), (0, 0, 0));
        for (link, agent) in &self.agents {
            assert_eq!((agent.core.tunnels(), agent.sockets.len()), (0, 0), "{link:?}");
            assert!(agent.downward.is_empty() && agent.upward.is_empty());
        }
        let none_is_open = self.clients.values().all(|client| client.closed.is_some());
        assert!(none_is_open, "a client was never told of the end");
    }
}

fn simulate(seed: u64, windowed: bool) {
    let mut world = World::new(seed, windowed);
    world.connect_agent();
    (0..3000).for_each(|_| world.step());
    if world.agents.is_empty() {
        world.connect_agent();
    }
    world.settle();
    world.check_complete();
    world.check_nothing_is_left();
}

#[test]
fn with_windows_bytes_arrive_and_nothing_is_left() {
    (0..60).for_each(|seed| {
        println!("seed {seed}");
        simulate(seed, true);
    });
}

#[test]
fn without_windows_bytes_arrive_and_nothing_is_left() {
    (0..60).for_each(|seed| {
        println!("seed {seed}");
        simulate(seed, false);
    });
}
