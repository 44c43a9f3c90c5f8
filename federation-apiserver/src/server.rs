//! The API over HTTP: from a request to its answer.

mod answer;
mod asked;
mod authorize;
mod body;
mod exchange;
mod health;
mod listen;
mod paths;
mod renewal;
mod resources;
mod reviews;
mod sent;
mod settings;
mod tokens;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::asked::Asked;
use self::exchange::Exchange;
use self::sent::Sent;
use crate::audit::Audit;
use crate::auth::{Authenticators, ClientCertificate, Credentials, Live, Policy, Reference, User};
use crate::metrics::Metrics;
use crate::openapi::OpenApi;
use crate::request::Target;
use crate::resource::Served;
use crate::rest::{Caller, Rest};
use crate::status::{ApiError, Reason};

pub use body::Body;
pub use exchange::PeerAddress;
pub use health::HealthCheck;
pub use listen::{Listener, serve};
pub(crate) use renewal::Renewal;
pub use settings::Settings;

/// How many bytes of a body that is too long are read for nothing, and how long that may take.
const LONGEST_DISCARDED: usize = 16 << 20;
const DISCARDING: Duration = Duration::from_secs(1);

/// A certificate that a client has shown, verified. It is in the request's extensions.
#[derive(Clone, Debug)]
pub struct PeerCertificate(pub Arc<ClientCertificate>);

/// An API server. It needs no socket: [`ApiServer::handle`] answers requests of this process as well.
pub struct ApiServer {
    pub(crate) rest: Arc<Rest>,
    pub(crate) policy: Arc<RwLock<Policy>>,
    pub(crate) authenticators: Arc<Authenticators>,
    pub(crate) settings: Settings,
    metrics: Arc<Metrics>,
    audit: Option<Audit>,
    /// Places for watches.
    watches: Arc<Semaphore>,
    /// Places for other requests.
    in_flight: Semaphore,
    stopping: CancellationToken,
    /// Parts of the program that it is not ready without.
    checks: Vec<HealthCheck>,
    documents: Mutex<Option<(Arc<Served>, Arc<OpenApi>)>>,
}

impl ApiServer {
    /// A server over the verbs, with who may use them, and what is counted and recorded of it.
    pub fn new(
        rest: Arc<Rest>,
        policy: Arc<RwLock<Policy>>,
        authenticators: Arc<Authenticators>,
        settings: Settings,
        metrics: Arc<Metrics>,
        audit: Option<Audit>,
    ) -> Self {
        if let Some(audit) = &audit {
            metrics.follow_audit(audit.log.clone());
        }
        Self {
            rest,
            policy,
            authenticators,
            metrics,
            audit,
            watches: Arc::new(Semaphore::new(settings.watches)),
            in_flight: Semaphore::new(settings.in_flight),
            stopping: CancellationToken::new(),
            checks: Vec::new(),
            documents: Mutex::default(),
            settings,
        }
    }

    /// The same, not ready while one of these checks fails.
    #[must_use]
    pub fn with_checks(mut self, checks: Vec<HealthCheck>) -> Self {
        self.checks = checks;
        self
    }

    /// The verbs.
    pub fn rest(&self) -> &Arc<Rest> {
        &self.rest
    }

    /// What has been counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Ends all watches: clients come back, or go on with another replica.
    pub fn stop_watches(&self) {
        self.stopping.cancel();
    }

