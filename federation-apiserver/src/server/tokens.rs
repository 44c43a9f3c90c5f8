//! Tokens of service accounts (`serviceaccounts/token`).

use http::Response;
use serde_json::Value;

use super::{ApiServer, Body, answer};
use crate::auth::{Account, BoundKind, BoundObject, NamedUid, Reference, TokenRequest};
use crate::object;
use crate::request::ListOptions;
use crate::rest::{At, Caller};
use crate::status::ApiError;

impl ApiServer {
    /// Makes a token for a service account.
    pub(super) async fn token(
        &self,
        at: At<'_>,
        request: &Value,
        caller: &Caller,
    ) -> Result<Response<Body>, ApiError> {
        let whole = At { subresource: None, ..at };
        let account = self.rest.get(whole, &ListOptions::default()).await?.into_value()?;
        let keys = &self.authenticators.keys;
        let account = Account {
            namespace: at.namespace.unwrap_or_default(),
            name: at.name,
            uid: object::uid(&account),
        };
        let request = TokenRequest::read(request, account, keys.audiences())?;
        let bound = match request.bound_object() {
            Some(reference) => self.bound(reference).await?,
            None => None,
        };
        let id = uuid::Uuid::new_v4().to_string();
        let grant = request.grant(bound.as_ref(), None, keys.audiences(), id, (self.rest.now)())?;
        grant.warnings.iter().for_each(|text| caller.warn(text));
        let token = keys.issue(&grant.claims).map_err(ApiError::internal)?;
        Ok(answer::value(201, &grant.answer(&token), false))
    }

    /// The object that a token shall be bound to.
    async fn bound(&self, reference: &Reference) -> Result<Option<BoundObject>, ApiError> {
        let Some(found) =
            self.read_core(reference.kind.resource(), &reference.namespace, &reference.name).await?
        else {
            return Ok(None);
        };
        let text = |field: &str| found["spec"][field].as_str().unwrap_or_default().to_owned();
        let mut bound = BoundObject {
            uid: object::uid(&found).to_owned(),
            service_account: text("serviceAccountName"),
            node: None,
        };
        let node = text("nodeName");
        if reference.kind == BoundKind::Pod && !node.is_empty() {
            let uid = self.read_core("nodes", "", &node).await?;
            let uid = uid.as_ref().map(object::uid).unwrap_or_default().to_owned();
            bound.node = Some(NamedUid { name: node, uid });
        }
        Ok(Some(bound))
    }

    async fn read_core(&self, plural: &str, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        let served = self.rest.catalog().served();
        let Some(resource) = served.get("", "v1", plural) else { return Ok(None) };
        let at = At {
            resource,
            namespace: Some(namespace).filter(|namespace| !namespace.is_empty()),
            name,
            subresource: None,
        };
        match self.rest.get(at, &ListOptions::default()).await {
            Ok(object) => object.into_value().map(Some),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }
}
