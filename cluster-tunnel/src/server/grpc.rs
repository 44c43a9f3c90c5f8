//! Clients that ask for a tunnel by gRPC: one tunnel on each stream.

use std::{pin::Pin, sync::atomic::Ordering::Relaxed};

use futures::Stream;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::{Caller, ServerEvent, TunnelServer, listen::Peer};
use crate::{
    CLUSTER_HEADER, ConnectId, Frame, Reason, TunnelStream,
    wire::{Packet, proxy_service_server::ProxyService},
};

/// The service that clients ask for tunnels with.
pub(super) struct Clients(pub(super) TunnelServer);

/// Every stream has one tunnel, so one number does for all.
const ID: ConnectId = ConnectId(1);
/// Packets that wait for a client's stream; then HTTP/2's window holds the tunnel up, and no other.
const WAITING: usize = 16;

type Answers = mpsc::Sender<Frame>;

#[tonic::async_trait]
impl ProxyService for Clients {
    type ProxyStream = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

    async fn proxy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::ProxyStream>, Status> {
        let peer = request.extensions().get::<Peer>();
        let caller = Caller::by_socket(
            peer.and_then(|peer| peer.address),
            peer.and_then(|peer| peer.certificates.first()),
        );
        let cluster = request.metadata().get(CLUSTER_HEADER).map(|name| name.to_str().map(str::to_owned));
        let cluster =
            cluster.transpose().map_err(|_| Status::invalid_argument("the cluster's name is no text"))?;
        let (answers, mut waiting) = mpsc::channel(WAITING);
        let (server, stop) = (self.0.clone(), self.0.shared.stop.clone());
        self.0.shared.tasks.spawn(async move {
            let packets = Packets { server: server.clone(), stream: request.into_inner() };
            tokio::select! {
                () = converse(server, caller, cluster, packets, answers) => {}
                () = stop.cancelled() => {}
            }
        });
        let answers = futures::stream::poll_fn(move |context| waiting.poll_recv(context));
        let answers = futures::StreamExt::map(answers, |frame| Ok(Packet::from(frame)));
        Ok(Response::new(Box::pin(answers)))
    }
}

struct Packets {
    server: TunnelServer,
    stream: Streaming<Packet>,
}

impl Packets {
    /// The next frame; `None` when the client's stream has ended, in whatever way.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            match Frame::try_from(self.stream.message().await.ok()??) {
                Ok(frame) => return Some(frame),
                Err(error) => {
                    self.server.shared.counters.malformed.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "a packet of a client was passed over");
                }
            }
        }
    }
}

/// One dial and its tunnel.
async fn converse(
    server: TunnelServer,
    caller: Caller,
    cluster: Option<String>,
    mut packets: Packets,
    answers: Answers,
) {
    let Some(Frame::DialRequest { random, address }) = packets.next().await else { return };
    let dialled = match server.shared.settings.host_names.route(&address, cluster.as_deref()) {
        Err(error) => Err((None, error.into())),
        Ok((cluster, target)) => {
            let mut dial = Box::pin(server.dial(&caller, &cluster, &target));
            let dialled = loop {
                tokio::select! {
                    dialled = &mut dial => break dialled,
                    frame = packets.next() => match frame {
                        // Given up, which drops the dial.
                        None | Some(Frame::DialCancel { .. }) => return,
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
            if answers.send(Frame::DialResponse { random, outcome: Ok(ID) }).await.is_ok() {
                relay(tunnel, packets, &answers).await;
            }
        }
        Err((cluster, reason)) => {
            let outcome = Err(reason.to_string());
            server.shared.report(ServerEvent::DialFailed { cluster, reason });
            let _ = answers.send(Frame::DialResponse { random, outcome }).await;
        }
    }
}

/// Both directions of a tunnel until one of them ends: the protocol has no half-closed tunnels.
async fn relay(tunnel: TunnelStream, mut packets: Packets, answers: &Answers) {
    let error = tokio::select! {
        asked = upward(&tunnel, &mut packets) => if asked { String::new() } else { return },
        reason = downward(&tunnel, answers) => match reason {
            Some(reason) if !reason.is_good_order() => reason.to_string(),
            _ => String::new(),
        },
    };
    drop(tunnel);
    let _ = answers.send(Frame::CloseResponse { id: ID, error }).await;
}

/// Whether the client asked for the close; otherwise its stream has ended.
async fn upward(tunnel: &TunnelStream, packets: &mut Packets) -> bool {
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

async fn downward(tunnel: &TunnelStream, answers: &Answers) -> Option<Reason> {
    loop {
        match tunnel.receive().await {
            Ok(Some(bytes)) => answers.send(Frame::Data { id: ID, bytes }).await.ok()?,
            Ok(None) => return None,
            Err(reason) => return Some(reason),
        }
    }
}
