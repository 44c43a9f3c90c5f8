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
    /// Nothing is served by this method, or the user may not act as the other one.
    pub(super) fn acting(
        &self,
        user: &User,
        headers: &HeaderMap,
        asked: &Asked<'_>,
        exchange: &mut Exchange,
    ) -> Result<Option<User>, ApiError> {
        if !asked.is_known() {
            return Err(ApiError::no_such_method());
        }
        let Some(wanted) = impersonation::wanted(headers)? else { return Ok(None) };
        let acting = impersonation::impersonate(&self.policy.read(), user, &wanted, &asked.attributes())?;
        exchange.impersonated(&acting);
        Ok(Some(acting))
    }

    /// Whether the user may make the request.
    ///
    /// # Errors
    /// The user may not.
    pub(super) fn authorize(
        &self,
        user: &User,
        asked: &Asked<'_>,
        exchange: &mut Exchange,
    ) -> Result<(), ApiError> {
        let attributes = asked.attributes();
        let decision = self.policy.read().authorize(user, &attributes);
        exchange.authorized(&decision);
        if decision.allowed { Ok(()) } else { Err(attributes.refusal(user, &decision.reason).into()) }
    }
}
