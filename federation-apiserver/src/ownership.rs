//! Which manager owns which fields (`metadata.managedFields`).

use jiff::Timestamp;
use serde_json::Value;

use crate::request::WriteOptions;
use crate::resource::Resource;
use crate::status::ApiError;

/// Notes in a new object what a manager changed.
pub(crate) fn updated(
    _resource: &Resource,
    _subresource: Option<&str>,
    _old: Option<&Value>,
    _new: &mut Value,
    _manager: &str,
    _now: Timestamp,
) {
}

/// The object after a server-side apply.
pub(crate) fn apply(
    _resource: &Resource,
    _subresource: Option<&str>,
    _live: Option<&Value>,
    _applied: &Value,
    _options: &WriteOptions,
    _now: Timestamp,
) -> Result<Value, ApiError> {
    Err(ApiError::unsupported_patch())
}
