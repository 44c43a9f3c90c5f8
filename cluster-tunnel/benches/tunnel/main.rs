//! This crate's server and agent beside upstream's: the same requests, by the same client, in one run.
//!
//! ```sh
//! cargo bench -p cluster-tunnel --bench tunnel            # everything
//! cargo bench -p cluster-tunnel --bench tunnel -- connect  # the ways whose names have this in them
//! ```
//!
//! Every end is a process of its own; client and backend are one more. Clients come by a Unix socket, agents by TLS. CPU
//! is what server and agent have used together. The way `direct` has no tunnel; `relays` are two processes that copy.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark: it fails by panicking, and does not use all that it shares with tests"
)]

#[path = "../../tests/tunnel/backend.rs"]
mod backend;
mod ends;
#[path = "../../tests/upstream_e2e/front.rs"]
mod front;
mod idle;
mod loads;
#[path = "../../tests/upstream_e2e/ours.rs"]
mod ours;
mod processes;
mod relays;
mod way;

use backend::Backend;
use ends::Whose;
use relays::Relays;
use testbed::{FrontEnd, NetworkProxy};
use way::Way;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["own-server", folder, socket, front_end] => runtime.block_on(ends::serve(folder, socket, front_end)),
        ["own-agents", folder, port, count] => runtime.block_on(ends::agents(folder, port, count)),
        ["own-relay", from, to] => runtime.block_on(relays::relay(from, to)),
        _ => {
            let wanted: Vec<_> = arguments.into_iter().filter(|word| !word.starts_with("--")).collect();
            runtime.block_on(compare(&wanted));
        }
    }
}

async fn compare(wanted: &[String]) {
    let bed = NetworkProxy::start().await.unwrap();
    let backend = Backend::start().await;
    let address = backend.address.to_string();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    println!("{} cores, load {}", std::thread::available_parallelism().unwrap(), processes::load());
    loads::heading();
    if is_wanted("direct") {
        loads::measure("direct", &Way::direct(address.clone())).await;
    }
    if is_wanted("relays") {
        let relays = Relays::start(&bed, &address);
        loads::measure("relays", &Way::relays(&relays, address.clone())).await;
    }
    for front_end in [FrontEnd::HttpConnect, FrontEnd::Grpc] {
        for whose in [Whose::Ours, Whose::Upstream] {
            let name = format!("{} {}", format!("{whose:?}").to_lowercase(), front_end.mode());
            if is_wanted(&name) {
                let pair = ends::Pair::start(&bed, whose, front_end).await;
                loads::measure(&name, &Way::tunnel(&pair, front_end, address.clone()).await).await;
            }
        }
    }
    idle::heading();
    for whose in [Whose::Ours, Whose::Upstream] {
        let name = format!("{whose:?} idle").to_lowercase();
        if is_wanted(&name) {
            idle::measure(&name, &bed, whose, &address).await;
        }
    }
}
