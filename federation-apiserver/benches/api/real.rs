//! kube-apiserver on an etcd that syncs every write, which the test bed's own does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testbed::{ApiServer, ApiServerOptions, Binary, Testbed};

use crate::client::Access;
use crate::processes;

pub struct Real {
    server: ApiServer,
    etcd: Etcd,
    /// Milliseconds from kube-apiserver's start to its first "ready"; etcd ran before.
    pub ready: f64,
    pub access: Access,
}

impl Real {
    pub async fn start() -> Self {
        let etcd = tokio::task::spawn_blocking(Etcd::start).await.unwrap();
        let testbed = Testbed::start().await.unwrap();
        let options = ApiServerOptions { etcd: Some(etcd.address()), ..ApiServerOptions::default() };
        let server = testbed.api_server_with("real", options).await.unwrap();
        let ready = processes::age(server.pid().unwrap());
        let access = Access::of(&serde_json::from_str(server.kubeconfig()).unwrap());
        Self { server, etcd, ready, access }
    }

    pub fn processes(&self) -> Vec<u32> {
        vec![self.server.pid().unwrap(), self.etcd.process]
    }

    /// Kills kube-apiserver and starts it again: milliseconds to its first "ready".
    pub async fn again(&self) -> f64 {
        self.server.stop().await.unwrap();
        let begin = Instant::now();
        self.server.start_again().await.unwrap();
        begin.elapsed().as_secs_f64() * 1e3
    }
}

/// An etcd on a Unix socket. A shell holds it, and kills it when this program has ended in whatever way.
struct Etcd {
    shell: Child,
    process: u32,
    folder: TempDir,
}

impl Etcd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = |name: &str| format!("unix://{}", folder.path().join(name).display());
        let mut shell = Command::new("sh")
            .args(["-c", r#""$@" >/dev/null 2>&1 </dev/null & echo $!; cat >/dev/null; kill -9 $!"#, "sh"])
            .arg(Binary::Etcd.path().unwrap())
            .args(["--name=bench", "--log-level=warn", "--data-dir"])
            .arg(folder.path().join("data"))
            .arg(format!("--listen-client-urls={}", socket("client")))
            .arg(format!("--listen-peer-urls={}", socket("peer")))
            // Nobody uses what is advertised, as there is one member.
            .arg("--advertise-client-urls=http://127.0.0.1:2380")
            .arg("--initial-advertise-peer-urls=http://127.0.0.1:2380")
            .arg("--initial-cluster=bench=http://127.0.0.1:2380")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut process).unwrap();
        let etcd = Self { shell, process: process.trim().parse().unwrap(), folder };
        while !etcd.is_healthy() {
            std::thread::sleep(Duration::from_millis(25));
        }
        etcd
    }

    fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("client").display())
    }

    fn is_healthy(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(self.folder.path().join("client")) else { return false };
        let mut answer = String::new();
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: etcd\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains(r#""health":"true""#)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // The end of its input is the shell's sign.
        self.shell.stdin.take();
        self.shell.wait().unwrap();
    }
}
