//! Merging what is applied into an object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Type;
use super::element::path_element;
use super::kind::{Form, Relation};
use crate::field_set::PathElement;

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
            ListMerge::new(live_items, applied_items, ty, &relation).merge()
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

/// The merge of two lists whose elements are told apart.
struct ListMerge<'a> {
    ty: Type<'a>,
    live: Vec<(PathElement, &'a Value)>,
    applied: Vec<(PathElement, &'a Value)>,
    /// By element; null for one that is there more than once, which is not merged but replaced.
    live_by_element: BTreeMap<PathElement, &'a Value>,
    applied_elements: BTreeSet<PathElement>,
    merged: Vec<Value>,
}

impl<'a> ListMerge<'a> {
    fn new(live: &'a [Value], applied: &'a [Value], ty: Type<'a>, relation: &Relation<'_>) -> Self {
        let indexed = |items: &'a [Value]| -> Vec<(PathElement, &'a Value)> {
            items.iter().filter_map(|item| Some((path_element(ty, relation, item).ok()?, item))).collect()
        };
        let live = indexed(live);
        let mut applied = indexed(applied);
        let mut applied_elements = BTreeSet::new();
        applied.retain(|(element, _)| applied_elements.insert(element.clone()));
        let mut live_by_element = BTreeMap::new();
        for (element, item) in &live {
            live_by_element.entry(element.clone()).and_modify(|known| *known = &Value::Null).or_insert(*item);
        }
        Self { ty, live, applied, live_by_element, applied_elements, merged: Vec::new() }
    }

    fn merge(mut self) -> Option<Value> {
        let (live, applied) = (std::mem::take(&mut self.live), std::mem::take(&mut self.applied));
        let mut shared = applied
            .iter()
            .map(|(element, _)| element)
            .filter(|element| self.live_by_element.contains_key(*element))
            .cloned()
            .collect::<Vec<_>>()
            .into_iter();
        let mut next_shared = shared.next();
        let mut done = BTreeSet::new();
        let mut live = live.into_iter().peekable();
        let mut applied = applied.into_iter().peekable();
        while live.peek().is_some() || applied.peek().is_some() {
            if let (Some((element, _)), Some((applied_element, _))) = (live.peek(), applied.peek()) {
                if element == applied_element {
                    live.next();
                    if let Some((element, item)) = applied.next() {
                        self.push(self.live_by_element.get(&element).copied(), Some(item));
                        done.insert(element);
                    }
                    next_shared = shared.next();
                    continue;
                }
                let is_later = next_shared.as_ref().is_some_and(|next| next != element);
                if is_later && self.applied_elements.contains(element) {
                    live.next();
                    continue;
                }
            }
            if let Some((element, _)) = live.peek() {
                if !self.applied_elements.contains(element) {
                    if let Some((_, item)) = live.next() {
                        self.push(Some(item), None);
                    }
                    continue;
                }
                if done.contains(element) {
                    live.next();
                }
            }
            if let Some((element, item)) = applied.next() {
                self.push(self.live_by_element.get(&element).copied(), Some(item));
                if next_shared.as_ref() == Some(&element) {
                    next_shared = shared.next();
                }
                done.insert(element);
            }
        }
        (!self.merged.is_empty()).then_some(Value::Array(self.merged))
    }

    fn push(&mut self, live: Option<&Value>, applied: Option<&Value>) {
        self.merged.extend(visit(live, applied, self.ty.items()));
    }
}
