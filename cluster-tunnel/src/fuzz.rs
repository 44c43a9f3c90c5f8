//! Entries for fuzzers: arbitrary bytes as what a peer sends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use prost::Message;
use tokio::io::AsyncReadExt;

use crate::{
    Extension, FairQueue, Frame, Status,
    agent_core::{AgentAction, AgentCore, AgentCoreSettings, AgentEvent, Endpoint, Targets},
    cluster_core::{ClusterAction, ClusterCore, ClusterEvent, CoreSettings, LinkId, TunnelId},
    rpc::Decoder,
    server::authority,
    wire::Packet,
};

/// Takes the bytes after the first as a stream of messages, which must be the same in pieces of the length that the
/// first byte says; and as what a client sends on a Unix socket.
pub fn messages(bytes: &[u8]) {
    let Some((piece, stream)) = bytes.split_first() else { return };
    assert_eq!(packets(stream, usize::from(*piece) + 1), packets(stream, stream.len().max(1)));

    let mut passed = Vec::new();
    let read = authority::replaced(bytes).read_to_end(&mut passed).now_or_never();
    assert!(matches!(read, Some(Ok(_))), "what is there is not given on");
    assert!(passed.len() <= bytes.len(), "an authority became longer");
}

/// The packets of a stream that comes in pieces, until one cannot be read.
fn packets(stream: &[u8], piece: usize) -> Result<Vec<Packet>, (Vec<Packet>, Status)> {
    let (mut decoder, mut packets) = (Decoder::default(), Vec::new());
    for piece in stream.chunks(piece) {
        decoder.push(Bytes::copy_from_slice(piece));
        loop {
            match decoder.next() {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(status) => return Err((packets, status)),
            }
        }
    }
    Ok(packets)
}

/// Takes the bytes as length-prefixed packets, and gives each to a server's and an agent's core that have tunnels open;
/// every other run both know windows. Must return, whatever the bytes are; what the cores keep is bounded.
pub fn frames(mut bytes: &[u8]) {
    let now = Instant::now();
    let extension = bytes.first().is_some_and(|first| first % 2 == 1).then(Extension::default);
    let settings = CoreSettings { unread: 4096, ..CoreSettings::default() };
    let mut cluster = ClusterCore::new(settings);
    let link = LinkId(1);
    cluster.handle(ClusterEvent::LinkOpened { link, extension }, now);
    for tunnel in 1..=3 {
        let address = "api:443".to_owned();
        cluster.handle(ClusterEvent::Dial { tunnel: TunnelId(tunnel), address, trace: None }, now);
    }
    let targets = Targets::api_server(Endpoint::Tcp("127.0.0.1:6443".to_owned()));
    let settings = AgentCoreSettings { unread: 4096, tunnels: 8, ..AgentCoreSettings::default() };
    let mut agent = AgentCore::new(settings, targets, extension);
    let mut waiting = FairQueue::default();

    while let Some((length, rest)) = bytes.split_first() {
        let (packet, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        bytes = rest;
        let Ok(packet) = Packet::decode(packet) else { continue };
        let Ok(frame) = Frame::try_from(packet) else { continue };
        // What is sent again says the same.
        let again = Packet::decode(Packet::from(frame.clone()).encode_to_vec().as_slice());
        assert_eq!(again.ok().map(Frame::try_from), Some(Ok(frame.clone())));

        for action in cluster.handle(ClusterEvent::Received { link, frame: frame.clone() }, now) {
            match action {
                ClusterAction::Send { frame, .. } => waiting.push(frame),
                ClusterAction::Opened { tunnel, credit } => {
                    let bytes = Bytes::from(vec![0; usize::try_from(credit.min(64)).unwrap_or(0)]);
                    cluster.handle(ClusterEvent::Write { tunnel, bytes }, now);
                }
                _ => {}
            }
        }
        for action in agent.handle(AgentEvent::Received(frame), now) {
            match action {
                AgentAction::Send(frame) => waiting.push(frame),
                AgentAction::Connect { id, .. } => {
                    agent.handle(AgentEvent::Connected { id }, now);
                }
                _ => {}
            }
        }
        while waiting.pop().is_some() {}
        assert!(agent.tunnels() <= 8, "an agent has more tunnels than it may have");
    }
    cluster.handle(ClusterEvent::LinkClosed { link }, now + Duration::from_mins(1));
    assert!(cluster.is_empty(), "tunnels outlive their link");
}
