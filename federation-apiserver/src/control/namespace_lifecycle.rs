//! No content where there is no namespace, or none for long: kube-apiserver's admission plugin `NamespaceLifecycle`.

use std::sync::Arc;

use async_trait::async_trait;
use revision_store::Store;
use serde_json::Value;

use crate::admission::{Attributes, Operation, Plugin};
use crate::rest::store_error;
use crate::status::{ApiError, GroupResource};

/// Namespaces that a cluster cannot be without.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];
const NAMESPACES: GroupResource<'_> = GroupResource { group: "", resource: "namespaces" };

/// Looks at the namespace of every object that is to be created, as it is in the store at that moment.
pub struct NamespaceLifecycle {
    store: Arc<dyn Store>,
}

impl NamespaceLifecycle {
    /// Over the store that has the namespaces.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Plugin for NamespaceLifecycle {
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        let resource = write.resource.group_resource();
        if resource.group.is_empty() && resource.resource == "namespaces" {
            let refused = write.operation == Operation::Delete && IMMORTAL.contains(&write.name);
            return if refused {
                Err(ApiError::forbidden(NAMESPACES, write.name, "this namespace may not be deleted"))
            } else {
                Ok(())
            };
        }
        // Whether somebody may do something is told without telling whether the namespace is there.
        let review = resource.group == "authorization.k8s.io";
        let Some(namespace) = write.namespace.filter(|_| write.operation == Operation::Create && !review)
        else {
            return Ok(());
        };
        let key = format!("/registry/namespaces/{namespace}");
        let Some(entry) = self.store.get(&key, None).await.map_err(store_error)?.entry else {
            return Err(ApiError::not_found(NAMESPACES, namespace));
        };
        let stored: Value = serde_json::from_slice(&entry.value).map_err(ApiError::internal)?;
        if stored["status"]["phase"] != "Terminating" {
            return Ok(());
        }
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        Err(ApiError::forbidden(resource, write.name, &why).with_cause(
            "NamespaceTerminating",
            Some("metadata.namespace"),
            &format!("namespace {namespace} is being terminated"),
        ))
    }
}
