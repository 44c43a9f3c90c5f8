//! One stream to one server.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    AgentSettings, LinkError, Shared,
    hub::{AgentHub, LinkEnd},
};
use crate::{
    Extension,
    agent_core::{AgentCore, AgentEvent},
    extension, metadata,
    rpc::{self, Call, Keepalive, Status, exchange},
};

/// A handle on a stream.
pub(super) struct Link {
    hub: Arc<AgentHub>,
}

/// A stream that is there, and what runs it. It ends when the task is dropped.
pub(super) struct Linked {
    pub(super) server: String,
    pub(super) count: usize,
    pub(super) link: Link,
    pub(super) task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Link {
    pub(super) fn drain(&self) {
        self.hub.handle(AgentEvent::Drain);
    }

    /// Ends the stream when everything that waits is sent.
    pub(super) fn end(&self) {
        self.hub.end();
    }

    pub(super) fn report(&self, tunnels: usize) {
        self.hub.handle(AgentEvent::Load { tunnels: tunnels as u64 });
    }

    pub(super) fn tunnels(&self) -> usize {
        self.hub.tunnels()
    }
}

/// Connects to a server and opens a stream.
pub(super) async fn open(shared: &Arc<Shared>) -> Result<Linked, LinkError> {
    let opening = open_without_limit(shared);
    tokio::time::timeout(shared.settings.connect, opening).await.map_err(|_| LinkError::TimedOut)?
}

async fn open_without_limit(shared: &Arc<Shared>) -> Result<Linked, LinkError> {
    let settings = &shared.settings;
    let turn = usize::try_from(shared.counters.attempts.load(Relaxed)).unwrap_or_default();
    let stream = settings.server.connect(turn).await?;
    let mut headers = headers(settings)?;
    for server in shared.links.lock().lasting() {
        if let Ok(server) = HeaderValue::try_from(server) {
            headers.append(metadata::CONNECTED, server);
        }
    }
    let keepalive = Keepalive { every: settings.keepalive, answer: settings.keepalive_answer };
    let (call, mut driver) =
        rpc::call(stream, settings.server.uri(rpc::AGENT.path)?, headers, keepalive).await?;

    let Call { headers, mut receiver, mut sender } = call;
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or(LinkError::Header(name))
    };
    let server = header(metadata::SERVER_ID)?.to_owned();
    let count = header(metadata::SERVER_COUNT)?;
    let count = count.parse().map_err(|_| LinkError::Header(metadata::SERVER_COUNT))?;
    let peer = header(extension::HEADER).ok().and_then(Extension::from_header);
    let hub = Arc::new(AgentHub::new(Arc::clone(&shared.ended)));
    hub.begin(AgentCore::new(settings.core.clone(), settings.targets.clone(), peer));
    let open = Open(Arc::clone(&hub));
    let shared = Arc::clone(shared);
    let task = Box::pin(async move {
        if shared.drain.is_cancelled() {
            open.0.handle(AgentEvent::Drain);
        }
        let mut end = LinkEnd::new(Arc::clone(&open.0), shared);
        let both = async {
            exchange(&mut receiver, &mut sender, &mut end).await?;
            // The server ends it, too, when it has taken everything.
            sender.half_close();
            while receiver.next().await?.is_some() {}
            Ok::<_, Status>(())
        };
        match driver.run(both).await {
            Ok(Ok(())) => {}
            Ok(Err(status)) => tracing::debug!(%status, "a stream to a server broke"),
            Err(error) => tracing::debug!(%error, "a connection to a server ended"),
        }
    });
    Ok(Linked { server, count, link: Link { hub }, task })
}

fn headers(settings: &AgentSettings) -> Result<HeaderMap, LinkError> {
    let mut headers = HeaderMap::new();
    insert(&mut headers, metadata::AGENT_ID, &settings.id)?;
    insert(&mut headers, metadata::AGENT_IDENTIFIERS, &settings.identifiers.to_query())?;
    insert(&mut headers, extension::HEADER, &settings.core.extension.bounded().to_header())?;
    if let Some(token) = &settings.token {
        let token =
            token().map_err(|error| LinkError::Settings(format!("the token cannot be read: {error}")))?;
        insert(&mut headers, metadata::AUTHORIZATION, &format!("Bearer {}", token.trim()))?;
    }
    Ok(headers)
}

pub(super) fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), LinkError> {
    let value = HeaderValue::try_from(value);
    let value = value.map_err(|_| LinkError::Settings(format!("the value of {name} is no header")))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

/// However the stream is let go, its tunnels have ended with it.
struct Open(Arc<AgentHub>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}
