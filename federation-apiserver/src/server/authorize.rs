//! May this request be made?

use http::HeaderMap;

use super::ApiServer;
use super::asked::Asked;
use super::exchange::Exchange;
use crate::auth::{User, impersonation};
use crate::status::ApiError;

impl ApiServer {
    /// As whom the request goes on: the one that the user asks to be, or `None` for the user.
    ///
    /// # Errors
    /// The user may not do this, or not as the other one.
    pub(super) fn authorize(
        &self,
        user: &User,
        headers: &HeaderMap,
        asked: &Asked<'_>,
        exchange: &mut Exchange,
    ) -> Result<Option<User>, ApiError> {
        if !asked.is_known() {
            return Err(ApiError::no_such_method());
        }
        let attributes = asked.attributes();
        let policy = self.policy.read();
        let acting = impersonation::wanted(headers)?
            .map(|wanted| impersonation::impersonate(&policy, user, &wanted, &attributes))
            .transpose()?;
        if let Some(acting) = &acting {
            exchange.impersonated(acting);
        }
        let asking = acting.as_ref().unwrap_or(user);
        let decision = policy.authorize(asking, &attributes);
        exchange.authorized(&decision);
        if decision.allowed { Ok(acting) } else { Err(attributes.refusal(asking, &decision.reason).into()) }
    }
}
