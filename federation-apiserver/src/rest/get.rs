//! One object.

use bytes::Bytes;
use serde_json::Value;

use super::{At, Rest, store_error};
use crate::raw;
use crate::request::ListOptions;
use crate::status::ApiError;

/// An object, parsed only where somebody needs to look into it.
pub enum Representable {
    /// As it is sent.
    Raw(Bytes),
    /// Parsed.
    Value(Value),
}

impl Representable {
    /// Parsed.
    ///
    /// # Errors
    /// The bytes are not JSON: the store is damaged.
    pub fn into_value(self) -> Result<Value, ApiError> {
        match self {
            Self::Raw(bytes) => serde_json::from_slice(&bytes).map_err(ApiError::internal),
            Self::Value(value) => Ok(value),
        }
    }
}

impl Rest {
    /// Reads one object.
    pub async fn get(&self, at: At<'_>, options: &ListOptions) -> Result<Representable, ApiError> {
        let got = self.store.get(&at.key(), None).await.map_err(store_error)?;
        if let Some(asked) = options.resource_version.filter(|asked| *asked > got.revision) {
            return Err(ApiError::too_large_resource_version(asked, got.revision));
        }
        let entry = got.entry.ok_or_else(|| ApiError::not_found(at.resource.group_resource(), at.name))?;
        if !at.resource.defaults_on_read
            && let Some(bytes) =
                raw::with_revision(&entry.value, &at.resource.api_version(), entry.mod_revision)
        {
            return Ok(Representable::Raw(bytes));
        }
        self.decode(at.resource, &entry).await.map(Representable::Value)
    }
}
