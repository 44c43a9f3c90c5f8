//! What ends of tunnels send to each other.

use cluster_tunnel::fuzz;

/// Packets, each after a byte that says how long it is, to a server and an agent with open tunnels.
pub(crate) fn frames(input: &[u8]) {
    fuzz::frames(input);
}

/// Messages of a gRPC stream, and what clients send on a Unix socket.
pub(crate) fn messages(input: &[u8]) {
    fuzz::messages(input);
}
