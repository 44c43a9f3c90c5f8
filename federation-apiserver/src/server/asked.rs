//! What a request asks for, read once from its head.

use std::borrow::Cow;

use http::request::Parts;

use crate::auth::{Attributes, ResourceTarget};
use crate::builtin;
use crate::metrics::Subject;
use crate::request::{Query, ResourcePath, Target, Verb};
use crate::resource::Served;

/// What a request asks for.
pub(super) struct Asked<'a> {
    pub(super) target: Target,
    pub(super) query: Query<'a>,
    /// The verb; `None` for a path, and for a method that a resource does not know.
    verb: Option<Verb>,
    /// The verb as roles and audit policies know it; of a path the method in lower case.
    name: Cow<'static, str>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        let target = Target::of(parts.uri.path());
        let query = Query::parse(parts.uri.query());
        let Target::Resource(path) = &target else {
            return Self { target, query, verb: None, name: parts.method.as_str().to_lowercase().into() };
        };
        let watch = query.flag("watch").unwrap_or(false);
        let verb = Verb::of(&parts.method, path, watch);
        let name = verb.map(Verb::name).unwrap_or_default();
        Self { target, query, verb, name: name.into() }
    }

    /// Whether it is a verb at all: a resource has no others.
    pub(super) fn is_known(&self) -> bool {
        self.verb.is_some() || matches!(self.target, Target::Path(_))
    }

    /// Whether it goes on after its answer has begun.
    pub(super) fn is_watch(&self) -> bool {
        self.verb == Some(Verb::Watch)
    }

    /// Whether it asks for nothing but the server's health.
    pub(super) fn is_probe(&self) -> bool {
        matches!(&self.target, Target::Path(path) if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz"))
    }

    /// Whether it may change something.
    pub(super) fn writes(&self) -> bool {
        match self.verb {
            Some(verb) => !matches!(verb, Verb::Get | Verb::List | Verb::Watch),
            None => !matches!(&*self.name, "get" | "head" | "options"),
        }
    }

    /// Whether the form of its answer is agreed on: that of health, version and documents is what it is.
    pub(super) fn is_negotiated(&self) -> bool {
        match &self.target {
            Target::Resource(_) => true,
            Target::Path(path) => matches!(path.split('/').nth(1), Some("api" | "apis")),
        }
    }

    /// Whether its body is an object of the kind that the path is of.
    pub(super) fn has_object(&self) -> bool {
        matches!(self.verb, Some(Verb::Create | Verb::Update))
    }

    pub(super) fn path(&self) -> Option<&ResourcePath> {
        match &self.target {
            Target::Resource(path) => Some(path),
            Target::Path(_) => None,
        }
    }

    /// As roles and audit policies see it.
    pub(super) fn attributes(&self) -> Attributes<'_> {
        match &self.target {
            Target::Path(path) => Attributes::path(&self.name, path),
            Target::Resource(path) => {
                let target = ResourceTarget {
                    group: &path.group,
                    resource: &path.resource,
                    subresource: path.subresource.as_deref().unwrap_or_default(),
                    namespace: path.namespace.as_deref().unwrap_or_default(),
                    name: path.name.as_deref().unwrap_or_default(),
                };
                Attributes::resource(&self.name, target)
            }
        }
    }

    /// As it is counted: names that are not served are left out, so that nobody can make series by asking.
    pub(super) fn subject<'s>(&'s self, served: &Served, parts: &Parts) -> Subject<'s> {
        match &self.target {
            Target::Path(path) => Subject {
                verb: method(&parts.method),
                subresource: first_step(path).unwrap_or_default(),
                ..Subject::default()
            },
            Target::Resource(path) => {
                let verb = counted_verb(self.verb, parts);
                let ResourcePath { group, version, resource, .. } = path;
                let part = path.subresource.as_deref().unwrap_or_default();
                let subresource = match served.get(group, version, resource) {
                    Some(known) if part.is_empty() || known.has_subresource(part) => part,
                    Some(_) => "",
                    None if builtin::find(group, version, resource).is_some() => "",
                    None => return Subject { verb, ..Subject::default() },
                };
                let scope = match (&path.name, &path.namespace) {
                    (Some(_), _) => "resource",
                    (None, Some(_)) => "namespace",
                    (None, None) => "cluster",
                };
                Subject { verb, group, version, resource, subresource, scope }
            }
        }
    }
}

/// Paths that are counted by their first step.
const STEPS: [&str; 10] = [
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/version",
    "/openapi",
    "/openid",
    "/api",
    "/apis",
    "/.well-known",
];

fn first_step(path: &str) -> Option<&'static str> {
    let end = path.get(1..).and_then(|rest| rest.find('/')).map_or(path.len(), |end| end + 1);
    STEPS.into_iter().find(|step| path.get(..end) == Some(step))
}

fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "",
    }
}

/// The verbs of kube-apiserver's metrics: methods, but for collections, watches and applies.
fn counted_verb(verb: Option<Verb>, parts: &Parts) -> &'static str {
    let is_apply = || {
        let said = parts.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        said.is_some_and(|said| said.starts_with("application/apply-patch"))
    };
    match verb {
        Some(Verb::Get) => "GET",
        Some(Verb::List) => "LIST",
        Some(Verb::Watch) => "WATCH",
        Some(Verb::Create) => "POST",
        Some(Verb::Update) => "PUT",
        Some(Verb::Patch) if is_apply() => "APPLY",
        Some(Verb::Patch) => "PATCH",
        Some(Verb::Delete) => "DELETE",
        Some(Verb::DeleteCollection) => "DELETECOLLECTION",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::Profile;
    use crate::resource::Catalog;

    fn subject_of(method: &str, path: &str) -> String {
        let catalog = Catalog::default();
        catalog.extend(builtin::resources(Profile::Federation));
        let (parts, ()) = http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        let asked = Asked::of(&parts);
        let served = catalog.served();
        let Subject { verb, group, version, resource, subresource, scope } = asked.subject(&served, &parts);
        format!("{verb} {group}/{version} {resource}/{subresource} {scope}")
    }

    #[test]
    fn only_what_is_served_has_a_name() {
        for (method, path, expected) in [
            ("GET", "/api/v1/namespaces/a/secrets/b", "GET /v1 secrets/ resource"),
            ("GET", "/api/v1/namespaces/a/secrets", "LIST /v1 secrets/ namespace"),
            ("GET", "/api/v1/secrets?watch=1", "WATCH /v1 secrets/ cluster"),
            ("PUT", "/api/v1/namespaces/a/finalize", "PUT /v1 namespaces/finalize resource"),
            ("GET", "/api/v1/namespaces/a/secrets/b/random1", "GET /v1 secrets/ resource"),
            ("GET", "/api/v1/namespaces/a/random2", "LIST / / "),
            ("GET", "/apis/random3/v1/x", "LIST / / "),
            (
                "POST",
                "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                "POST authorization.k8s.io/v1 subjectaccessreviews/ cluster",
            ),
            ("BREW", "/api/v1/secrets", " /v1 secrets/ cluster"),
            ("GET", "/healthz/etcd", "GET / //healthz "),
            ("GET", "/random4", "GET / / "),
            ("BREW", "/", " / / "),
        ] {
            assert_eq!(subject_of(method, path), expected, "{method} {path}");
        }
    }
}
