//! Kinds that are answered and not stored: who somebody is, and what they may do.

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use serde_json::Value;

use super::sent::Sent;
use super::{ApiServer, Body, answer};
use crate::auth::{AccessReview, TokenQuestion, access_review, rules_review, self_review, token_review};
use crate::builtin;
use crate::request::{Representation, ResourcePath};
use crate::rest::Caller;
use crate::status::ApiError;

impl ApiServer {
    /// Answers a review.
    pub(super) async fn review(
        &self,
        parts: &Parts,
        path: &ResourcePath,
        body: Bytes,
        caller: &Caller,
    ) -> Result<Response<Body>, ApiError> {
        let ResourcePath { group, version, resource, .. } = path;
        let served = self.rest.catalog().served();
        let own = super::paths::described(&served).iter().any(|one| one.group == *group);
        let defined = served.iter().any(|one| one.custom && one.group == *group);
        if !group.is_empty() && (!own || defined) {
            return Ok(answer::page_not_found());
        }
        if version != "v1" || path.name.is_some() {
            return Err(ApiError::no_such_path());
        }
        let named = |wanted: &str, plural: &str| group == wanted && resource == plural;
        let access = match resource.as_str() {
            "subjectaccessreviews" => Some(AccessReview::Subject),
            "localsubjectaccessreviews" => Some(AccessReview::Local),
            "selfsubjectaccessreviews" => Some(AccessReview::SelfSubject),
            _ => None,
        }
        .filter(|_| group == "authorization.k8s.io");
        let is_review = access.is_some()
            || named("authorization.k8s.io", "selfsubjectrulesreviews")
            || named("authentication.k8s.io", "tokenreviews")
            || named("authentication.k8s.io", "selfsubjectreviews");
        if !is_review {
            return Err(ApiError::no_such_path());
        }
        if parts.method != http::Method::POST {
            return Err(ApiError::no_such_method());
        }
        let kind = builtin::find(group, version, resource).ok_or_else(ApiError::no_such_path)?;
        if self.accept(parts)?.representation != Representation::Whole {
            return Err(ApiError::not_acceptable());
        }
        let sent = Sent { parts, body: &body, yaml: self.settings.yaml };
        let request: Value = sent.of(&kind.definition())?.value;
        let namespace = path.namespace.as_deref().unwrap_or_default();
        let answered = match (access, resource.as_str()) {
            (Some(review), _) => {
                access_review(review, request, &self.policy.read(), &caller.user, namespace)?
            }
            (None, "selfsubjectrulesreviews") => rules_review(&request, &self.policy.read(), &caller.user)?,
            (None, "selfsubjectreviews") => self_review(&caller.user, (self.rest.now)()),
            (None, _) => {
                let question = TokenQuestion::read(&request)?;
                let now = (self.rest.now)();
                let outcome = self
                    .authenticators
                    .authenticate_token(&question.token, &question.audiences, now, |one| self.live(one))
                    .await;
                token_review(request, outcome)
            }
        };
        let mut answered = answered;
        let described = super::paths::described(&served);
        let kind = described.iter().find(|one| one.group == *group && one.plural == *resource);
        if let Some(kind) = kind {
            crate::object::set_top(&mut answered, "kind", Some(kind.kind.clone().into()));
            crate::object::set_top(&mut answered, "apiVersion", Some(format!("{group}/{version}").into()));
        }
        Ok(answer::value(201, &answered, false))
    }
}
