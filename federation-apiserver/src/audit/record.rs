//! What is written of one request, from its arrival to its end.

use std::net::SocketAddr;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::event::{Event, ObjectReference, ResponseStatus};
use super::{Audit, Decision, Level, Log, Stage, Subject};
use crate::auth::{Target, User};

/// A request at its arrival.
pub(crate) struct Began<'a> {
    pub(crate) subject: Subject<'a>,
    /// The version of the API group; empty for a path.
    pub(crate) version: &'a str,
    pub(crate) uri: &'a http::Uri,
    pub(crate) headers: &'a HeaderMap,
    /// Absent for requests of this process.
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) now: Timestamp,
}

/// The events of one request. Dropped before the answer was there, the last of them says that the client went.
pub(crate) struct Record {
    log: Log,
    decision: Decision,
    event: Event,
    now: fn() -> Timestamp,
}

const DECISION: &str = "authorization.k8s.io/decision";
const REASON: &str = "authorization.k8s.io/reason";

impl Record {
    /// Begins a record, if the policy wants one.
    pub(crate) fn begin(audit: &Audit, began: Began<'_>, now: fn() -> Timestamp) -> Option<Self> {
        let decision = audit.policy.decide(&began.subject);
        audit.log.level_decided(decision.level);
        if decision.level == Level::None {
            return None;
        }
        Some(Self::of(audit.log.clone(), decision, &began, now))
    }

    fn of(log: Log, decision: Decision, began: &Began<'_>, now: fn() -> Timestamp) -> Self {
        let text = |name: &str| began.headers.get(name).and_then(|value| value.to_str().ok());
        let event = Event {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level: decision.level,
            audit_id: text("audit-id").map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned),
            stage: Stage::RequestReceived,
            request_uri: began.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            verb: began.subject.attributes.verb.to_owned(),
            user: began.subject.user.cloned().unwrap_or_default(),
            impersonated_user: None,
            source_ips: sources(began.headers, began.peer),
            user_agent: text("user-agent").unwrap_or_default().to_owned(),
            object_ref: reference(began),
            response_status: None,
            request_object: None,
            response_object: None,
            request_received_timestamp: began.now,
            stage_timestamp: began.now,
            annotations: std::collections::BTreeMap::new(),
        };
        Self { log, decision, event, now }
    }

    /// The id by which all events of the request are known.
    pub(crate) fn id(&self) -> &str {
        &self.event.audit_id
    }

    /// The request is recognised and will be answered.
    pub(crate) fn received(&self) {
        self.write();
    }

    /// Nobody was recognised: the one event of such a request, once it is answered.
    pub(crate) fn unauthenticated(mut self, code: u16, answer: Option<&Value>) {
        self.event.response_status = Some(status(code, answer));
        self.reach(Stage::ResponseStarted);
        // Nothing more is written of it.
        self.decision.omit_stages.insert(Stage::ResponseComplete);
    }

    /// The request goes on as somebody else.
    pub(crate) fn impersonated(&mut self, user: &User) {
        self.event.impersonated_user = Some(user.clone());
    }

    /// May it be made, and why.
    pub(crate) fn authorized(&mut self, allowed: bool, reason: &str) {
        let decision = if allowed { "allow" } else { "forbid" };
        self.event.annotations.insert(DECISION, decision.to_owned());
        self.event.annotations.insert(REASON, reason.to_owned());
    }

    /// The request's body. If it `is_object`, it names what the path may leave out.
    pub(crate) fn request(&mut self, mut body: Value, is_object: bool) {
        if let (true, Some(reference)) = (is_object, &mut self.event.object_ref) {
            let fill = |into: &mut String, field: &str| {
                if let (true, Some(text)) = (into.is_empty(), body["metadata"][field].as_str()) {
                    text.clone_into(into);
                }
            };
            fill(&mut reference.namespace, "namespace");
            fill(&mut reference.name, "name");
            fill(&mut reference.uid, "uid");
            fill(&mut reference.resource_version, "resourceVersion");
        }
        if self.decision.level >= Level::Request {
            self.trim(&mut body);
            self.event.request_object = Some(body);
        }
    }

    /// Whether the answer's body must be looked into. A `Status` is told at every level.
    pub(crate) fn wants_answer(&self, code: u16) -> bool {
        self.decision.level == Level::RequestResponse || code >= 400 || self.event.verb == "delete"
    }

    /// The answer's head is sent.
    pub(crate) fn answered(&mut self, code: u16, body: Option<Value>) {
        self.event.response_status = Some(status(code, body.as_ref()));
        if let (Level::RequestResponse, Some(mut body)) = (self.decision.level, body) {
            self.trim(&mut body);
            self.event.response_object = Some(body);
        }
        if self.event.verb == "watch" {
            self.reach(Stage::ResponseStarted);
        }
    }

    fn trim(&self, body: &mut Value) {
        if self.decision.omit_managed_fields {
            without_managed_fields(body);
        }
    }

    fn reach(&mut self, stage: Stage) {
        self.event.stage = stage;
        self.event.stage_timestamp = (self.now)();
        self.write();
    }

    fn write(&self) {
        if !self.decision.omit_stages.contains(&self.event.stage) {
            self.log.write(&self.event);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.event.response_status.is_none() {
            // kube-apiserver's words, and its code, for a client that did not wait.
            self.event.response_status = Some(ResponseStatus {
                status: Some("Success".to_owned()),
                message: Some("Connection closed early".to_owned()),
                ..ResponseStatus::of_code(200)
            });
        }
        self.reach(Stage::ResponseComplete);
    }
}

