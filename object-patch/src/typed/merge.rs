//! Merging what is applied into an object.

mod list;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Type;
use super::kind::{Form, Relation};

/// The object with all that is applied. Nothing is taken out, and leaves are the applied ones. An element that both
/// have has its place among the applied ones; the others stay where they are around them.
pub(crate) fn merge(live: &Value, applied: &Value, ty: Type<'_>) -> Value {
    visit(Some(live), Some(applied), ty).unwrap_or_default()
}

/// `None` when nothing is left to hold.
fn visit(live: Option<&Value>, applied: Option<&Value>, ty: Type<'_>) -> Option<Value> {
    let leaf = || applied.or(live).cloned();
    match ty.form(applied.or(live)) {
        Form::Scalar(_) => leaf(),
        Form::Map => {
            let (live_fields, applied_fields) =
                (live.and_then(Value::as_object), applied.and_then(Value::as_object));
            let is_empty = |fields: Option<&Map<String, Value>>| fields.is_none_or(Map::is_empty);
            if ty.is_atomic_map() || (is_empty(live_fields) && is_empty(applied_fields)) {
                return leaf();
            }
            merge_fields(live_fields, applied_fields, ty)
        }
        Form::List => {
            let (live_items, applied_items) = (items(live), items(applied));
            let relation = ty.relation();
            if relation == Relation::Atomic || (live_items.is_empty() && applied_items.is_empty()) {
                return leaf();
            }
            list::merge(live_items, applied_items, ty, &relation)
        }
        Form::None => None,
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn merge_fields(
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
    ty: Type<'_>,
) -> Option<Value> {
    let names: BTreeSet<&String> = live.into_iter().chain(applied).flat_map(Map::keys).collect();
    let merged: Map<String, Value> = names
        .into_iter()
        .filter_map(|name| {
            let live = live.and_then(|fields| fields.get(name));
            let applied = applied.and_then(|fields| fields.get(name));
            Some((name.clone(), visit(live, applied, ty.field(name))?))
        })
        .collect();
    (!merged.is_empty()).then_some(Value::Object(merged))
}
