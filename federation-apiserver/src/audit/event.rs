//! What is written of a request: `audit.k8s.io/v1`'s `Event`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Level, Stage};
use crate::auth::User;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub(super) kind: &'static str,
    pub(super) api_version: &'static str,
    /// How much is recorded.
    pub level: Level,
    /// The same in all events of one request.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// When in the request's course it is written.
    pub stage: Stage,
    /// Path and query, as the client sent them.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// What is done; for a path the method in lower case.
    pub verb: String,
    /// Who asks.
    pub user: User,
    /// As whom they act, if as somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonated_user: Option<User>,
    /// Where the request comes from: what proxies say, and the peer.
    #[serde(rename = "sourceIPs", skip_serializing_if = "Vec::is_empty")]
    pub source_ips: Vec<String>,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user_agent: String,
    /// What the request is for; absent for a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_ref: Option<ObjectReference>,
    /// What came of it; absent before there is an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_status: Option<ResponseStatus>,
    /// The request's body, from [`Level::Request`] on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Value>,
    /// The answer's body, at [`Level::RequestResponse`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_object: Option<Value>,
    /// When the request came.
    #[serde(serialize_with = "microseconds")]
    pub request_received_timestamp: Timestamp,
    /// When the stage was reached.
    #[serde(serialize_with = "microseconds")]
    pub stage_timestamp: Timestamp,
    /// What parts of the server say, such as why it was allowed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<&'static str, String>,
}

/// What a request is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// The plural name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource: String,
    /// The namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The object, from the path or from the body of a create.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The uid that the body names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The group; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// The version in the group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// The resource version that the body names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// The part of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subresource: String,
}

/// What came of a request. Of a `Status`, what says why; of other answers the code alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ResponseStatus {
    /// Always there, and empty, as in kube-apiserver's events.
    pub(super) metadata: Map<String, Value>,
    /// `Success` or `Failure`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// The HTTP status code.
    pub code: u16,
}

impl ResponseStatus {
    /// A code, of which nothing more is said.
    pub fn of_code(code: u16) -> Self {
        Self { code, ..Self::default() }
    }

    /// What an answer says: `body` is it as a value.
    pub fn of(code: u16, body: &Value) -> Self {
        if body["kind"] != "Status" || body["apiVersion"] != "v1" {
            return Self::of_code(code);
        }
        let text = |field: &str| body[field].as_str().map(str::to_owned);
        Self {
            status: text("status"),
            message: text("message"),
            reason: text("reason"),
            details: body.get("details").cloned(),
            ..Self::of_code(code)
        }
    }
}

/// Times in events have microseconds, always.
fn microseconds<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
}
