//! Which topology types there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use federation_model::{CELL_TOPOLOGY, CLUSTER_TOPOLOGY, NameTemplateError, TopologyTypeSpec};

use crate::topology::{Cell, Cluster, Declared, TopologyType};

/// The topology types by name: `cluster` and `cell`, which are always there, and those that were added.
///
/// A value: conversion looks nothing up beyond it. Clones are cheap and share the types.
#[derive(Clone, Debug)]
pub struct Registry {
    types: BTreeMap<String, Arc<dyn TopologyType>>,
}

/// Why a type was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The name is a built-in type's, and objects by cell and by cluster must not change their meaning.
    #[error("metadata.name: the topology type '{0}' is built in; choose another name")]
    BuiltIn(String),
    /// The name is empty or has a slash, which names in objects use to tell types and names apart.
    #[error("metadata.name: '{0}' cannot be a topology type's name; write one without '/'")]
    Name(String),
    /// The template is none.
    #[error("spec.clusterNameTemplate of topology type '{name}': {source}")]
    Template {
        /// The type's name.
        name: String,
        /// What is wrong.
        source: NameTemplateError,
    },
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The built-in types.
    pub fn new() -> Self {
        let built_in: [Arc<dyn TopologyType>; 2] = [Arc::new(Cluster), Arc::new(Cell)];
        Self { types: built_in.into_iter().map(|t| (t.name().to_owned(), t)).collect() }
    }

    /// The built-in types and those of `TopologyType` objects, by name and spec; bad ones are left out, with the reason.
    pub fn with_declared<'a>(
        declared: impl IntoIterator<Item = (&'a str, &'a TopologyTypeSpec)>,
    ) -> (Self, Vec<RegistryError>) {
        let mut registry = Self::new();
        let errors =
            declared.into_iter().filter_map(|(name, spec)| registry.declare(name, spec).err()).collect();
        (registry, errors)
    }

    /// Adds the type of a `TopologyType` object, in place of one of the same name.
    pub fn declare(&mut self, name: &str, spec: &TopologyTypeSpec) -> Result<(), RegistryError> {
        let declared = Declared::new(name, spec)
            .map_err(|source| RegistryError::Template { name: name.to_owned(), source })?;
        self.add(Arc::new(declared))
    }

    /// Adds a type that is written in code, in place of one of the same name.
    pub fn add(&mut self, topology: Arc<dyn TopologyType>) -> Result<(), RegistryError> {
        let name = topology.name().to_owned();
        if [CLUSTER_TOPOLOGY, CELL_TOPOLOGY].contains(&name.as_str()) {
            return Err(RegistryError::BuiltIn(name));
        }
        if name.is_empty() || name.contains('/') {
            return Err(RegistryError::Name(name));
        }
        self.types.insert(name, topology);
        Ok(())
    }

    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&dyn TopologyType> {
        self.types.get(name).map(Arc::as_ref)
    }

    /// The types' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(template: &str) -> TopologyTypeSpec {
        TopologyTypeSpec { cluster_name_template: template.to_owned() }
    }

    #[test]
    fn bad_types_are_left_out_with_the_reason() {
        let (good, no_name, zone) = (spec("{name}-{namespace}"), spec("{namespace}"), spec("zone-{name}"));
        let (registry, errors) = Registry::with_declared([
            ("site", &good),
            ("zone", &zone),
            ("bad", &no_name),
            ("cell", &good),
            ("a/b", &good),
        ]);
        assert_eq!(registry.names().collect::<Vec<_>>(), ["cell", "cluster", "site", "zone"]);
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(messages.len(), 3);
        assert!(messages[0].starts_with("spec.clusterNameTemplate of topology type 'bad': "), "{messages:?}");
        assert_eq!(messages[1], "metadata.name: the topology type 'cell' is built in; choose another name");
        assert_eq!(
            messages[2],
            "metadata.name: 'a/b' cannot be a topology type's name; write one without '/'"
        );
    }
}
