//! What an API server was asked to write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{Error, Result};

/// One write that an API server answered, from its audit log (audit.k8s.io/v1, level Metadata).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditedWrite {
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The user's name.
    pub user: String,
    /// What the client calls itself.
    pub user_agent: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural name of the resource, such as `configmaps`.
    pub resource: String,
    /// The subresource, such as `status`; empty if none.
    pub subresource: String,
    /// The namespace; empty for a cluster-wide resource.
    pub namespace: String,
    /// The object's name; empty where the request has none (a `deletecollection`, a generated name).
    pub name: String,
    /// The HTTP status of the answer, 0 if it had none.
    pub code: u16,
}

/// Logs each write once, when it is answered. The server's own writes are left out.
const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  users: [\"system:apiserver\"]
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
";

pub(crate) fn write_policy(folder: &Path) -> Result<()> {
    let path = policy(folder);
    fs::write(&path, POLICY).map_err(|source| Error::file(&path, source))
}

pub(crate) fn flags(folder: &Path) -> [String; 3] {
    [
        format!("--audit-policy-file={}", policy(folder).display()),
        format!("--audit-log-path={}", log(folder).display()),
        // An event is in the file before the answer is with the client.
        "--audit-log-mode=blocking".to_owned(),
    ]
}

pub(crate) fn read(server: &str, folder: &Path) -> Result<Vec<AuditedWrite>> {
    let path = log(folder);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|source| Error::AuditLog { name: server.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::file(&path, source)),
    }
}

fn policy(folder: &Path) -> PathBuf {
    folder.join("audit-policy.yaml")
}

fn log(folder: &Path) -> PathBuf {
    folder.join("audit.log")
}

fn parse(text: &str) -> serde_json::Result<Vec<AuditedWrite>> {
    // The last line may still be in the writing; a whole one has its end.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str::<Event>(line).map(AuditedWrite::from)).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Event {
    verb: String,
    user: User,
    user_agent: String,
    object_ref: ObjectReference,
    response_status: ResponseStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectReference {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl From<Event> for AuditedWrite {
    fn from(event: Event) -> Self {
        Self {
            verb: event.verb,
            user: event.user.username,
            user_agent: event.user_agent,
            group: event.object_ref.api_group,
            resource: event.object_ref.resource,
            subresource: event.object_ref.subresource,
            namespace: event.object_ref.namespace,
            name: event.object_ref.name,
            code: event.response_status.code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_last_line_is_left_for_later() {
        let line = r#"{"verb":"patch","user":{"username":"u"},"objectRef":{"resource":"pods","namespace":"n",
            "name":"p","subresource":"status"},"responseStatus":{"code":200}}"#
            .replace('\n', "");
        let text = format!("{line}\n{}", &line[..20]);
        let writes = parse(&text).unwrap();
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].verb.as_str(), writes[0].code), ("patch", 200));
        assert_eq!((writes[0].group.as_str(), writes[0].subresource.as_str()), ("", "status"));
        assert!(parse("nonsense\n").is_err());
    }
}
