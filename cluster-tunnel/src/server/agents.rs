//! The service that agents open their streams with.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::SystemTime};

use tonic::{
    Request, Response, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
};

use super::{
    Claim, Presented, Refusal, ServerEvent, TunnelServer,
    hub::{ClusterHub, LinkStream},
    listen::Peer,
};
use crate::{
    Extension, Frame, Identifiers,
    cluster_core::LinkId,
    extension, metadata,
    wire::{Packet, agent_service_server::AgentService},
};

/// The service that agents open their streams with.
pub(super) struct Agents(pub(super) TunnelServer);

#[tonic::async_trait]
impl AgentService for Agents {
    type ConnectStream = LinkStream;

    /// Answers at once, with headers: agents wait for them before they send anything.
    async fn connect(&self, request: Request<Streaming<Packet>>) -> Result<Response<LinkStream>, Status> {
        let id = &self.0.shared.settings.id;
        if request.metadata().get_all(metadata::CONNECTED).iter().any(|known| known == id.as_str()) {
            return Err(Status::already_exists(format!("the agent is connected to {id} already")));
        }
        let claim = claim(request.metadata());
        let admitted = match &claim {
            Ok(claim) => self.admit(&request, claim).await,
            Err(refusal) => Err(refusal.clone()),
        };
        let expires = match admitted {
            Ok(expires) => expires,
            Err(refusal) => return Err(self.refuse(claim.ok(), refusal)),
        };
        let claim = claim.map_err(|refusal| self.refuse(None, refusal))?;

        let shared = &self.0.shared;
        let extension = extension_of(request.metadata());
        let link = shared.next_link();
        let (hub, stream) = {
            let mut clusters = shared.clusters.lock();
            let hub = clusters.entry(claim.cluster.clone()).or_insert_with(|| {
                Arc::new(ClusterHub::new(claim.cluster.clone(), shared.settings.core.clone()))
            });
            let hub = Arc::clone(hub);
            let stream = hub.open_link(link, extension);
            (hub, stream)
        };
        shared.counters.accepted.fetch_add(1, Relaxed);
        shared.report(ServerEvent::AgentConnected(claim.clone()));

        let (server, stop) = (self.0.clone(), shared.stop.clone());
        shared.tasks.spawn(async move {
            tokio::select! {
                () = receive(&server, &hub, link, request.into_inner()) => {}
                () = until(expires) => tracing::info!(cluster = %claim.cluster, "an agent's credentials have ended"),
                () = stop.cancelled() => {}
            }
            hub.close_link(link);
            server.shared.tidy(&claim.cluster);
            server.shared.report(ServerEvent::AgentLost(claim));
        });

        let mut response = Response::new(stream);
        let headers = response.metadata_mut();
        let id = MetadataValue::try_from(&shared.settings.id);
        headers
            .insert(metadata::SERVER_ID, id.map_err(|_| Status::internal("the server's id is no header"))?);
        headers.insert(metadata::SERVER_COUNT, MetadataValue::from(shared.settings.count));
        if extension.is_some()
            && let Ok(value) = MetadataValue::try_from(shared.settings.core.extension.bounded().to_header())
        {
            headers.insert(extension::HEADER, value);
        }
        Ok(response)
    }
}

impl Agents {
    /// Whether the agent may speak for the cluster, and until when.
    async fn admit(
        &self,
        request: &Request<Streaming<Packet>>,
        claim: &Claim,
    ) -> Result<Option<SystemTime>, Refusal> {
        if self.0.shared.stop.is_cancelled() {
            return Err(Refusal::Ending);
        }
        let peer = request.extensions().get::<Peer>();
        let token = request.metadata().get(metadata::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presented = Presented {
            certificates: peer.map(|peer| Arc::clone(&peer.certificates)).unwrap_or_default(),
            token: token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
            address: peer.and_then(|peer| peer.address),
        };
        let identity = self.0.shared.authenticator.identify(&presented, claim).await?;
        if !identity.clusters.contains(&claim.cluster) {
            return Err(Refusal::StolenName { identity: identity.name, cluster: claim.cluster.clone() });
        }
        Ok(identity.expires)
    }

    fn refuse(&self, claim: Option<Claim>, refusal: Refusal) -> Status {
        let shared = &self.0.shared;
        *shared.counters.refused.lock().entry(refusal.category()).or_default() += 1;
        let status = match &refusal {
            Refusal::Request(text) => Status::invalid_argument(text),
            Refusal::NoCredentials | Refusal::Invalid(_) => Status::unauthenticated(refusal.to_string()),
            Refusal::StolenName { .. } => {
                tracing::warn!(%refusal, "an agent was refused");
                Status::permission_denied(refusal.to_string())
            }
            Refusal::Unavailable(_) | Refusal::Ending => Status::unavailable(refusal.to_string()),
        };
        shared.report(ServerEvent::AgentRefused { claim, refusal });
        status
    }
}

/// Takes what the agent sends until its stream ends.
async fn receive(server: &TunnelServer, hub: &ClusterHub, link: LinkId, mut packets: Streaming<Packet>) {
    loop {
        match packets.message().await {
            Ok(Some(packet)) => match Frame::try_from(packet) {
                Ok(frame) => hub.received(link, frame),
                Err(error) => {
                    server.shared.counters.malformed.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "a packet of an agent was passed over");
                }
            },
            Ok(None) => return,
            Err(status) => return tracing::debug!(%status, "an agent's stream broke"),
        }
    }
}

fn claim(headers: &MetadataMap) -> Result<Claim, Refusal> {
    let one = |name: &'static str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::Request(format!("the header {name} is there twice")));
        }
        first
            .map(|value| value.to_str().map(str::to_owned))
            .transpose()
            .map_err(|_| Refusal::Request(format!("the header {name} is no text")))
    };
    let agent = one(metadata::AGENT_ID)?
        .ok_or_else(|| Refusal::Request(format!("the header {} is missing", metadata::AGENT_ID)))?;
    let identifiers = Identifiers::parse(&one(metadata::AGENT_IDENTIFIERS)?.unwrap_or_default());
    let cluster = identifiers.cluster().unwrap_or(&agent).parse();
    let cluster = cluster.map_err(|error: crate::InvalidClusterName| Refusal::Request(error.to_string()))?;
    Ok(Claim { agent, cluster, identifiers })
}

fn extension_of(headers: &MetadataMap) -> Option<Extension> {
    Extension::from_header(headers.get(extension::HEADER)?.to_str().ok()?)
}

async fn until(moment: Option<SystemTime>) {
    match moment {
        Some(moment) => {
            // A moment that has passed is now.
            let left = moment.duration_since(SystemTime::now()).unwrap_or_default();
            tokio::time::sleep(left).await;
        }
        None => std::future::pending().await,
    }
}
