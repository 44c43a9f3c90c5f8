//! `type`, `nullable`, and what `format` says of types.

use serde_json::Value;

use super::{Check, Matches, numbers};
use crate::field_error::{Cause, FieldError};
use crate::go_text::{Num, quote};
use crate::node::{Kind, Node};
use crate::path::Path;

/// Whether there is anything to check.
pub(super) fn is_typed(node: &Node) -> bool {
    node.kind.is_some() || node.int_or_string || format_name(node).is_some()
}

fn format_name(node: &Node) -> Option<&str> {
    Some(node.keywords.as_ref()?.format.as_ref()?.name.as_str())
}

impl Kind {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// The types that a schema asks for, as they are told.
fn expected(node: &Node) -> &'static str {
    if node.int_or_string { "integer,string" } else { node.kind.map_or("", Kind::name) }
}

fn allows(node: &Node, kind: Kind) -> bool {
    if node.int_or_string { matches!(kind, Kind::Integer | Kind::String) } else { node.kind == Some(kind) }
}

impl Check<'_> {
    pub(super) fn check_type(&mut self, node: &Node, value: &Value, path: &Path<'_>) -> Matches {
        match mismatch(node, value) {
            None => 1,
            Some((expected, found)) => {
                self.report_type(path, expected, found);
                0
            }
        }
    }

    pub(super) fn report_type(&mut self, path: &Path<'_>, expected: &str, found: &str) {
        let text = format!("must be of type {expected}: {}", quote(found));
        let value = Value::from(found);
        self.report(path, text, |field, text| {
            FieldError::with_value(Cause::TypeInvalid, field, &value, text)
        });
    }
}

/// What was expected and what was found, if they do not go together.
fn mismatch<'n>(node: &'n Node, value: &Value) -> Option<(&'n str, &'static str)> {
    let format = format_name(node);
    let (kind, own_format) = match value {
        Value::Null => {
            let typed = node.kind.is_some() || node.int_or_string;
            return (typed && !node.nullable).then(|| (expected(node), "null"));
        }
        Value::Bool(_) => (Kind::Boolean, ""),
        Value::String(_) => (Kind::String, ""),
        Value::Array(_) => (Kind::Array, ""),
        Value::Object(_) => (Kind::Object, ""),
        Value::Number(number) => match Num::of(number) {
            Num::Int(_) => (Kind::Integer, "int64"),
            Num::Float(_) => (Kind::Number, "float64"),
        },
    };
    let whole = || match value {
        Value::Number(number) => numbers::is_json_integer(Num::of(number).float()),
        _ => false,
    };
    let fits = allows(node, kind)
        || kind == Kind::Number && allows(node, Kind::Integer) && whole()
        || kind == Kind::Integer && allows(node, Kind::Number);
    let has_text = matches!(kind, Kind::String | Kind::Array);
    if let Some(format) = format {
        if !has_text && !fits && own_format != format {
            return Some((format, own_format));
        }
        // A list passes for a text with a format: the format's check then has nothing to look at.
        if has_text && !allows(node, Kind::Number) && !allows(node, Kind::Integer) {
            return None;
        }
    }
    if node.kind.is_none() && !node.int_or_string && format.is_none() {
        return None;
    }
    (!fits).then(|| (expected(node), kind.name()))
}
