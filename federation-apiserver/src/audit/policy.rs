//! What is recorded of a request: a decision over a policy, `audit.k8s.io/v1`'s `Policy`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rule, Subject};

/// How much is recorded of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing.
    #[default]
    None,
    /// Who, what, when, and the code of the answer.
    Metadata,
    /// The request's body too.
    Request,
    /// And the answer's.
    RequestResponse,
}

impl Level {
    /// Its name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// When an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// The request is there, and nothing has been done yet.
    RequestReceived,
    /// The head of the answer is sent, and its body goes on: watches alone.
    ResponseStarted,
    /// The answer is complete.
    ResponseComplete,
    /// The server failed while it answered. It is read in policies; this server has no such stage.
    Panic,
}

/// An audit policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "metadata")]
    _metadata: Value,
    /// The first that matches decides; a request that none matches is not recorded.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Stages of which no event is written.
    #[serde(default)]
    pub omit_stages: Vec<Stage>,
    /// Managed fields are left out of bodies.
    #[serde(default)]
    pub omit_managed_fields: bool,
}

/// What is recorded of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// How much.
    pub level: Level,
    /// Stages of which no event is written.
    pub omit_stages: BTreeSet<Stage>,
    /// Managed fields are left out of bodies.
    pub omit_managed_fields: bool,
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not what a policy looks like.
    #[error("audit policy: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It is another kind of object.
    #[error(
        "audit policy: apiVersion is {api_version:?} and kind {kind:?}; write audit.k8s.io/v1 and Policy"
    )]
    Kind {
        /// What it says.
        api_version: String,
        /// What it says.
        kind: String,
    },
    /// It has no rules: nothing would be recorded.
    #[error("audit policy: rules: none; write at least one")]
    NoRules,
    /// A rule says what cannot be meant.
    #[error("audit policy: rules[{index}].{what}")]
    Rule {
        /// Which.
        index: usize,
        /// The field, and what to do.
        what: String,
    },
}

impl Policy {
    /// Reads a policy, from a document in JSON or YAML that has become a value.
    ///
    /// # Errors
    /// It is none, or kube-apiserver would refuse it.
    pub fn read(document: Value) -> Result<Self, PolicyError> {
        let policy: Self = serde_json::from_value(document)?;
        if policy.api_version != "audit.k8s.io/v1" || policy.kind != "Policy" {
            return Err(PolicyError::Kind { api_version: policy.api_version, kind: policy.kind });
        }
        if policy.rules.is_empty() {
            return Err(PolicyError::NoRules);
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            check(rule).map_err(|what| PolicyError::Rule { index, what })?;
        }
        Ok(policy)
    }

    /// What is recorded of a request.
    pub fn decide(&self, subject: &Subject<'_>) -> Decision {
        let rule = self.rules.iter().find(|rule| rule.matches(subject));
        let of_rule = rule.map(|rule| rule.omit_stages.as_slice()).unwrap_or_default();
        Decision {
            level: rule.map(|rule| rule.level).unwrap_or_default(),
            omit_stages: self.omit_stages.iter().chain(of_rule).copied().collect(),
            omit_managed_fields: rule
                .and_then(|rule| rule.omit_managed_fields)
                .unwrap_or(self.omit_managed_fields),
        }
    }
}

/// As kube-apiserver's validation of policies.
fn check(rule: &Rule) -> Result<(), String> {
    let of_resources = !rule.resources.is_empty() || !rule.namespaces.is_empty();
    if of_resources && !rule.non_resource_urls.is_empty() {
        return Err("nonResourceURLs: a rule is for resources or for other paths; write two rules".to_owned());
    }
    for url in &rule.non_resource_urls {
        let inner = url.strip_suffix('*').unwrap_or(url);
        if url != "*" && !url.starts_with('/') {
            return Err(format!("nonResourceURLs: {url:?} does not begin with a slash"));
        }
        if inner.contains('*') {
            return Err(format!("nonResourceURLs: {url:?} has a * that is not at its end"));
        }
    }
    for resources in &rule.resources {
        if resources.group.contains('/') {
            return Err(format!("resources: group {:?} has a version; leave it out", resources.group));
        }
        if !resources.resource_names.is_empty() && resources.resources.is_empty() {
            return Err("resources: resourceNames need resources that they are names of".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::{Attributes, ResourceTarget, User};

    fn read(mut document: Value) -> Result<Policy, PolicyError> {
        document["apiVersion"] = "audit.k8s.io/v1".into();
        document["kind"] = "Policy".into();
        Policy::read(document)
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let policy = read(json!({
            "omitStages": ["RequestReceived"], "omitManagedFields": true,
            "rules": [
                {"level": "None", "users": ["system:apiserver"]},
                {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}],
                 "omitStages": ["ResponseStarted"], "omitManagedFields": false},
                {"level": "RequestResponse", "verbs": ["create"]},
            ],
        }))
        .unwrap();
        let decide = |user: &str, verb: &str, resource: &str| {
            let target = ResourceTarget { resource, ..ResourceTarget::default() };
            let user = User::new(user, [""; 0]);
            policy.decide(&Subject { user: Some(&user), attributes: Attributes::resource(verb, target) })
        };
        assert_eq!(decide("system:apiserver", "create", "secrets").level, Level::None);
        let secret = decide("alice", "create", "secrets");
        assert_eq!(secret.level, Level::Metadata);
        assert_eq!(Vec::from_iter(secret.omit_stages), [Stage::RequestReceived, Stage::ResponseStarted]);
        assert!(!secret.omit_managed_fields);
        let other = decide("alice", "create", "pods");
        assert_eq!(other.level, Level::RequestResponse);
        assert_eq!(Vec::from_iter(other.omit_stages), [Stage::RequestReceived]);
        assert!(other.omit_managed_fields);
        assert_eq!(decide("alice", "get", "pods").level, Level::None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_place() {
        for (document, words) in [
            (json!({"rules": []}), "rules: none"),
            (json!({"rules": [{"level": "Everything"}]}), "Everything"),
            (json!({"rules": [{"level": "None", "user": ["x"]}]}), "unknown field `user`"),
            (json!({"rules": [{"level": "None", "omitStages": ["Later"]}]}), "Later"),
            (
                json!({"rules": [{}, {"namespaces": ["a"], "nonResourceURLs": ["/x"]}]}),
                "rules[1].nonResource",
            ),
            (json!({"rules": [{"nonResourceURLs": ["healthz"]}]}), "slash"),
            (json!({"rules": [{"nonResourceURLs": ["/a*b"]}]}), "not at its end"),
            (json!({"rules": [{"resources": [{"group": "apps/v1"}]}]}), "has a version"),
            (json!({"rules": [{"resources": [{"resourceNames": ["a"]}]}]}), "need resources"),
        ] {
            let error = read(document.clone()).unwrap_err().to_string();
            assert!(error.contains(words), "{document}: {error}");
        }
        let other = Policy::read(json!({"apiVersion": "v1", "kind": "Policy", "rules": [{}]})).unwrap_err();
        assert!(other.to_string().contains("audit.k8s.io/v1"), "{other}");
    }
}
