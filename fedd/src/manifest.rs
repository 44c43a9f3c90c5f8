//! Objects to be written, of any type.

use kube::Resource;
use kube::core::ApiResource;
use serde::Serialize;
use serde_json::Value;

/// An object to be written, of any type.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its type.
    pub resource: ApiResource,
    /// Its namespace, if it lives in one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The object, with `apiVersion` and `kind`.
    pub value: Value,
}

impl Manifest {
    /// An object as one to be written.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn of<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> serde_json::Result<Self> {
        Ok(Self {
            resource: ApiResource::erase::<K>(&()),
            namespace: object.meta().namespace.clone(),
            name: object.meta().name.clone().unwrap_or_default(),
            value: serde_json::to_value(object)?,
        })
    }

    /// What it is, as kubectl says: `deployment.apps/web`.
    pub fn title(&self) -> String {
        let kind = self.resource.kind.to_lowercase();
        if self.resource.group.is_empty() {
            format!("{kind}/{}", self.name)
        } else {
            format!("{kind}.{}/{}", self.resource.group, self.name)
        }
    }
}
