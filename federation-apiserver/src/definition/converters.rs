//! Who converts the objects of a definition.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::conversion::{Conversion, Convert};
use crate::status::ApiError;

/// Finds the converter of a definition whose versions differ in more than their name.
pub trait Converters: Send + Sync {
    /// The converter; `None` leaves the definition to its own `spec.conversion`.
    fn of(&self, definition: &Value) -> Option<Arc<dyn Convert>>;
}

/// No converters: every definition says itself how its versions are converted.
impl Converters for () {
    fn of(&self, _definition: &Value) -> Option<Arc<dyn Convert>> {
        None
    }
}

/// The conversion of a definition. One that asks for a webhook is not served as if its versions were alike.
pub(super) fn conversion(definition: &Value, converters: &dyn Converters) -> Conversion {
    match converters.of(definition) {
        Some(converter) => Conversion::By(converter),
        None if definition["spec"]["conversion"]["strategy"] == "Webhook" => Conversion::By(Arc::new(Nobody)),
        None => Conversion::None,
    }
}

/// Nobody calls the webhook that a definition asks for.
struct Nobody;

const NOBODY: &str = "the definition asks for a conversion webhook, and this server was made without them";

#[async_trait]
impl Convert for Nobody {
    async fn convert(&self, _objects: Vec<Value>, _api_version: &str) -> Result<Vec<Value>, ApiError> {
        Err(ApiError::internal(NOBODY))
    }

    fn convert_now(&self, _object: &Value, _api_version: &str) -> Result<Value, String> {
        Err(NOBODY.to_owned())
    }
}
