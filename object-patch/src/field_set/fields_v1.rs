//! Sets in the form of `fieldsV1`.
//!
//! A node's keys are `f:<field>`, `k:<key fields as JSON>`, `v:<value as JSON>` and `i:<index>`; a node that is a member
//! and has members below it holds `.` as well. A node without any is a member.

use serde_json::{Map, Value};
use structural_schema::go_text::{Encoder, json, json_kind, json_string};

use super::{FieldSet, PathElement};
use crate::depth::{MAX_DEPTH, is_deeper_than};

/// The levels that the deepest object's set has.
const MAX_LEVELS: usize = MAX_DEPTH + 1;

/// A `fieldsV1` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// A node is not an object.
    #[error("a node of fieldsV1 is an object, not {found}")]
    NotAnObject {
        /// The kind of what is there.
        found: &'static str,
    },
    /// A key's content is not what its first letter announces.
    #[error("{key:?} is not a path element of fieldsV1")]
    BadKey {
        /// The key.
        key: String,
    },
    /// The tree is too deep.
    #[error("fieldsV1 is nested deeper than {MAX_LEVELS} levels")]
    TooDeep,
}

impl FieldSet {
    /// Reads a `fieldsV1`. Path elements of kinds that are not known are left out.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, FieldsError> {
        if is_deeper_than(fields, MAX_LEVELS) {
            return Err(FieldsError::TooDeep);
        }
        Ok(read(fields)?.below)
    }

    /// Writes a `fieldsV1`.
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(self.write())
    }

    fn write(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for member in &self.members {
            fields.insert(key(member), Value::Object(Map::new()));
        }
        for (element, below) in &self.children {
            let mut node = below.write();
            if self.members.contains(element) && !node.is_empty() {
                node.insert(".".to_owned(), Value::Object(Map::new()));
            }
            fields.insert(key(element), Value::Object(node));
        }
        fields
    }
}

struct Read {
    below: FieldSet,
    is_member: bool,
}

fn read(node: &Value) -> Result<Read, FieldsError> {
    let fields = match node {
        Value::Object(fields) => fields,
        Value::Null => return Ok(Read { below: FieldSet::new(), is_member: true }),
        other => return Err(FieldsError::NotAnObject { found: json_kind(other) }),
    };
    let mut below = FieldSet::new();
    for (key, node) in fields {
        if key == "." {
            continue;
        }
        let Some(element) = element(key)? else { continue };
        let child = read(node)?;
        if child.is_member {
            below.members.insert(element.clone());
        }
        if !child.below.is_empty() {
            below.children.insert(element, child.below);
        }
    }
    let is_member = below.is_empty() || fields.contains_key(".");
    Ok(Read { below, is_member })
}

/// The path element that a key stands for; `None` for a kind that is not known.
fn element(key: &str) -> Result<Option<PathElement>, FieldsError> {
    let bad = || FieldsError::BadKey { key: key.to_owned() };
    let content = key.get(2..).filter(|_| key.as_bytes()[1] == b':').ok_or_else(bad)?;
    Ok(match key.as_bytes()[0] {
        b'f' => Some(PathElement::Field(content.to_owned())),
        b'k' => {
            let fields: Map<String, Value> = serde_json::from_str(content).map_err(|_| bad())?;
            let mut fields: Vec<_> =
                fields.into_iter().map(|(name, value)| (name, as_floats(value))).collect();
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            Some(PathElement::Key(fields))
        }
        b'v' => Some(PathElement::Value(as_floats(serde_json::from_str(content).map_err(|_| bad())?))),
        b'i' => Some(PathElement::Index(content.parse().map_err(|_| bad())?)),
        _ => None,
    })
}

/// kube-apiserver reads every number here as a float, and its messages show that.
fn as_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), Value::from),
        Value::Array(items) => items.into_iter().map(as_floats).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (name, as_floats(field))).collect(),
        other => other,
    }
}

/// Whose JSON keys and values are in.
const ENCODER: Encoder = Encoder::Iterator;

fn key(element: &PathElement) -> String {
    match element {
        PathElement::Field(name) => format!("f:{name}"),
        PathElement::Key(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", json_string(name, ENCODER), json(value, ENCODER)))
                .collect();
            format!("k:{{{}}}", fields.join(","))
        }
        PathElement::Value(value) => format!("v:{}", json(value, ENCODER)),
        PathElement::Index(index) => format!("i:{index}"),
    }
}