    /// Answers a request of whoever its credentials say.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let certificate = request.extensions().get::<PeerCertificate>();
        let authorization = request.headers().get(http::header::AUTHORIZATION);
        let credentials = Credentials {
            certificate: certificate.map(|one| &*one.0),
            authorization: authorization.and_then(|value| value.to_str().ok()),
        };
        let now = (self.rest.now)();
        let known =
            self.authenticators.authenticate(credentials, now, |reference| self.live(reference)).await;
        self.metrics.authenticated(known.is_ok());
        match known {
            Ok(user) => self.handle_as(user, request).await,
            Err(error) => {
                tracing::debug!(%error, "a request is refused");
                let (parts, _) = request.into_parts();
                let exchange = Exchange::begin(self, None, &Asked::of(&parts), &parts);
                let mut response = answer::failure(&ApiError::unauthorized(), false);
                exchange.unauthenticated(&mut response);
                response
            }
        }
    }

    /// Answers a request of a known user.
    pub async fn handle_as<B>(&self, user: User, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let (parts, body) = request.into_parts();
        let asked = Asked::of(&parts);
        let mut exchange = Exchange::begin(self, Some(&user), &asked, &parts);
        let answered = self.answer(user, &parts, body, &asked, &mut exchange).await;
        let response = answered.unwrap_or_else(|error| answer::failure(&error, false));
        let response = exchange.answered(&asked, response);
        match self.settings.yaml {
            Some(yaml) if asked.is_negotiated() && self.accept(&parts).is_ok_and(|accept| accept.yaml) => {
                answer::in_yaml(response, yaml)
            }
            _ => response,
        }
    }

    async fn answer<B>(
        &self,
        user: User,
        parts: &Parts,
        body: B,
        asked: &Asked<'_>,
        exchange: &mut Exchange,
    ) -> Result<Response<Body>, ApiError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let agent = parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        let agent = agent.unwrap_or("unknown").to_owned();
        let user = self.acting(&user, &parts.headers, asked, exchange)?.unwrap_or(user);
        let place = (!asked.is_watch()).then(|| self.in_flight.try_acquire());
        if matches!(place, Some(Err(_))) && !user.is_master() && !asked.is_probe() {
            return Ok(answer::too_many_requests());
        }
        self.authorize(&user, asked, exchange)?;
        let _counted = (!asked.is_watch()).then(|| self.metrics.in_flight(asked.writes()));
        let caller = Caller::new(user, agent);
        let answered = match self.read(body).await {
            Ok(body) => {
                exchange.request(asked.has_object(), || {
                    let sent = Sent { parts, body: &body, yaml: self.settings.yaml };
                    sent.recorded(asked.path())
                });
                match &asked.target {
                    Target::Resource(path) => self.resource(parts, path, &asked.query, body, &caller).await,
                    Target::Path(path) => self.path(parts, path, &asked.query).await,
                }
            }
            Err(error) => Err(error),
        };
        let mut response = answered.unwrap_or_else(|error| answer::failure(&error, false));
        answer::warn(&mut response, &caller.take_warnings());
        Ok(response)
    }

    /// The body, unless it is longer than the limit.
    async fn read<B>(&self, body: B) -> Result<Bytes, ApiError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send,
    {
        let limit = self.settings.longest_body;
        let mut body = pin!(body);
        match Limited::new(body.as_mut(), limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                let discarding = discard(body, LONGEST_DISCARDED);
                let _done = tokio::time::timeout(DISCARDING, discarding).await;
                Err(ApiError::new(
                    Reason::RequestEntityTooLarge,
                    format!("Request entity too large: limit is {limit}"),
                ))
            }
            Err(error) => Err(ApiError::bad_request(format!("the body cannot be read: {error}"))),
        }
    }

    /// What the store has of an object that a token refers to.
    async fn live(&self, reference: Reference) -> Option<Live> {
        let served = self.rest.catalog().served();
        let resource = served.get("", "v1", reference.kind.resource())?;
        let namespace = Some(reference.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let got = self.rest.store().get(&resource.key(namespace, &reference.name), None).await.ok()?;
        let object: serde_json::Value = serde_json::from_slice(&got.entry?.value).ok()?;
        let deleted = object["metadata"]["deletionTimestamp"].as_str().and_then(|time| time.parse().ok());
        Some(Live { uid: crate::object::uid(&object).to_owned(), deleted })
    }

    /// The documents of what is served now.
    pub(crate) fn documents(&self) -> Arc<OpenApi> {
        let served = self.rest.catalog().served();
        let mut documents = self.documents.lock();
        match &*documents {
            Some((of, documents)) if Arc::ptr_eq(of, &served) => Arc::clone(documents),
            _ => {
                let made = Arc::new(OpenApi::new(&paths::described(&served)));
                *documents = Some((served, Arc::clone(&made)));
                made
            }
        }
    }
}

/// Reads what is left of a body, up to so many bytes: a connection that is closed while bytes come is reset, and the client
/// may lose the answer.
async fn discard<B: http_body::Body<Data = Bytes>>(mut body: Pin<&mut B>, mut bytes: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        let Some(left) = bytes.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
        bytes = left;
    }
}
