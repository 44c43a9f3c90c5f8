//! May this request be made?

use http::request::Parts;

use super::ApiServer;
use crate::auth::{Attributes, ResourceTarget, User, impersonation};
use crate::request::{Query, Target, Verb};
use crate::status::ApiError;

impl ApiServer {
    /// As whom the request goes on: the one that the user asks to be, or `None` for the user.
    ///
    /// # Errors
    /// The user may not do this, or not as the other one.
    pub(super) fn authorize(
        &self,
        user: &User,
        parts: &Parts,
        target: &Target,
        query: &Query<'_>,
    ) -> Result<Option<User>, ApiError> {
        let method = parts.method.as_str().to_lowercase();
        let attributes = match target {
            Target::Path(path) => Attributes::path(&method, path),
            Target::Resource(path) => {
                let watch = query.flag("watch").unwrap_or(false);
                let verb = Verb::of(&parts.method, path, watch).ok_or_else(ApiError::no_such_method)?;
                let target = ResourceTarget {
                    group: &path.group,
                    resource: &path.resource,
                    subresource: path.subresource.as_deref().unwrap_or_default(),
                    namespace: path.namespace.as_deref().unwrap_or_default(),
                    name: path.name.as_deref().unwrap_or_default(),
                };
                return self.decide(user, parts, &Attributes::resource(verb.name(), target));
            }
        };
        self.decide(user, parts, &attributes)
    }

    fn decide(
        &self,
        user: &User,
        parts: &Parts,
        attributes: &Attributes<'_>,
    ) -> Result<Option<User>, ApiError> {
        let policy = self.policy.read();
        let acting = impersonation::wanted(&parts.headers)?
            .map(|wanted| impersonation::impersonate(&policy, user, &wanted, attributes))
            .transpose()?;
        let asking = acting.as_ref().unwrap_or(user);
        let decision = policy.authorize(asking, attributes);
        if decision.allowed { Ok(acting) } else { Err(attributes.refusal(asking, &decision.reason).into()) }
    }
}
