//! What is idle costs memory.

use std::time::Duration;

use testbed::{FrontEnd, NetworkProxy};

use crate::{
    ends::{Agents, Pair, Whose},
    processes::memory,
    way::{Way, get},
};

const TUNNELS: u64 = 1000;
const AGENTS: u64 = 1000;

pub fn heading() {
    println!(
        "{:<22} {:>14} {:>20} {:>20} {:>20}",
        "", "server, agent", "KiB/tunnel, server", "KiB/tunnel, agent", "KiB/agent, server"
    );
}

/// The memory of both ends when they are idle, and what a thousand idle tunnels and a thousand idle agents add.
///
/// The agents are this crate's for both servers: a thousand processes of upstream's do not fit.
pub async fn measure(name: &str, bed: &NetworkProxy, whose: Whose, address: &str) {
    let pair = Pair::start(bed, whose, FrontEnd::HttpConnect).await;
    let way = Way::tunnel(&pair, FrontEnd::HttpConnect, address.to_owned()).await;
    let [server, agent] = pair.pids();
    let (server_before, agent_before) = (memory(server), memory(agent));
    let mut tunnels = Vec::new();
    for _ in 0..TUNNELS {
        let mut tunnel = way.dial().await;
        get(&mut tunnel).await;
        tunnels.push(tunnel);
    }
    let (server_tunnels, agent_tunnels) = (memory(server) - server_before, memory(agent) - agent_before);
    drop(tunnels);

    let pair = Pair::start(bed, whose, FrontEnd::HttpConnect).await;
    let [server, _] = pair.pids();
    let before = memory(server);
    let _agents = Agents::start(bed, pair.agent_port(), AGENTS).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let added = memory(server) - before;
    println!(
        "{name:<22} {:>14} {:>20.1} {:>20.1} {:>20.1}",
        format!("{}, {} MiB", server_before >> 10, agent_before >> 10),
        server_tunnels as f64 / TUNNELS as f64,
        agent_tunnels as f64 / TUNNELS as f64,
        added as f64 / AGENTS as f64,
    );
}
