//! A collection goes.

use serde_json::Value;

use super::{At, Caller, Rest};
use crate::object;
use crate::request::{DeleteOptions, ListOptions};
use crate::status::ApiError;

impl Rest {
    /// Deletes every object of a collection that the selectors want, and answers with them.
    ///
    /// # Errors
    /// The first deletion that failed for another reason than that the object was gone already.
    pub async fn delete_collection(
        &self,
        at: At<'_>,
        select: &ListOptions,
        options: &DeleteOptions,
        caller: &Caller,
    ) -> Result<Vec<Value>, ApiError> {
        let mut deleted = Vec::new();
        for item in self.list(at, select).await?.items {
            let object = item.into_value()?;
            let at = At {
                namespace: at.resource.namespaced.then(|| object::namespace(&object)),
                name: object::name(&object),
                ..at
            };
            match self.delete(at, options, caller).await {
                Ok(_) => deleted.push(object),
                Err(error) if error.code() == 404 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }
}
