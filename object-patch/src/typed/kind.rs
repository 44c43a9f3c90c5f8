//! Types, as far as ownership goes.

use serde_json::Value;
use structural_schema::{Additional, Kind, ListType, MapType, SchemaRef};

use super::object_meta;

/// The type of a place in an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type<'a> {
    /// What a schema says.
    Schema {
        at: SchemaRef<'a>,
        /// Fields that are not named are allowed, here or by a schema above.
        preserves: bool,
        /// The value is a whole resource, whose metadata is typed whether the schema says so or not.
        resource: bool,
    },
    /// Whatever the value is: objects are granular, lists atomic.
    Deduced,
    /// Whatever the value is, as one.
    Atomic,
    /// A field that does not exist.
    Undeclared,
}

/// The scalars that a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Any,
    Number,
    String,
    Boolean,
}

/// Which forms of values a type takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forms {
    pub(crate) scalar: Option<Scalar>,
    pub(crate) list: bool,
    pub(crate) map: bool,
}

impl Forms {
    const ANY: Self = Self { scalar: Some(Scalar::Any), list: true, map: true };
    const NONE: Self = Self { scalar: None, list: false, map: false };

    /// The form that a value has, or all of them when it has none of these, as null has.
    pub(crate) fn narrowed(self, value: Option<&Value>) -> Self {
        match value {
            Some(Value::Array(_)) if self.list => Self { list: true, ..Self::NONE },
            Some(Value::Object(_)) if self.map => Self { map: true, ..Self::NONE },
            Some(Value::Number(_) | Value::String(_) | Value::Bool(_)) if self.scalar.is_some() => {
                Self { scalar: self.scalar, ..Self::NONE }
            }
            _ => self,
        }
    }

    /// How a value of these forms is gone through.
    pub(crate) fn form(self) -> Form {
        match self {
            Self { map: true, .. } => Form::Map,
            Self { scalar: Some(scalar), .. } => Form::Scalar(scalar),
            Self { list: true, .. } => Form::List,
            _ => Form::None,
        }
    }
}

/// One form of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Map,
    Scalar(Scalar),
    List,
    None,
}

/// How a list's elements are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation<'a> {
    Atomic,
    Set,
    Keyed(Vec<&'a str>),
}

impl<'a> Type<'a> {
    /// The type of a whole resource.
    pub(crate) fn resource(schema: Option<SchemaRef<'a>>) -> Self {
        schema.map_or(Self::Deduced, |at| Self::of(at, false, true))
    }

    fn of(at: SchemaRef<'a>, preserves: bool, resource: bool) -> Self {
        let node = at.node();
        Self::Schema {
            at,
            preserves: preserves || node.preserve_unknown,
            resource: resource || node.embedded,
        }
    }

    pub(crate) fn forms(self) -> Forms {
        let at = match self {
            Self::Schema { at, .. } => at,
            Self::Deduced | Self::Atomic => return Forms::ANY,
            Self::Undeclared => return Forms::NONE,
        };
        match at.node().kind {
            None => Forms::ANY,
            Some(Kind::Object) => Forms { map: true, ..Forms::NONE },
            Some(Kind::Array) => Forms { list: true, ..Forms::NONE },
            Some(Kind::Integer | Kind::Number) => Forms { scalar: Some(Scalar::Number), ..Forms::NONE },
            Some(Kind::Boolean) => Forms { scalar: Some(Scalar::Boolean), ..Forms::NONE },
            Some(Kind::String) => {
                let scalar = if at.node().has_format() { Scalar::Any } else { Scalar::String };
                Forms { scalar: Some(scalar), ..Forms::NONE }
            }
        }
    }

    /// How a value of this type is gone through.
    pub(crate) fn form(self, value: Option<&Value>) -> Form {
        self.forms().narrowed(value).form()
    }

    pub(crate) fn is_atomic_map(self) -> bool {
        match self {
            Self::Schema { at, .. } => at.node().map_type == MapType::Atomic,
            Self::Atomic => true,
            Self::Deduced | Self::Undeclared => false,
        }
    }

    /// The type of a field that is named.
    pub(crate) fn declared(self, name: &str) -> Option<Self> {
        match self {
            Self::Schema { at, preserves, resource } => {
                if resource && let Some(own) = object_meta::field(at, name) {
                    return Some(own);
                }
                at.property(name).map(|at| Self::of(at, preserves, false))
            }
            Self::Deduced | Self::Atomic | Self::Undeclared => None,
        }
    }

    /// The type of the fields that are not named.
    pub(crate) fn others(self) -> Self {
        match self {
            Self::Schema { at, preserves, resource } => match at.node().additional {
                Additional::Of(_) => {
                    at.values().map_or(Self::Undeclared, |at| Self::of(at, preserves, false))
                }
                Additional::Any => Self::Deduced,
                Additional::None if preserves || (at.node().properties.is_empty() && !resource) => {
                    Self::Deduced
                }
                Additional::None => Self::Undeclared,
            },
            other => other,
        }
    }

    /// The type of a field.
    pub(crate) fn field(self, name: &str) -> Self {
        self.declared(name).unwrap_or_else(|| self.others())
    }

    /// The type of a list's elements.
    pub(crate) fn items(self) -> Self {
        match self {
            Self::Schema { at, preserves, .. } => {
                at.items().map_or(Self::Atomic, |at| Self::of(at, preserves, false))
            }
            Self::Deduced | Self::Atomic => Self::Atomic,
            Self::Undeclared => Self::Undeclared,
        }
    }

    /// How the elements of a list of this type are told apart. The patch strategy of a built-in type does not matter: all
    /// lists that have one have a list type as well, which for a few is another.
    pub(crate) fn relation(self) -> Relation<'a> {
        let Self::Schema { at, .. } = self else {
            return Relation::Atomic;
        };
        match &at.node().list_type {
            ListType::Map(keys) => Relation::Keyed(keys.iter().map(String::as_str).collect()),
            ListType::Set => Relation::Set,
            ListType::Atomic => Relation::Atomic,
        }
    }

    /// The default of a named field.
    pub(crate) fn default_of(self, name: &str) -> Option<&'a Value> {
        match self.declared(name)? {
            Self::Schema { at, .. } => at.node().default.as_ref().filter(|default| !default.is_null()),
            _ => None,
        }
    }

    /// Whether objects of this type hold only fields of whatever type they have.
    pub(crate) fn is_untyped_map(self) -> bool {
        match self {
            Self::Schema { at, resource, .. } => {
                at.node().properties.is_empty()
                    && !resource
                    && self.others().forms().scalar == Some(Scalar::Any)
            }
            Self::Deduced => true,
            Self::Atomic | Self::Undeclared => false,
        }
    }
}
