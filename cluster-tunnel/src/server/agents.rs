//! The streams of agents.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::{
    Claim, Identity, Presented, Refusal, ServerEvent, TunnelServer,
    hub::{ClusterHub, LinkEnd},
    issuing,
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
    if let Some(wanted) = asked.headers().get(metadata::CERTIFICATE_REQUEST) {
        return match issue(server, peer, asked.headers(), wanted).await {
            // Nothing comes after the headers.
            Ok(headers) => {
                if let Ok((_, sender)) = asked.accept(headers) {
                    sender.finish(&Status::ok());
                }
            }
            Err(status) => asked.refuse(&status),
        };
    }
    let (claim, Identity { expires, withdrawn, .. }) = match admit(server, peer, asked.headers()).await {
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
        () = cancelled(withdrawn) => {
            tracing::info!(cluster = %link.claim.cluster, "an agent's credentials are withdrawn");
            Status::new(Code::Unauthenticated, "the credentials are withdrawn")
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

/// For which cluster the agent speaks, and who it is; or what it is told instead.
async fn admit(server: &TunnelServer, peer: &Peer, headers: &HeaderMap) -> Result<(Claim, Identity), Status> {
    let id = &server.shared.settings.id;
    if headers.get_all(metadata::CONNECTED).iter().any(|known| known == id.as_str()) {
        return Err(Status::new(Code::AlreadyExists, format!("the agent is connected to {id} already")));
    }
    let claim = claim(headers).map_err(|refusal| refuse(server, None, refusal))?;
    match identify(server, peer, headers, &claim).await {
        Ok(identity) => Ok((claim, identity)),
        Err(refusal) => Err(refuse(server, Some(claim), refusal)),
    }
}

async fn identify(
    server: &TunnelServer,
    peer: &Peer,
    headers: &HeaderMap,
    claim: &Claim,
) -> Result<Identity, Refusal> {
    if server.shared.stop.is_cancelled() {
        return Err(Refusal::Ending);
    }
    let identity = server.shared.authenticator.identify(&presented(peer, headers), claim).await?;
    if !identity.clusters.contains(&claim.cluster) {
        return Err(Refusal::StolenName { identity: identity.name, cluster: claim.cluster.clone() });
    }
    Ok(identity)
}

/// What came with a request and its connection.
fn presented(peer: &Peer, headers: &HeaderMap) -> Presented {
    let token = headers.get(metadata::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Presented {
        certificates: Arc::clone(&peer.certificates),
        token: token.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned),
        address: peer.address,
    }
}

/// The headers with a certificate, which the agent wants instead of a stream.
async fn issue(
    server: &TunnelServer,
    peer: &Peer,
    headers: &HeaderMap,
    wanted: &HeaderValue,
) -> Result<HeaderMap, Status> {
    let Some(issuer) = &server.shared.settings.issuer else {
        return Err(Status::new(Code::Unimplemented, "this server issues no certificates"));
    };
    let wanted = BASE64_STANDARD.decode(wanted).map_err(|_| {
        let words = format!("the header {} is not base64", metadata::CERTIFICATE_REQUEST);
        Status::new(Code::InvalidArgument, words)
    })?;
    let issued = issuing::issue(server, issuer, &presented(peer, headers), claim(headers), wanted).await;
    let chain = issued.map_err(|refusal| refusal.status())?;
    let mut headers = HeaderMap::new();
    headers.insert(metadata::CERTIFICATE, header(&BASE64_STANDARD.encode(chain))?);
    Ok(headers)
}

fn refuse(server: &TunnelServer, claim: Option<Claim>, refusal: Refusal) -> Status {
    let shared = &server.shared;
    *shared.counters.refused.lock().entry(refusal.category()).or_default() += 1;
    let status = refusal.status();
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
    let mut headers = HeaderMap::new();
    headers.insert(metadata::SERVER_ID, header(&settings.id)?);
    headers.insert(metadata::SERVER_COUNT, HeaderValue::from(server.shared.servers.load(Relaxed)));
    if extension.is_some() {
        headers.insert(extension::HEADER, header(&settings.core.extension.bounded().to_header())?);
    }
    Ok(headers)
}

fn header(text: &str) -> Result<HeaderValue, Status> {
    HeaderValue::try_from(text)
        .map_err(|_| Status::new(Code::Internal, format!("{text:?} cannot be a header's value")))
}

fn extension_of(headers: &HeaderMap) -> Option<Extension> {
    Extension::from_header(headers.get(extension::HEADER)?.to_str().ok()?)
}

async fn cancelled(token: Option<CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
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
