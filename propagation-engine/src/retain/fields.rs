//! Values at fixed places of an object.

use serde_json::{Map, Value};

/// A field that is kept as it is.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// Where it is.
    pub(super) path: &'static [&'static str],
    /// When the member's value is put into an update.
    pub(super) when: When,
}

/// When a member's value is put into an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    /// In any case: the field cannot change.
    Always,
    /// The update has no value, or an empty one, which Kubernetes takes for none.
    Empty,
    /// The update has no value; an empty one means something.
    Absent,
}

impl Field {
    /// The value that is to be kept of an object.
    pub(super) fn kept<'a>(&self, live: &'a Value) -> Option<&'a Value> {
        at(live, self.path).filter(|value| !self.is_none(value))
    }

    /// Puts a kept value into an update.
    pub(super) fn restore(&self, desired: &mut Value, value: &Value) {
        if self.when == When::Always || at(desired, self.path).is_none_or(|said| self.is_none(said)) {
            set(desired, self.path, value.clone());
        }
    }

    fn is_none(&self, value: &Value) -> bool {
        match self.when {
            When::Always | When::Empty => is_empty(value),
            When::Absent => value.is_null(),
        }
    }
}

/// The value at a path of keys.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| value.as_object()?.get(*key))
}

/// The value at a path of keys, to be changed.
pub(super) fn at_mut<'a>(object: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(object, |value, key| value.as_object_mut()?.get_mut(*key))
}

/// Whether Kubernetes takes a value for none.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Sets a value, and makes the objects on the way to it that are absent. Where something else is on the way, the object
/// is none that a member accepts, and stays as it is.
pub(super) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut at = object;
    let Some((last, parents)) = path.split_last() else { return };
    for key in parents {
        let Some(map) = object_of(at) else { return };
        at = map.entry(*key).or_insert(Value::Null);
    }
    if let Some(map) = object_of(at) {
        map.insert((*last).to_owned(), value);
    }
}

/// The object that a value is, or becomes if it is null.
fn object_of(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
