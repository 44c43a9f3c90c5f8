//! One request from its arrival to its end: what is counted and what is recorded of it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Response;
use http::request::Parts;
use serde_json::Value;

use super::asked::Asked;
use super::{ApiServer, Body, answer};
use crate::audit::{Began, Record, Subject};
use crate::auth::{Decision, User};
use crate::metrics::{Counted, LongRunning, Metrics};

/// Where a request came from. It is in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// A request under way. When it is dropped, it has been answered, or the client has gone.
pub(super) struct Exchange {
    metrics: Arc<Metrics>,
    counted: Counted,
    record: Option<Record>,
    /// The code of the answer, once there is one.
    code: Option<u16>,
    watch: Option<LongRunning>,
}

/// The code that is counted where the client went before there was an answer: what proxies call "client closed
/// request".
const GONE: u16 = 499;

impl Drop for Exchange {
    fn drop(&mut self) {
        self.metrics.answered(&self.counted, self.code.unwrap_or(GONE));
    }
}

impl Exchange {
    /// Begins with a request of a known user.
    pub(super) fn begin(server: &ApiServer, user: Option<&User>, asked: &Asked<'_>, parts: &Parts) -> Self {
        let metrics = Arc::clone(&server.metrics);
        let counted = Counted::begin(&asked.subject(&server.rest.catalog().served(), parts));
        let record = server.audit.as_ref().and_then(|audit| {
            let began = Began {
                subject: Subject { user, attributes: asked.attributes() },
                version: asked.path().map(|path| path.version.as_str()).unwrap_or_default(),
                uri: &parts.uri,
                headers: &parts.headers,
                peer: parts.extensions.get::<PeerAddress>().map(|peer| peer.0),
                now: (server.rest.now)(),
            };
            Record::begin(audit, began, server.rest.now)
        });
        if let (Some(record), Some(_)) = (&record, user) {
            record.received();
        }
        Self { metrics, counted, record, code: None, watch: None }
    }

    /// Nobody was recognised.
    pub(super) fn unauthenticated(mut self, response: &mut Response<Body>) {
        let code = response.status().as_u16();
        self.code = Some(code);
        self.name(response);
        if let Some(record) = self.record.take() {
            record.unauthenticated(code, answer::json_of(response).as_ref());
        }
    }

    /// The request goes on as somebody else.
    pub(super) fn impersonated(&mut self, user: &User) {
        if let Some(record) = &mut self.record {
            record.impersonated(user);
        }
    }

    /// May it be made?
    pub(super) fn authorized(&mut self, decision: &Decision) {
        self.metrics.authorized(decision.allowed);
        if let Some(record) = &mut self.record {
            record.authorized(decision.allowed, &decision.reason);
        }
    }

    /// Its body is there. `read` is called if somebody wants to know what it is.
    pub(super) fn request(&mut self, is_object: bool, read: impl FnOnce() -> Option<Value>) {
        if let Some(record) = &mut self.record
            && let Some(body) = read()
        {
            record.request(body, is_object);
        }
    }

    /// It is answered; a watch goes on, and holds it until its end.
    pub(super) fn answered(mut self, asked: &Asked<'_>, mut response: Response<Body>) -> Response<Body> {
        let code = response.status().as_u16();
        self.code = Some(code);
        self.name(&mut response);
        if let Some(record) = &mut self.record {
            let body = record.wants_answer(code).then(|| answer::json_of(&response)).flatten();
            record.answered(code, body);
        }
        if asked.is_watch() && response.body().goes_on() {
            self.watch = Some(self.metrics.long_running(&self.counted));
            response.body_mut().hold(self);
        }
        response
    }

    /// The client is told by which id the request is recorded.
    fn name(&self, response: &mut Response<Body>) {
        let id = self.record.as_ref().and_then(|record| http::HeaderValue::from_str(record.id()).ok());
        if let Some(id) = id {
            response.headers_mut().insert("audit-id", id);
        }
    }
}
