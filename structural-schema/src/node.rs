//! The compiled form of a schema: an arena of nodes, so that a definition may contain itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::keywords::Keywords;

/// The JSON type that a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `object`.
    Object,
    /// `array`.
    Array,
    /// `string`.
    String,
    /// `integer`.
    Integer,
    /// `number`.
    Number,
    /// `boolean`.
    Boolean,
}

/// What `additionalProperties` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Additional {
    /// The keyword is absent, or `false`: only the named properties exist.
    #[default]
    None,
    /// `true`: any property, with any value.
    Any,
    /// Any property, with a value of this schema: a map.
    Of(usize),
}

/// How a list merges (`x-kubernetes-list-type`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// One value: replaced as a whole. The default.
    #[default]
    Atomic,
    /// Scalars, each of which is owned by itself.
    Set,
    /// Objects told apart by the values of these keys (`x-kubernetes-list-map-keys`), in the order given.
    Map(Vec<String>),
}

/// How an object merges (`x-kubernetes-map-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapType {
    /// Each field is owned by itself. The default.
    #[default]
    Granular,
    /// One value: replaced as a whole.
    Atomic,
}

/// How a strategic merge patch treats a field (`x-kubernetes-patch-strategy`, `x-kubernetes-patch-merge-key`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The strategy holds `merge`: lists are merged by `merge_key`, or as sets where there is none.
    pub merge: bool,
    /// The strategy holds `replace`.
    pub replace: bool,
    /// The strategy holds `retainKeys`.
    pub retain_keys: bool,
    /// The field that tells a list's elements apart.
    pub merge_key: Option<String>,
}

/// One schema of the arena. References to other nodes are indices, followed by [`SchemaRef`]'s methods.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword of its own")]
pub struct Node {
    /// `type`; absent where any value is allowed, and for int-or-string.
    pub kind: Option<Kind>,
    /// `nullable`.
    pub nullable: bool,
    /// `properties`.
    pub properties: BTreeMap<String, usize>,
    /// `additionalProperties`.
    pub additional: Additional,
    /// `items`.
    pub items: Option<usize>,
    /// `x-kubernetes-list-type` and `x-kubernetes-list-map-keys`.
    pub list_type: ListType,
    /// `x-kubernetes-map-type`.
    pub map_type: MapType,
    /// `x-kubernetes-patch-*`.
    pub patch: Patch,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// `x-kubernetes-int-or-string`, or `format: int-or-string` of a built-in type.
    pub int_or_string: bool,
    /// `default`.
    pub default: Option<Value>,
    /// `required`.
    pub required: Vec<String>,
    /// It is of a built-in type.
    pub(crate) built_in: bool,
    /// `format`, other than `byte`, of a custom resource's field.
    pub(crate) has_format: bool,
    /// `additionalProperties: false`.
    pub(crate) additional_forbidden: bool,
    /// An object of a built-in type of which no field is told: any value.
    pub(crate) opaque: bool,
    /// There is an embedded resource here or below.
    pub(crate) has_embedded: bool,
    /// There is a list that is a set or a map here or below.
    pub(crate) has_list_types: bool,
    /// There are rules in CEL here or below.
    pub(crate) has_rules: bool,
    /// What only validation reads. None for built-in types, whose values are checked by other means.
    pub(crate) keywords: Option<Arc<Keywords>>,
}

impl Node {
    /// Whether it is of a built-in type, not of a custom resource definition.
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// Whether a string has a format that says more than that it is a text (`byte` does not).
    pub fn has_format(&self) -> bool {
        self.has_format
    }

    /// The nodes right below that hold values: properties, a map's values, a list's elements.
    pub(crate) fn children(&self) -> impl Iterator<Item = usize> {
        let values = match self.additional {
            Additional::Of(id) => Some(id),
            Additional::None | Additional::Any => None,
        };
        self.properties.values().copied().chain(values).chain(self.items)
    }
}

/// A compiled schema. Clones share it.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(crate) arena: Arc<Vec<Node>>,
    pub(crate) root: usize,
}

impl Schema {
    /// The schema's top.
    pub fn root(&self) -> SchemaRef<'_> {
        SchemaRef { arena: &self.arena, id: self.root }
    }

    /// Whether a field somewhere has a default.
    pub fn has_defaults(&self) -> bool {
        self.arena.iter().any(|node| node.default.is_some())
    }
}

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub struct SchemaRef<'a> {
    arena: &'a [Node],
    id: usize,
}

impl<'a> SchemaRef<'a> {
    pub(crate) fn new(arena: &'a [Node], id: usize) -> Self {
        Self { arena, id }
    }

    /// What is said here.
    pub fn node(self) -> &'a Node {
        &self.arena[self.id]
    }

    pub(crate) fn at(self, id: usize) -> Self {
        Self { arena: self.arena, id }
    }

    /// The schema of a named property (not of a map's values).
    pub fn property(self, name: &str) -> Option<Self> {
        self.node().properties.get(name).map(|id| self.at(*id))
    }

    /// The schema of a map's values.
    pub fn values(self) -> Option<Self> {
        match self.node().additional {
            Additional::Of(id) => Some(self.at(id)),
            Additional::None | Additional::Any => None,
        }
    }

    /// The schema of a field of an object: the property of that name, else the schema of the map's values.
    pub fn field(self, name: &str) -> Option<Self> {
        self.property(name).or_else(|| self.values())
    }

    /// The schema of a list's elements.
    pub fn items(self) -> Option<Self> {
        self.node().items.map(|id| self.at(id))
    }

    /// The named properties, in order of their names.
    pub fn properties(self) -> impl Iterator<Item = (&'a str, Self)> {
        self.node().properties.iter().map(move |(name, id)| (name.as_str(), self.at(*id)))
    }
}
