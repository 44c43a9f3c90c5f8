//! etcd and kine, each for one measurement, and what processes cost.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use etcd_endpoint::client::EtcdClient;
use testbed::Binary;
use tokio::time::sleep;

/// A running server. It ends when this is dropped.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // If it has ended already, that is fine too.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// etcd, which syncs each commit to the disk.
pub(crate) async fn etcd(folder: &Path) -> (Server, EtcdClient) {
    let at = |name: &str| folder.join(name).display().to_string();
    let unused = "http://127.0.0.1:2380";
    let arguments = [
        "--name=bench".to_owned(),
        format!("--data-dir={}", at("etcd")),
        format!("--listen-client-urls=unix://{}", at("client")),
        format!("--advertise-client-urls={unused}"),
        format!("--listen-peer-urls=unix://{}", at("peer")),
        format!("--initial-advertise-peer-urls={unused}"),
        format!("--initial-cluster=bench={unused}"),
        "--log-level=error".to_owned(),
    ];
    run(Binary::Etcd, &arguments, &format!("unix://{}", at("client"))).await
}

/// kine on a database or a file.
pub(crate) async fn kine(folder: &Path, endpoint: &str) -> (Server, EtcdClient) {
    let socket = format!("unix://{}", folder.join("kine").display());
    let arguments = [
        format!("--listen-address={socket}"),
        format!("--endpoint={endpoint}"),
        "--metrics-bind-address=0".to_owned(),
    ];
    run(Binary::Kine, &arguments, &socket).await
}

async fn run(binary: Binary, arguments: &[String], address: &str) -> (Server, EtcdClient) {
    let program = tokio::task::spawn_blocking(move || binary.path().unwrap()).await.unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(command.spawn().unwrap());
    for _ in 0..600 {
        if let Ok(client) = EtcdClient::connect(address, None).await
            && client.revision().await.is_ok()
        {
            return (server, client);
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("{address} does not answer");
}

/// User and system time of processes (`proc_pid_stat(5)`, in hundredths of a second).
pub(crate) fn cpu_time(pids: &[u32]) -> Duration {
    pids.iter()
        .map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
            Duration::from_millis(10 * (ticks(11) + ticks(12)))
        })
        .sum()
}

/// The most memory that a process has had, in MB.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
