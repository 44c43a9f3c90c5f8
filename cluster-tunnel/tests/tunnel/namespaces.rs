//! An agent in a network namespace of its own, whose packets the kernel delays, limits and drops.
//!
//! For root on Linux alone; said and passed over elsewhere. The 200 ms of delay are made beside the agent, as not every
//! kernel has a queue that delays; the rate and the loss are the kernel's.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use cluster_tunnel::{
    Target, TunnelServer, TunnelStream,
    server::{AllowAll, Caller, ServerSettings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    backend::{Backend, Checked, pattern, read_pattern},
    bed::{self, Authority, links, until},
    slow_way::{Conditions, SlowWay},
};

const SERVER: &str = "TUNNEL_TEST_SERVER";
const FOLDER: &str = "TUNNEL_TEST_FOLDER";

/// A namespace, and a pair of interfaces between it and this one. Everything goes with it.
struct Namespace {
    name: String,
    device: String,
    here: Ipv4Addr,
}

impl Namespace {
    /// An error text if this process may not.
    fn make() -> Result<Self, String> {
        let pid = std::process::id();
        let [.., high, low] = pid.to_be_bytes();
        // Of the addresses for tests of networks (RFC 2544), by this process' number.
        let address = |last| Ipv4Addr::new(198, 18 + high % 2, low, (high & 0xfc) + last);
        let (here, there) = (address(1), address(2));
        let made = Self { name: format!("tunnel-{pid}"), device: format!("tun{pid}"), here };
        let Self { name, device, .. } = &made;
        run(&format!("ip netns add {name}"))?;
        run(&format!("ip link add {device} type veth peer name eth0 netns {name}"))?;
        run(&format!("ip addr add {here}/30 dev {device}"))?;
        run(&format!("ip link set {device} up"))?;
        run(&format!("ip -n {name} addr add {there}/30 dev eth0"))?;
        run(&format!("ip -n {name} link set eth0 up"))?;
        run(&format!("ip -n {name} link set lo up"))?;
        Ok(made)
    }

    /// 1 Mbit/s in each direction, and 5 % of the packets that come are lost.
    fn worsen(&self) -> Result<(), String> {
        let Self { name, device, .. } = self;
        let rate = "root tbf rate 1mbit burst 16k latency 400ms";
        run(&format!("tc qdisc add dev {device} {rate}"))?;
        run(&format!("ip netns exec {name} tc qdisc add dev eth0 {rate}"))?;
        run(&format!("tc qdisc add dev {device} clsact"))?;
        // Loads a number by chance, and drops (2) if it is below a twentieth of all.
        let lossy = "4,32 0 0 4294963256,53 1 0 214748364,6 0 0 2,6 0 0 4294967295";
        self.filter("ingress", lossy)
    }

    /// Every packet is lost, and nobody is told.
    fn cut(&self) -> Result<(), String> {
        ["ingress", "egress"].iter().try_for_each(|direction| self.filter(direction, "1,6 0 0 2"))
    }

    fn mend(&self) -> Result<(), String> {
        ["ingress", "egress"].iter().try_for_each(|direction| self.filter(direction, "1,6 0 0 4294967295"))
    }

    fn filter(&self, direction: &str, program: &str) -> Result<(), String> {
        let filter = ["filter", "replace", "dev", &self.device, direction];
        let bpf = ["prio", "1", "handle", "1", "bpf", "da", "bytecode", program];
        command(Command::new("tc").args(filter).args(bpf))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = run(&format!("ip link del {}", self.device));
        let _ = run(&format!("ip netns del {}", self.name));
    }
}

fn run(line: &str) -> Result<(), String> {
    let mut words = line.split(' ');
    command(Command::new(words.next().unwrap()).args(words))
}

