//! Clients that ask for a tunnel by gRPC: one tunnel on each stream.

use std::sync::atomic::Ordering::Relaxed;

use super::{Caller, ServerEvent, TunnelServer, listen::Peer};
use crate::{
    CLUSTER_HEADER, ConnectId, Frame, Reason, TunnelStream,
    rpc::{Asked, Code, Receiver, Sender, Status},
    trace,
};

/// Every stream has one tunnel, so one number does for all.
const ID: ConnectId = ConnectId(1);

/// One stream, with one dial and its tunnel.
pub(super) async fn serve(server: &TunnelServer, peer: &Peer, asked: Asked) {
    let cluster = asked.headers().get(CLUSTER_HEADER).map(|name| name.to_str().map(str::to_owned));
    let Ok(cluster) = cluster.transpose() else {
        return asked.refuse(&Status::new(Code::InvalidArgument, "the cluster's name is no text"));
    };
    let trace = asked.headers().get(trace::HEADER).and_then(|text| text.to_str().ok()?.parse().ok());
    let Ok((receiver, mut sender)) = asked.accept(http::HeaderMap::new()) else { return };
    let by_socket = Caller::by_socket(peer.address, peer.certificates.first());
    let caller = Caller { trace, ..by_socket };
    let packets = Packets { server, receiver };
    if converse(server, &caller, cluster.as_deref(), packets, &mut sender).await.is_ok() {
        sender.finish(&Status::ok());
    }
}

struct Packets<'a> {
    server: &'a TunnelServer,
    receiver: Receiver,
}

impl Packets<'_> {
    /// The next frame; `None` when the client's stream has ended, in whatever way.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            match Frame::try_from(self.receiver.next().await.ok()??) {
                Ok(frame) => return Some(frame),
                Err(error) => {
                    self.server.shared.counters.malformed.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "a packet of a client was passed over");
                }
            }
        }
    }
}

/// One dial and its tunnel. An error if the client has gone.
async fn converse(
    server: &TunnelServer,
    caller: &Caller,
    cluster: Option<&str>,
    mut packets: Packets<'_>,
    answers: &mut Sender,
) -> Result<(), Status> {
    let Some(Frame::DialRequest { random, address, trace }) = packets.next().await else { return Ok(()) };
    let dialled = match server.shared.settings.host_names.route(&address, cluster) {
        Err(error) => Err((None, error.into())),
        Ok((cluster, target)) => {
            let caller = Caller { trace: trace.or(caller.trace), ..caller.clone() };
            let mut dial = Box::pin(server.dial(&caller, &cluster, &target));
            let dialled = loop {
                tokio::select! {
                    dialled = &mut dial => break dialled,
                    frame = packets.next() => match frame {
                        // Given up, which drops the dial.
                        None | Some(Frame::DialCancel { .. }) => return Ok(()),
                        Some(_) => {}
                    },
                }
            };
            drop(dial);
            dialled.map_err(|reason| (Some(cluster), reason))
        }
    };
    match dialled {
        Ok(tunnel) => {
            answers.send_alone(Frame::DialResponse { random, outcome: Ok(ID) }).await?;
            relay(tunnel, packets, answers).await
        }
        Err((cluster, reason)) => {
            let outcome = Err(reason.to_string());
            let caller = caller.clone();
            server.shared.report(ServerEvent::DialFailed { caller, cluster, reason });
            answers.send_alone(Frame::DialResponse { random, outcome }).await
        }
    }
}

/// Both directions of a tunnel until one of them ends: the protocol has no half-closed tunnels.
async fn relay(tunnel: TunnelStream, mut packets: Packets<'_>, answers: &mut Sender) -> Result<(), Status> {
    let error = tokio::select! {
        asked = upward(&tunnel, &mut packets) => if asked { String::new() } else { return Ok(()) },
        ended = downward(&tunnel, answers) => match ended? {
            Some(reason) if !reason.is_good_order() => reason.to_string(),
            _ => String::new(),
        },
    };
    drop(tunnel);
    answers.send_alone(Frame::CloseResponse { id: ID, error }).await
}

/// Whether the client asked for the close; otherwise its stream has ended.
async fn upward(tunnel: &TunnelStream, packets: &mut Packets<'_>) -> bool {
    loop {
        match packets.next().await {
            Some(Frame::Data { id: ID, bytes }) => {
                if tunnel.send(bytes).await.is_err() {
                    // How the tunnel ended is seen by who reads from it.
                    std::future::pending::<()>().await;
                }
            }
            // A second tunnel on the stream ends both, as upstream has it.
            Some(Frame::CloseRequest { .. } | Frame::DialRequest { .. }) => return true,
            Some(Frame::Data { id, .. }) if id.0 != 0 => return true,
            Some(_) => {}
            None => return false,
        }
    }
}

/// Why the tunnel ended, if it was not by the end of what came.
async fn downward(tunnel: &TunnelStream, answers: &mut Sender) -> Result<Option<Reason>, Status> {
    loop {
        match tunnel.receive().await {
            Ok(Some(bytes)) => answers.send_alone(Frame::Data { id: ID, bytes }).await?,
            Ok(None) => return Ok(None),
            Err(reason) => return Ok(Some(reason)),
        }
    }
}
