//! Whether a value fits its type, as far as ownership needs it to.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};
use structural_schema::go_text;

use super::Type;
use super::element::path_element;
use super::kind::{Form, Relation, Scalar};
use crate::field_set::PathElement;

/// Whether elements of a list may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// In stored objects, which may be older than their types.
    Allowed,
    /// In what is applied.
    Refused,
}

/// Checks a value; the error is structured-merge-diff's text.
pub(crate) fn validate(value: &Value, ty: Type<'_>, duplicates: Duplicates) -> Result<(), String> {
    let mut validation = Validation { duplicates, path: Vec::new(), errors: Vec::new() };
    validation.visit(value, ty);
    match validation.errors.as_slice() {
        [] => Ok(()),
        [only] => Err(only.clone()),
        several => Err(format!("errors:\n  {}", several.join("\n  "))),
    }
}

struct Validation<'v> {
    duplicates: Duplicates,
    path: Vec<Step<'v>>,
    errors: Vec<String>,
}

/// A step on the way to a place, which becomes text only where something is wrong.
enum Step<'v> {
    Field(&'v str),
    Element(PathElement),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Element(element) => element.fmt(f),
        }
    }
}

impl<'v> Validation<'v> {
    fn visit(&mut self, value: &'v Value, ty: Type<'_>) {
        if value.is_null() {
            return;
        }
        match (ty.form(Some(value)), value) {
            (Form::Map, Value::Object(fields)) => self.visit_fields(fields, ty),
            (Form::List, Value::Array(items)) => self.visit_items(items, ty),
            (Form::Map, other) => self.fail(format!("expected map, got &{{{}}}", go_text::plain(other))),
            (Form::List, other) => self.fail(format!("expected list, got &{{{}}}", go_text::plain(other))),
            (Form::Scalar(scalar), value) => {
                if let Some(error) = check_scalar(scalar, value) {
                    self.fail(error);
                }
            }
            (Form::None, _) => self.fail("field not declared in schema".to_owned()),
        }
    }

    fn visit_fields(&mut self, fields: &'v Map<String, Value>, ty: Type<'_>) {
        for (name, value) in fields {
            self.path.push(Step::Field(name));
            let field = ty.field(name);
            if matches!(field, Type::Undeclared) {
                self.fail("field not declared in schema".to_owned());
                self.path.pop();
                return;
            }
            self.visit(value, field);
            self.path.pop();
        }
    }

    fn visit_items(&mut self, items: &'v [Value], ty: Type<'_>) {
        let relation = ty.relation();
        let mut seen = BTreeSet::new();
        for (index, (number, item)) in (0i64..).zip(items).enumerate() {
            let element = match relation {
                Relation::Atomic => PathElement::Index(number),
                _ => match path_element(ty, &relation, item) {
                    Ok(element) => element,
                    Err(error) => return self.fail(format!("element {index}: {error}")),
                },
            };
            if self.duplicates == Duplicates::Refused && !seen.insert(element.clone()) {
                self.fail(format!("duplicate entries for key {element}"));
            }
            self.path.push(Step::Element(element));
            self.visit(item, ty.items());
            self.path.pop();
        }
    }

    fn fail(&mut self, error: String) {
        let path: String = self.path.iter().map(Step::to_string).collect();
        self.errors.push(if path.is_empty() { error } else { format!("{path}: {error}") });
    }
}

fn check_scalar(scalar: Scalar, value: &Value) -> Option<String> {
    match (scalar, value) {
        (Scalar::Number | Scalar::Any, Value::Number(_))
        | (Scalar::String | Scalar::Any, Value::String(_))
        | (Scalar::Boolean | Scalar::Any, Value::Bool(_)) => None,
        (Scalar::Number, other) => {
            Some(format!("expected numeric (int or float), got {}", go_text::type_name(other)))
        }
        (Scalar::String, other) => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_text::source(other)))
        }
        (Scalar::Boolean, other) => Some(format!("expected boolean, got &{{{}}}", go_text::plain(other))),
        (Scalar::Any, other) => Some(format!("expected any scalar, got &{{{}}}", go_text::plain(other))),
    }
}