fn command(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A process with an agent and a backend in the namespace.
struct Inside(Child);

impl Inside {
    fn start(namespace: &Namespace, server: u16, folder: &Path) -> Self {
        let child = Command::new("ip")
            .args(["netns", "exec", &namespace.name])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "namespaces::inside_a_namespace", "--ignored", "--nocapture"])
            .env(SERVER, format!("{}:{server}", namespace.here))
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const ALIVE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_live_through_loss_and_a_short_cut_and_end_by_a_long_one() {
    let namespace = match Namespace::make() {
        Ok(namespace) => namespace,
        Err(error) => return println!("SKIPPED, no network namespace can be made: {error}"),
    };
    if let Err(error) = namespace.worsen() {
        return println!("SKIPPED, packets cannot be dropped: {error}");
    }
    let authority = Authority::new();
    let settings =
        ServerSettings { keepalive: ALIVE.0, keepalive_answer: ALIVE.1, ..ServerSettings::new("s1") };
    let any = (namespace.here, 0).into();
    let running = bed::serve_with(&authority, settings, std::sync::Arc::new(AllowAll), any).await;
    let server = &running.server;
    let folder = tempfile::tempdir().unwrap();
    authority.write_client(folder.path(), "cluster:m1");
    let _inside = Inside::start(&namespace, running.agents.port(), folder.path());
    until("the agent is connected", || links(server, "m1") == 1).await;

    let mut tasks = JoinSet::new();
    for number in 0..6 {
        let server = server.clone();
        tasks.spawn(async move {
            if number % 2 == 0 {
                let mut down = dial(&server, "send 40000\n").await;
                assert_eq!(read_pattern(&mut down).await.unwrap(), 40_000);
            } else {
                let mut up = dial(&server, "count\n").await;
                up.write_all(&pattern(0, 40_000)).await.unwrap();
                up.shutdown().await.unwrap();
                let mut answer = String::new();
                up.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer, "40000\n");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(server.snapshot().agents_accepted, 1, "the connection was lost");

    // A cut that is over before anybody takes the other for dead.
    let mut stream = dial(server, "send 150000\n").await;
    let mut checked = Checked::default();
    let mut buffer = vec![0; 20_000];
    stream.read_exact(&mut buffer).await.unwrap();
    checked.check(&buffer);
    namespace.cut().unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    namespace.mend().unwrap();
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            read => checked.check(&buffer[..read]),
        }
    }
    assert_eq!(checked.count, 150_000);

    // A cut that stays.
    let mut stream = dial(server, "send 150000\n").await;
    stream.read_exact(&mut buffer).await.unwrap();
    namespace.cut().unwrap();
    let error = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap_err();
    assert!(error.to_string().contains("lost"), "{error}");
    assert_eq!(links(server, "m1"), 0);
    namespace.mend().unwrap();
    until("the agent is connected again", || links(server, "m1") == 1).await;
    let mut again = dial(server, "send 20000\n").await;
    assert_eq!(read_pattern(&mut again).await.unwrap(), 20_000);
    server.stop().await;
}

async fn dial(server: &TunnelServer, line: &str) -> TunnelStream {
    let dialled = server.dial(&Caller::in_process("test"), &bed::cluster("m1"), &Target::ApiServer).await;
    let mut tunnel = dialled.unwrap();
    tunnel.write_all(line.as_bytes()).await.unwrap();
    tunnel
}

/// An agent, 100 ms from its interface, until standard input ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that another test starts"]
async fn inside_a_namespace() {
    let server = std::env::var(SERVER).unwrap().parse().unwrap();
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let far = Conditions { delay: Duration::from_millis(100), bytes_per_second: 1 << 30, lost: 0, seed: 1 };
    let way = SlowWay::to(server, far).await;
    let backend = Backend::start().await;
    let mut settings = bed::agent_settings(&Authority::new(), "m1", way.address.port(), backend.address);
    settings.server.tls = bed::client_of(&folder);
    (settings.keepalive, settings.keepalive_answer) = ALIVE;
    let _agent = bed::run(settings);
    let _ = tokio::io::stdin().read_u8().await;
}
