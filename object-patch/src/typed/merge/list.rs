//! Merging lists whose elements are told apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::visit;
use crate::field_set::PathElement;
use crate::typed::Type;
use crate::typed::element::path_element;
use crate::typed::kind::Relation;

type Elements<'a> = VecDeque<(PathElement, &'a Value)>;

/// Merges two lists. The applied elements come in their order, and each of the others before the applied element that
/// it was before, as far as that order allows.
pub(super) fn merge(
    live: &[Value],
    applied: &[Value],
    ty: Type<'_>,
    relation: &Relation<'_>,
) -> Option<Value> {
    let mut live = elements(live, ty, relation);
    let mut applied = elements(applied, ty, relation);
    let mut applied_elements = BTreeSet::new();
    applied.retain(|(element, _)| applied_elements.insert(element.clone()));

    // One that is there more than once is not merged but replaced.
    let mut known: BTreeMap<PathElement, &Value> = BTreeMap::new();
    for (element, item) in &live {
        known.entry(element.clone()).and_modify(|known| *known = &Value::Null).or_insert(*item);
    }
    // The elements of both, in the applied order: the next of them is the one that a live element is held against.
    let both = applied.iter().map(|(element, _)| element).filter(|element| known.contains_key(*element));
    let mut both: VecDeque<PathElement> = both.cloned().collect();

    let mut done = BTreeSet::new();
    let mut merged = Vec::new();
    loop {
        if let Some((element, item)) = live.front() {
            let is_at_hand = applied.front().is_some_and(|(applied, _)| applied == element);
            if !applied_elements.contains(element) {
                merged.extend(visit(Some(item), None, ty.items()));
                live.pop_front();
                continue;
            }
            let is_later = !applied.is_empty() && both.front().is_some_and(|next| next != element);
            if is_at_hand || done.contains(element) || is_later {
                live.pop_front();
            }
            if is_later && !is_at_hand {
                continue;
            }
        }
        let Some((element, item)) = applied.pop_front() else {
            if live.is_empty() {
                break;
            }
            continue;
        };
        merged.extend(visit(known.get(&element).copied(), Some(item), ty.items()));
        if both.front() == Some(&element) {
            both.pop_front();
        }
        done.insert(element);
    }
    (!merged.is_empty()).then_some(Value::Array(merged))
}

fn elements<'a>(items: &'a [Value], ty: Type<'_>, relation: &Relation<'_>) -> Elements<'a> {
    items.iter().filter_map(|item| Some((path_element(ty, relation, item).ok()?, item))).collect()
}
