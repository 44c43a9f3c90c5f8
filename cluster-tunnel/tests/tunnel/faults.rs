//! Ten thousand dials with faults, after which everything is as before.

use std::time::Duration;

use cluster_tunnel::{
    Target,
    server::{Caller, ServerSettings},
};
use tokio::{io::AsyncWriteExt, task::JoinSet};

use crate::{
    backend::{Backend, read_pattern},
    bed::{self, Authority, cluster, links, until},
};

const DIALS: u64 = 10_000;
const AT_ONCE: usize = 50;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[test]
fn tunnels_memory_and_descriptors_return_to_the_start() {
    bed::alone("faults::ten_thousand_dials_with_faults", 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that another test starts, since it counts what the process has"]
async fn ten_thousand_dials_with_faults() {
    let authority = Authority::new();
    let backend = Backend::start().await;
    let running = bed::serve(&authority, ServerSettings::new("s1")).await;
    let settings = || bed::agent_settings(&authority, "m1", running.agents.port(), backend.address);
    let mut agents = vec![bed::run(settings()), bed::run(settings())];
    until("the agents are connected", || links(&running.server, "m1") == 2).await;
    let before = descriptors();
    let mut warm = None;

    let mut tasks = JoinSet::new();
    for number in 0..DIALS {
        if tasks.len() >= AT_ONCE {
            tasks.join_next().await.unwrap().unwrap();
        }
        if number % 1000 == 500 {
            // An agent is killed in the middle of everything, and another comes.
            agents.remove(0);
            agents.push(bed::run(settings()));
        }
        if number == DIALS / 5 {
            warm = Some(memory());
        }
        let server = running.server.clone();
        tasks.spawn(async move {
            let (caller, m1) = (Caller::in_process("test"), cluster("m1"));
            let target = match number % 10 {
                // Refused by the agent.
                3 => Target::Address("10.0.0.1:1".to_owned()),
                _ => Target::ApiServer,
            };
            let dial = server.dial(&caller, &m1, &target);
            // Some clients go away while they dial.
            let limit =
                if number % 7 == 0 { Duration::from_micros(number % 500) } else { Duration::from_secs(30) };
            let Ok(Ok(mut stream)) = tokio::time::timeout(limit, dial).await else { return };
            match number % 5 {
                0 => drop(stream),
                // Asks for much and goes away with most of it unread.
                1 => {
                    let _ = stream.write_all(b"send 1500000\n").await;
                    let _ = stream.receive().await;
                }
                2 => {
                    let _ = stream.write_all(b"nonsense\n").await;
                    let _ = read_pattern(&mut stream).await;
                }
                _ => {
                    let _ = stream.write_all(b"send 20000\n").await;
                    // Complete, unless its agent was killed.
                    if let Ok(read) = read_pattern(&mut stream).await {
                        assert_eq!(read, 20_000);
                    }
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    until("the agents are connected", || links(&running.server, "m1") == 2).await;
    until("no tunnel is left", || {
        let state = running.server.snapshot().clusters[&cluster("m1")].state;
        let agents: usize = agents.iter().map(|agent| agent.agent.snapshot().tunnels).sum();
        state.open + state.dialling + state.closing + agents == 0
    })
    .await;
    until("no descriptor is left", || descriptors() <= before).await;
    let (warm, after) = (warm.unwrap(), memory());
    assert!(after <= warm + 40, "{warm} MiB after the first fifth of the dials, {after} MiB after all");
    running.server.stop().await;
}
