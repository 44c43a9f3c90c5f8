//! `/healthz`, `/livez` and `/readyz`, with kube-apiserver's paths, options and words
//! ("Kubernetes API health endpoints", Kubernetes documentation).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Response};
use revision_store::Store;

use super::{ApiServer, Body, answer};
use crate::request::Query;

/// A part of the program that the server is not ready without.
///
/// Such checks count in `/readyz` and `/healthz`. They do not in `/livez`: another start would not help, as with
/// kube-apiserver and its KMS plugins.
#[derive(Clone)]
pub struct HealthCheck {
    name: String,
    trouble: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl HealthCheck {
    /// A check of this name, a segment of a path. `trouble` says what is wrong, if anything, from what is known: each
    /// request asks it, so it must not wait.
    pub fn new(
        name: impl Into<String>,
        trouble: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), trouble: Arc::new(trouble) }
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthCheck").field(&self.name).finish()
    }
}

/// What can be asked how it is.
enum Part<'a> {
    /// The server itself, which answers.
    Server,
    Store(&'a dyn Store),
    Embedder(&'a HealthCheck),
}

impl Part<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Server => "ping",
            Self::Store(_) => "store",
            Self::Embedder(check) => &check.name,
        }
    }

    /// What is wrong with it.
    async fn trouble(&self) -> Option<String> {
        match self {
            Self::Server => None,
            Self::Store(store) => store.revision().await.err().map(|error| error.to_string()),
            Self::Embedder(check) => (check.trouble)(),
        }
    }
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well,
    Ill,
    Excluded,
}

impl ApiServer {
    /// Answers a request for one of the three paths, or for one part below it.
    pub(super) async fn health(&self, path: &str, query: &Query<'_>) -> Response<Body> {
        let (endpoint, below) = match path.trim_start_matches('/').split_once('/') {
            Some((endpoint, below)) => (endpoint, Some(below)),
            None => (path.trim_start_matches('/'), None),
        };
        let mut parts = vec![Part::Server, Part::Store(&**self.rest.store())];
        if endpoint != "livez" {
            parts.extend(self.checks.iter().map(Part::Embedder));
        }
        if let Some(name) = below {
            return match parts.iter().find(|part| part.name() == name) {
                None => answer::page_not_found(),
                Some(part) => match part.trouble().await {
                    None => text(200, "ok".to_owned()),
                    Some(trouble) => text(500, format!("internal server error: {trouble}\n")),
                },
            };
        }
        let excluded: BTreeSet<_> = query.all("exclude").into_iter().collect();
        let mut states = Vec::new();
        for part in &parts {
            let state = if excluded.contains(part.name()) {
                State::Excluded
            } else if let Some(trouble) = part.trouble().await {
                tracing::debug!(check = part.name(), trouble, "{endpoint} check failed");
                State::Ill
            } else {
                State::Well
            };
            states.push((part.name(), state));
        }
        let (code, told) = verdict(endpoint, &states, &excluded, query.get("verbose").is_some());
        text(code, told)
    }
}

/// Code and text of an answer. Everybody may ask, so it has no reasons: those are below it, for who may read them.
fn verdict(
    endpoint: &str,
    states: &[(&str, State)],
    excluded: &BTreeSet<&str>,
    verbose: bool,
) -> (u16, String) {
    let is_ill = states.iter().any(|(_, state)| *state == State::Ill);
    if !is_ill && !verbose {
        return (200, "ok".to_owned());
    }
    let mut lines: Vec<_> = states
        .iter()
        .map(|(name, state)| match state {
            State::Well => format!("[+]{name} ok"),
            State::Ill => format!("[-]{name} failed: reason withheld"),
            State::Excluded => format!("[+]{name} excluded: ok"),
        })
        .collect();
    let is_unknown = |name: &&&str| states.iter().all(|(known, _)| known != *name);
    let unknown: Vec<_> = excluded.iter().filter(is_unknown).map(|name| format!("{name:?}")).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(",");
        lines.push(format!("warn: some health checks cannot be excluded: no matches for {unknown}"));
    }
    lines.push(format!("{endpoint} check {}\n", if is_ill { "failed" } else { "passed" }));
    (if is_ill { 500 } else { 200 }, lines.join("\n"))
}

fn text(code: u16, text: String) -> Response<Body> {
    let mut response = answer::with_type(code, text.into(), "text/plain; charset=utf-8");
    let sniffing = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, sniffing);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(states: &[(&str, State)], excluded: &[&str], verbose: bool) -> (u16, String) {
        verdict("readyz", states, &excluded.iter().copied().collect(), verbose)
    }

    #[test]
    fn who_is_well_says_no_more_unless_asked() {
        let states = [("ping", State::Well), ("vault", State::Excluded)];
        assert_eq!(told(&states, &["vault"], false), (200, "ok".to_owned()));
        let words = "[+]ping ok\n[+]vault excluded: ok\nreadyz check passed\n";
        assert_eq!(told(&states, &["vault"], true), (200, words.to_owned()));
    }

    #[test]
    fn who_is_not_says_which_part_it_is_but_not_why() {
        let states = [("ping", State::Well), ("vault", State::Ill)];
        let words = "[+]ping ok\n[-]vault failed: reason withheld\nreadyz check failed\n";
        assert_eq!(told(&states, &[], false), (500, words.to_owned()));
    }

    #[test]
    fn what_cannot_be_left_out_is_told() {
        let (_, words) = told(&[("ping", State::Well)], &["z", "a\"b", "ping"], true);
        assert!(words.contains("no matches for \"a\\\"b\",\"z\"\n"), "{words}");
    }
}
