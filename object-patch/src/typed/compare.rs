//! What differs between two objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Type;
use super::element::path_element;
use super::kind::{Form, Relation};
use crate::field_set::{FieldSet, PathElement};
use crate::value_order::equal;

/// The fields in which one object differs from another. No field is in two of the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) removed: FieldSet,
    pub(crate) modified: FieldSet,
    pub(crate) added: FieldSet,
}

impl Comparison {
    /// The comparison without some fields and all below them.
    pub(crate) fn without(&self, fields: &FieldSet) -> Self {
        Self {
            removed: self.removed.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            added: self.added.recursive_difference(fields),
        }
    }
}

/// Compares a value with the one that follows it.
pub(crate) fn compare(before: &Value, after: &Value, ty: Type<'_>) -> Comparison {
    let mut walk = Walk { path: Vec::new(), found: Comparison::default() };
    walk.visit(Some(before), Some(after), ty);
    walk.found
}

struct Walk {
    path: Vec<PathElement>,
    found: Comparison,
}

/// Whether a place was compared as a whole.
#[derive(PartialEq, Eq)]
enum Went {
    Leaf,
    Deeper,
}

impl Walk {
    fn visit(&mut self, before: Option<&Value>, after: Option<&Value>, ty: Type<'_>) {
        let forms = ty.forms();
        let (form_before, form_after) = (forms.narrowed(before), forms.narrowed(after));
        let went = if after.is_none() {
            self.enter(form_before.form(), before, after, ty)
        } else {
            if before.is_some() && form_before != form_after {
                self.enter(form_before.form(), before, after, ty);
            }
            self.enter(form_after.form(), before, after, ty)
        };
        if went == Went::Deeper {
            match (before, after) {
                (None, _) => self.found.added.insert(&self.path),
                (_, None) => self.found.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    fn enter(&mut self, form: Form, before: Option<&Value>, after: Option<&Value>, ty: Type<'_>) -> Went {
        match form {
            Form::Map => self.maps(before, after, ty),
            Form::List => self.lists(before, after, ty),
            Form::Scalar(_) => self.leaf(before, after),
            Form::None => Went::Deeper,
        }
    }

    fn leaf(&mut self, before: Option<&Value>, after: Option<&Value>) -> Went {
        match (before, after) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(before), Some(after)) if !equal(before, after) => self.found.modified.insert(&self.path),
            _ => {}
        }
        Went::Leaf
    }

    /// Empty on both sides, a map is compared as a whole: so that an empty one differs from none.
    fn maps(&mut self, before: Option<&Value>, after: Option<&Value>, ty: Type<'_>) -> Went {
        let (fields_before, fields_after) =
            (before.and_then(Value::as_object), after.and_then(Value::as_object));
        let is_empty = |fields: Option<&Map<String, Value>>| fields.is_none_or(Map::is_empty);
        if ty.is_atomic_map() || (is_empty(fields_before) && is_empty(fields_after)) {
            return self.leaf(before, after);
        }
        for (name, value) in fields_before.into_iter().flatten() {
            self.descend(
                PathElement::Field(name.clone()),
                Some(value),
                fields_after.and_then(|fields| fields.get(name)),
                ty.field(name),
            );
        }
        for (name, value) in fields_after.into_iter().flatten() {
            if !fields_before.is_some_and(|fields| fields.contains_key(name)) {
                self.descend(PathElement::Field(name.clone()), None, Some(value), ty.field(name));
            }
        }
        Went::Deeper
    }

    fn lists(&mut self, before: Option<&Value>, after: Option<&Value>, ty: Type<'_>) -> Went {
        let (items_before, items_after) = (items(before), items(after));
        let relation = ty.relation();
        if relation == Relation::Atomic || (items_before.is_empty() && items_after.is_empty()) {
            return self.leaf(before, after);
        }
        let mut elements: BTreeMap<PathElement, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for item in items_before {
            if let Ok(element) = path_element(ty, &relation, item) {
                elements.entry(element).or_default().0.push(item);
            }
        }
        for item in items_after {
            if let Ok(element) = path_element(ty, &relation, item) {
                elements.entry(element).or_default().1.push(item);
            }
        }
        for (element, (before, after)) in elements {
            self.elements(element, &before, &after, ty.items());
        }
        Went::Deeper
    }

    /// Elements that are the same are compared as one value, which is the field of the element itself.
    fn elements(&mut self, element: PathElement, before: &[&Value], after: &[&Value], ty: Type<'_>) {
        match (before, after) {
            ([] | [_], [] | [_]) => {
                self.descend(element, before.first().copied(), after.first().copied(), ty);
            }
            ([_, _, ..], [_, _, ..]) => {
                let same = before.len() == after.len()
                    && before.iter().zip(after).all(|(one, other)| equal(one, other));
                if !same {
                    self.path.push(element);
                    self.found.modified.insert(&self.path);
                    self.path.pop();
                }
            }
            ([_, _, ..], after) => {
                if let Some(after) = after.first() {
                    self.descend(element.clone(), None, Some(after), ty);
                }
                self.path.push(element);
                self.found.removed.insert(&self.path);
                self.path.pop();
            }
            (before, _) => {
                if let Some(before) = before.first() {
                    self.descend(element.clone(), Some(before), None, ty);
                }
                self.path.push(element);
                self.found.added.insert(&self.path);
                self.path.pop();
            }
        }
    }

    fn descend(&mut self, element: PathElement, before: Option<&Value>, after: Option<&Value>, ty: Type<'_>) {
        self.path.push(element);
        self.visit(before, after, ty);
        self.path.pop();
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