fn status(code: u16, answer: Option<&Value>) -> ResponseStatus {
    answer.map_or_else(|| ResponseStatus::of_code(code), |answer| ResponseStatus::of(code, answer))
}

fn reference(began: &Began<'_>) -> Option<ObjectReference> {
    let Target::Resource(target) = began.subject.attributes.target else { return None };
    Some(ObjectReference {
        resource: target.resource.to_owned(),
        namespace: target.namespace.to_owned(),
        name: target.name.to_owned(),
        api_group: target.group.to_owned(),
        api_version: began.version.to_owned(),
        subresource: target.subresource.to_owned(),
        ..ObjectReference::default()
    })
}

/// What proxies say of the client, then the peer, each once.
fn sources(headers: &HeaderMap, peer: Option<SocketAddr>) -> Vec<String> {
    let texts = |name: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .filter_map(|one| one.trim().parse().ok())
            .collect::<Vec<_>>()
    };
    let mut all: Vec<std::net::IpAddr> = texts("x-forwarded-for");
    all.extend(texts("x-real-ip"));
    all.extend(peer.map(|peer| peer.ip()));
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen.iter().map(ToString::to_string).collect()
}

/// Of an object, of a list's items and of a table's rows.
fn without_managed_fields(body: &mut Value) {
    let forget = |object: &mut Value| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    };
    forget(body);
    body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().for_each(forget);
    let rows = body.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten();
    rows.filter_map(|row| row.get_mut("object")).for_each(forget);
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::Policy;
    use crate::auth::{Attributes, ResourceTarget};

    /// Some event.
    pub(crate) fn event() -> Event {
        let audit = Audit { policy: Policy::default().into(), log: Log::new(std::io::sink()).unwrap() };
        begin(&audit, Decision { level: Level::Metadata, ..Decision::default() }).event.clone()
    }

    fn begin(audit: &Audit, decision: Decision) -> Record {
        let headers = HeaderMap::new();
        let target = ResourceTarget { resource: "configmaps", ..ResourceTarget::default() };
        let subject = Subject { user: None, attributes: Attributes::resource("update", target) };
        let uri = http::Uri::from_static("/api/v1/configmaps?x=y");
        let now = Timestamp::UNIX_EPOCH;
        let began = Began { subject, version: "v1", uri: &uri, headers: &headers, peer: None, now };
        Record::of(audit.log.clone(), decision, &began, || Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_event_has_the_fields_of_its_api() {
        let mut expected = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "RequestReceived",
            "requestURI": "/api/v1/configmaps?x=y", "verb": "update", "user": {},
            "objectRef": {"resource": "configmaps", "apiVersion": "v1"},
            "requestReceivedTimestamp": "1970-01-01T00:00:00.000000Z",
            "stageTimestamp": "1970-01-01T00:00:00.000000Z",
        });
        let event = serde_json::to_value(event()).unwrap();
        expected["auditID"] = event["auditID"].clone();
        assert_eq!(event, expected);
    }

    #[test]
    fn managed_fields_are_left_out_wherever_objects_are() {
        let managed = || json!({"metadata": {"name": "a", "managedFields": [1]}});
        for (mut body, expected) in [
            (managed(), json!({"metadata": {"name": "a"}})),
            (json!({"items": [managed()]}), json!({"items": [{"metadata": {"name": "a"}}]})),
            (
                json!({"rows": [{"object": managed()}]}),
                json!({"rows": [{"object": {"metadata": {"name": "a"}}}]}),
            ),
            (json!([managed()]), json!([managed()])),
        ] {
            without_managed_fields(&mut body);
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn clients_are_known_by_what_proxies_say_and_by_their_address() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "10.0.0.1, nonsense, 10.0.0.2".parse().unwrap());
        headers.append("x-real-ip", "10.0.0.1".parse().unwrap());
        let peer = Some("127.0.0.1:4711".parse().unwrap());
        assert_eq!(sources(&headers, peer), ["10.0.0.1", "10.0.0.2", "127.0.0.1"]);
        assert_eq!(sources(&HeaderMap::new(), None), [""; 0]);
    }
}
