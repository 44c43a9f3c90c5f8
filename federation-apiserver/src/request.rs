//! What a request asks for, read from its method and path.
//!
//! The form of paths is that of "Kubernetes API Concepts", section "Resource URIs".

mod accept;
mod options;

pub use accept::{Accept, OPENAPI_PROTOBUF, Representation};
pub use options::{DeleteOptions, FieldValidation, ListOptions, VersionMatch, WriteOptions};
pub(crate) use options::{Query, check_version};

/// A request for a resource, or for something else that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An object, or a collection.
    Resource(ResourcePath),
    /// Anything else, such as `/healthz`: the path as it is.
    Path(String),
}

/// Where in the API a request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version within the group.
    pub version: String,
    /// The namespace, where the path names one. A namespace itself is in its own namespace, as in kube-apiserver.
    pub namespace: Option<String>,
    /// The plural name.
    pub resource: String,
    /// The object; absent for a collection.
    pub name: Option<String>,
    /// What of the object, such as `status`.
    pub subresource: Option<String>,
    /// The old form of a watch: `/api/v1/watch/pods`.
    pub watch: bool,
}

/// What is done: the verbs that RBAC knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One object.
    Get,
    /// A collection.
    List,
    /// The changes of a collection, or of one object.
    Watch,
    /// A new object.
    Create,
    /// An object as a whole.
    Update,
    /// A part of an object.
    Patch,
    /// One object goes.
    Delete,
    /// A collection goes.
    DeleteCollection,
}

impl Verb {
    /// The verb's name in RBAC rules and in audit events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// The verb of a request for a resource; none where the method is no verb of the API.
    pub fn of(method: &http::Method, path: &ResourcePath, watch: bool) -> Option<Self> {
        let collection = path.name.is_none();
        Some(match method.as_str() {
            // An object is watched in the old form only: with `?watch=true`, it is read.
            "GET" | "HEAD" if path.watch || watch && collection => Self::Watch,
            "GET" | "HEAD" if collection => Self::List,
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Create,
            "PUT" => Self::Update,
            "PATCH" => Self::Patch,
            "DELETE" if collection => Self::DeleteCollection,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

impl Target {
    /// Reads a path. It is decoded before it is split, as by kube-apiserver; a slash at its end is ignored.
    pub fn of(path: &str) -> Self {
        let decoded = decoded(path);
        let trimmed = decoded.strip_prefix('/').unwrap_or(&decoded);
        let mut parts: Vec<&str> = trimmed.strip_suffix('/').unwrap_or(trimmed).split('/').collect();
        let other = || Self::Path(path.to_owned());
        if parts.iter().any(|part| part.is_empty()) {
            return other();
        }
        let (group, version) = match parts.as_slice() {
            ["api", version, _, ..] => ("", *version),
            ["apis", group, version, _, ..] => (*group, *version),
            _ => return other(),
        };
        let (group, version) = (group.to_owned(), version.to_owned());
        parts.drain(..if group.is_empty() { 2 } else { 3 });
        let watch = parts[0] == "watch" && parts.len() > 1;
        if watch {
            parts.remove(0);
        }
        let mut namespace = None;
        if parts[0] == "namespaces" && parts.len() > 1 {
            namespace = Some(parts[1].to_owned());
            // /namespaces/x/{resource}, but /namespaces/x/{status,finalize} are the namespace's own.
            if parts.len() > 2 && !matches!(parts[2], "status" | "finalize") {
                parts.drain(..2);
            }
        }
        if parts.len() > 3 {
            return other();
        }
        let at = |i: usize| parts.get(i).map(|part| (*part).to_owned());
        Self::Resource(ResourcePath {
            group,
            version,
            namespace,
            resource: parts[0].to_owned(),
            name: at(1),
            subresource: at(2),
            watch,
        })
    }
}

/// A path without percent signs; what is no text then stays as it is.
fn decoded(path: &str) -> std::borrow::Cow<'_, str> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = (*first == b'%').then(|| path.get(path.len() - others.len()..)?.get(..2)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8(bytes).map_or(path.into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> ResourcePath {
        match Target::of(path) {
            Target::Resource(path) => path,
            Target::Path(path) => panic!("{path} names no resource"),
        }
    }

    #[test]
    fn paths_name_resources() {
        let some = |text: &str| Some(text.to_owned());
        let core = ResourcePath { version: "v1".into(), ..ResourcePath::default() };
        assert_eq!(
            resource("/api/v1/namespaces/a/configmaps/b"),
            ResourcePath {
                namespace: some("a"),
                resource: "configmaps".into(),
                name: some("b"),
                ..core.clone()
            }
        );
        assert_eq!(
            resource("/api/v1/namespaces/a/status"),
            ResourcePath {
                namespace: some("a"),
                resource: "namespaces".into(),
                name: some("a"),
                subresource: some("status"),
                ..core.clone()
            }
        );
        assert_eq!(
            resource("/api/v1/namespaces/a"),
            ResourcePath {
                namespace: some("a"),
                resource: "namespaces".into(),
                name: some("a"),
                ..core.clone()
            }
        );
        assert_eq!(resource("/api/v1/namespaces"), ResourcePath { resource: "namespaces".into(), ..core });
        assert_eq!(
            resource("/apis/apps/v1/deployments"),
            ResourcePath {
                group: "apps".into(),
                version: "v1".into(),
                resource: "deployments".into(),
                ..ResourcePath::default()
            }
        );
        for other in ["/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz"] {
            assert_eq!(Target::of(other), Target::Path(other.to_owned()));
        }
    }
}
