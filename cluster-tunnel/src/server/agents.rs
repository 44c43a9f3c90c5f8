//! The streams of agents.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use http::{HeaderMap, HeaderValue};

use super::{
    Claim, Presented, Refusal, ServerEvent, TunnelServer,
    hub::{ClusterHub, LinkEnd},
    listen::Peer,
};
use crate::{
    Extension, Identifiers,
    cluster_core::LinkId,
    extension, metadata,
    rpc::{Asked, Code, Status, exchange},
};

/// Takes in an agent's stream, or refuses it, and serves it until it ends.
pub(super) async fn serve(server: &TunnelServer, peer: &Peer, asked: Asked) {
    let (claim, expires) = match admit(server, peer, asked.headers()).await {
        Ok(admitted) => admitted,
        Err(status) => return asked.refuse(&status),
    };
    let extension = extension_of(asked.headers());
    let headers = match answer(server, extension) {
        Ok(headers) => headers,
        Err(status) => return asked.refuse(&status),
    };
    let Ok((mut receiver, mut sender)) = asked.accept(headers) else { return };
    let link = Link::open(server.clone(), claim, extension);
    let mut end = LinkEnd::new(Arc::clone(&link.hub), link.number, &server.shared.counters.malformed);
    let status = tokio::select! {
        result = exchange(&mut receiver, &mut sender, &mut end) => match result {
            Ok(()) => Status::ok(),
            Err(status) => {
                tracing::debug!(%status, "an agent's stream broke");
                status
            }
        },
        () = until(expires) => {
            tracing::info!(cluster = %link.claim.cluster, "an agent's credentials have ended");
            Status::new(Code::Unauthenticated, "the credentials have ended")
        }
    };
    sender.finish(&status);
}

/// A stream of an agent in its cluster, until it is dropped.
struct Link {
    server: TunnelServer,
    claim: Claim,
    hub: Arc<ClusterHub>,
    number: LinkId,
}

impl Link {
    fn open(server: TunnelServer, claim: Claim, extension: Option<Extension>) -> Self {
        let shared = &server.shared;
        let number = shared.next_link();
        let hub = {
            let mut clusters = shared.clusters.lock();
            let hub = clusters.entry(claim.cluster.clone()).or_insert_with(|| {
                Arc::new(ClusterHub::new(claim.cluster.clone(), shared.settings.core.clone()))
            });
            // Before the lock is let go, since a cluster without links is forgotten.
            hub.open_link(number, extension);
            Arc::clone(hub)
        };
        shared.counters.accepted.fetch_add(1, Relaxed);
        shared.report(ServerEvent::AgentConnected(claim.clone()));
        Self { server, claim, hub, number }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hub.close_link(self.number);
        self.server.shared.tidy(&self.claim.cluster);
        self.server.shared.report(ServerEvent::AgentLost(self.claim.clone()));
    }
}

/// For which cluster the agent may speak, and until when; or what it is told instead.
async fn admit(
    server: &TunnelServer,
    peer: &Peer,
    headers: &HeaderMap,
) -> Result<(Claim, Option<SystemTime>), Status> {
    let id = &server.shared.settings.id;
    if headers.get_all(metadata::CONNECTED).iter().any(|known| known == id.as_str()) {
        return Err(Status::new(Code::AlreadyExists, format!("the agent is connected to {id} already")));
    }
    let claim = claim(headers).map_err(|refusal| refuse(server, None, refusal))?;
    match identify(server, peer, headers, &claim).await {
        Ok(expires) => Ok((claim, expires)),
        Err(refusal) => Err(refuse(server, Some(claim), refusal)),
    }
}

async fn identify(
    server: &TunnelServer,
    peer: &Peer,
    headers: &HeaderMap,
    claim: &Claim,
) -> Result<Option<SystemTime>, Refusal> {
    if server.shared.stop.is_cancelled() {
        return Err(Refusal::Ending);
    }
    let token = headers.get(metadata::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = Presented {
        certificates: Arc::clone(&peer.certificates),
        token: token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
        address: peer.address,
    };
    let identity = server.shared.authenticator.identify(&presented, claim).await?;
    if !identity.clusters.contains(&claim.cluster) {
        return Err(Refusal::StolenName { identity: identity.name, cluster: claim.cluster.clone() });
    }
    Ok(identity.expires)
}

fn refuse(server: &TunnelServer, claim: Option<Claim>, refusal: Refusal) -> Status {
    let shared = &server.shared;
    *shared.counters.refused.lock().entry(refusal.category()).or_default() += 1;
    let code = match &refusal {
        Refusal::Request(_) => Code::InvalidArgument,
        Refusal::NoCredentials | Refusal::Invalid(_) => Code::Unauthenticated,
        Refusal::StolenName { .. } => {
            tracing::warn!(%refusal, "an agent was refused");
            Code::PermissionDenied
        }
        Refusal::Unavailable(_) | Refusal::Ending => Code::Unavailable,
    };
    let status = Status::new(code, refusal.to_string());
    shared.report(ServerEvent::AgentRefused { claim, refusal });
    status
}

fn claim(headers: &HeaderMap) -> Result<Claim, Refusal> {
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

/// The headers of an agent's answer.
fn answer(server: &TunnelServer, extension: Option<Extension>) -> Result<HeaderMap, Status> {
    let settings = &server.shared.settings;
    let header = |text: &str| {
        HeaderValue::try_from(text)
            .map_err(|_| Status::new(Code::Internal, format!("{text:?} cannot be a header's value")))
    };
    let mut headers = HeaderMap::new();
    headers.insert(metadata::SERVER_ID, header(&settings.id)?);
    headers.insert(metadata::SERVER_COUNT, HeaderValue::from(settings.count));
    if extension.is_some() {
        headers.insert(extension::HEADER, header(&settings.core.extension.bounded().to_header())?);
    }
    Ok(headers)
}

fn extension_of(headers: &HeaderMap) -> Option<Extension> {
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
