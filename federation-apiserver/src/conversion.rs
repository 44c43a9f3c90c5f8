//! From one version of an object to another.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::status::ApiError;

/// A conversion of objects of one kind between its versions.
#[async_trait]
pub trait Convert: Send + Sync {
    /// The objects in the wanted `apiVersion`, in the same order.
    ///
    /// # Errors
    /// What the converter says, for the client.
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError>;

    /// One object, while the caller waits: field ownership is computed over several forms of an object at once.
    ///
    /// # Errors
    /// What the converter says.
    fn convert_now(&self, object: &Value, api_version: &str) -> Result<Value, String>;
}

/// How a resource's versions differ.
#[derive(Clone, Default)]
pub enum Conversion {
    /// In their name only.
    #[default]
    None,
    /// By a converter: a webhook, or a function of this process.
    By(Arc<dyn Convert>),
}

impl Conversion {
    /// Objects in the wanted version. Those that are in it already are left alone.
    ///
    /// # Errors
    /// What the converter says.
    pub async fn all(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError> {
        if objects.iter().all(|object| object["apiVersion"] == api_version) {
            return Ok(objects);
        }
        match self {
            Self::None => Ok(objects
                .into_iter()
                .map(|mut object| {
                    object["apiVersion"] = api_version.into();
                    object
                })
                .collect()),
            Self::By(converter) => converter.convert(objects, api_version).await,
        }
    }

    /// One object in the wanted version.
    ///
    /// # Errors
    /// What the converter says.
    pub async fn one(&self, object: Value, api_version: &str) -> Result<Value, ApiError> {
        let mut all = self.all(vec![object], api_version).await?;
        all.pop().ok_or_else(|| ApiError::internal("a conversion gave nothing back"))
    }
}
