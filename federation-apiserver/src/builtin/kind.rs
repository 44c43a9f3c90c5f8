//! The description of a built-in kind.

use crate::select::{Refusal, SelectableField, SelectableFields};

/// A group and version of built-in kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupVersion {
    /// The group; empty for the core group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// The package in the names of its OpenAPI definitions, such as `io.k8s.api.core.v1`.
    pub package: &'static str,
}

impl GroupVersion {
    /// `v1`, `apps/v1`: the `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// A set of built-in kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What a control plane of federated objects needs.
    Federation,
    /// The same and the workload, network and storage kinds that federated types target.
    Member,
}

/// All verbs of a stored resource.
pub const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A part of an object with a path of its own, such as `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// The last part of its path.
    pub name: &'static str,
    /// The kind of what is read and written there: group, version and kind; `None` for the resource's own.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
    /// What can be done with it.
    pub verbs: &'static [&'static str],
}

/// A built-in kind in one version, and the resource that serves it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its group and version.
    pub group_version: &'static GroupVersion,
    /// The resource's name, such as `configmaps`.
    pub plural: &'static str,
    /// The kind, such as `ConfigMap`.
    pub kind: &'static str,
    /// What kubectl also understands, such as `cm`.
    pub short_names: &'static [&'static str],
    /// Groups of resources that kubectl gets together, such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// What can be done with it.
    pub verbs: &'static [&'static str],
    /// Its subresources, by name.
    pub subresources: &'static [Subresource],
    /// What is between `/registry/` and an object's namespace and name in the store; `None` for a kind that is
    /// answered and not stored. Kinds with the same prefix are one storage.
    pub storage: Option<&'static str>,
    /// The `apiVersion` of what is stored, where it is not the kind's own.
    pub stored_as: Option<&'static str>,
    /// The fields by which it can be selected.
    pub selectable: &'static [SelectableField],
    /// What is answered for any other field.
    pub refusal: Refusal,
    /// The smallest profile that has it.
    pub profile: Profile,
}

impl Kind {
    /// A namespaced, stored kind with all verbs, whose storage prefix is its plural name.
    pub(super) const fn new(
        group_version: &'static GroupVersion,
        plural: &'static str,
        kind: &'static str,
        profile: Profile,
    ) -> Self {
        Self {
            group_version,
            plural,
            kind,
            short_names: &[],
            categories: &[],
            namespaced: true,
            verbs: VERBS,
            subresources: &[],
            storage: Some(plural),
            stored_as: None,
            selectable: SelectableField::METADATA,
            refusal: Refusal::NotKnown,
            profile,
        }
    }

    /// The group; empty for the core group.
    pub const fn group(&self) -> &'static str {
        self.group_version.group
    }

    /// The version.
    pub const fn version(&self) -> &'static str {
        self.group_version.version
    }

    /// The name of one, such as `configmap`.
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    /// The kind of a list of them.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// The name of its OpenAPI definition, such as `io.k8s.api.core.v1.ConfigMap`.
    pub fn definition(&self) -> String {
        format!("{}.{}", self.group_version.package, self.kind)
    }

    /// The key of all its objects in the store, such as `/registry/services/specs/`.
    pub fn key_prefix(&self) -> Option<String> {
        self.storage.map(|storage| format!("/registry/{storage}/"))
    }

    /// The fields by which it can be selected.
    pub fn selectable_fields(&self) -> SelectableFields {
        SelectableFields::new(self.selectable, self.refusal)
    }

    /// Whether it has a subresource.
    pub fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|one| one.name == subresource)
    }
}
