//! Which resource a stored key belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::resource::{Catalog, Resource, Served};
use crate::rest::At;

/// The stored resources of one moment, each in one version, by where they are stored.
pub(super) struct Stored {
    served: Arc<Served>,
    by_prefix: HashMap<String, Arc<Resource>>,
}

/// An object's resource, namespace and name, as its key tells them.
pub(super) struct Place<'a> {
    resource: &'a Resource,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl Stored {
    /// What is served now.
    pub(super) fn of(catalog: &Catalog) -> Self {
        let served = catalog.served();
        let mut by_prefix: HashMap<String, Arc<Resource>> = HashMap::new();
        for resource in served.iter() {
            // The version in which objects are stored needs no conversion.
            if resource.api_version() == resource.storage_version
                || !by_prefix.contains_key(&resource.key_prefix)
            {
                by_prefix.insert(resource.key_prefix.clone(), Arc::clone(resource));
            }
        }
        Self { served, by_prefix }
    }

    /// Whether the catalog is still the one that this was made of.
    pub(super) fn is_current(&self, catalog: &Catalog) -> bool {
        Arc::ptr_eq(&self.served, &catalog.served())
    }

    /// All versions of everything that is served.
    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// Each stored resource in one version.
    pub(super) fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_prefix.values()
    }

    /// The object under a key; `None` if no such resource is served.
    pub(super) fn place<'a>(&'a self, key: &'a str) -> Option<Place<'a>> {
        let (parent, name) = key.rsplit_once('/')?;
        if let Some(resource) = self.by_prefix.get(parent).filter(|resource| !resource.namespaced) {
            return Some(Place { resource, namespace: None, name });
        }
        let (prefix, namespace) = parent.rsplit_once('/')?;
        let resource = self.by_prefix.get(prefix).filter(|resource| resource.namespaced)?;
        Some(Place { resource, namespace: Some(namespace), name })
    }
}

impl<'a> Place<'a> {
    /// The object as requests name it.
    pub(super) fn at(&self) -> At<'a> {
        At { resource: self.resource, namespace: self.namespace, name: self.name, subresource: None }
    }
}
