//! May this request be made?

use http::request::Parts;

use super::ApiServer;
use crate::auth::{Attributes, ResourceTarget, User, impersonation};
use crate::request::{Query, Target, Verb};
use crate::status::ApiError;

impl ApiServer {
    /// As whom the request goes on: the user, or the one that the user asks to be.
    ///
    /// # Errors
    /// The user may not do this, or not as the other one.
    pub(super) fn authorize(&self, user: &User, parts: &Parts, target: &Target) -> Result<User, ApiError> {
        let method = parts.method.as_str().to_lowercase();
        let attributes = match target {
            Target::Path(path) => Attributes::path(&method, path),
            Target::Resource(path) => {
                let query = Query::parse(parts.uri.query());
                let watch = query.get("watch").is_some_and(|value| !matches!(value, "false" | "0"));
                let verb = Verb::of(&parts.method, path, watch).ok_or_else(ApiError::no_such_method)?;
                let text = |value: &'_ Option<String>| value.clone().unwrap_or_default();
                let (subresource, namespace, name) =
                    (text(&path.subresource), text(&path.namespace), text(&path.name));
                let target = ResourceTarget {
                    group: &path.group,
                    resource: &path.resource,
                    subresource: &subresource,
                    namespace: &namespace,
                    name: &name,
                };
                return self.decide(user, parts, &Attributes::resource(verb.name(), target));
            }
        };
        self.decide(user, parts, &attributes)
    }

    fn decide(&self, user: &User, parts: &Parts, attributes: &Attributes<'_>) -> Result<User, ApiError> {
        let policy = self.policy.read();
        let acting = match impersonation::wanted(&parts.headers)? {
            None => user.clone(),
            Some(wanted) => impersonation::impersonate(&policy, user, &wanted, attributes)?,
        };
        let decision = policy.authorize(&acting, attributes);
        if decision.allowed { Ok(acting) } else { Err(attributes.refusal(&acting, &decision.reason).into()) }
    }
}
