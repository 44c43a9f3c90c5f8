//! The order of a merged list: the patch's wish, then the patch's own order, then the order that was there.

use std::collections::HashMap;

use serde_json::{Map, Value};
use structural_schema::SchemaRef;
use structural_schema::go_text::{self, LIST_TYPE};

use super::{DIRECTIVE, ELEMENT_ORDER, clean, fields, list, lookup, no_merge_key, wrong_type};
use crate::error::PatchError;

/// Merges the lists of an object for which the patch has a `$setElementOrder`, and takes them from the patch.
pub(super) fn merge_ordered_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: SchemaRef<'_>,
) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|name| name.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let wanted = patch.remove(&directive).unwrap_or_default();
        let wanted = wanted.as_array().ok_or_else(|| wrong_type(LIST_TYPE, &wanted))?;
        let Some(name) = fields::ordering_of(&directive)? else { continue };
        let current = as_list(original.get(name))?;
        let change = as_list(patch.get(name))?;
        let field = lookup(schema, name)?;
        let key = field.node().patch.merge_key.as_deref().unwrap_or_default();
        check_order(change.unwrap_or_default(), wanted, key)?;

        let merged = match (current, change) {
            (None, None) => continue,
            (Some(current), None) => current.to_vec(),
            (None, Some(change)) => change.iter().cloned().filter_map(clean::without_directives).collect(),
            (Some(current), Some(change)) if field.node().patch.merge => {
                list::merge(current.to_vec(), change.to_vec(), field)?
            }
            (Some(_), Some(change)) => change.to_vec(),
        };
        let current = current.unwrap_or_default();
        list::elements_are_objects(current, change.unwrap_or_default())?;
        let arranged = arrange(merged, wanted, current, key)?;
        original.insert(name.to_owned(), Value::Array(arranged));
        patch.remove(name);
    }
    Ok(())
}

fn as_list(value: Option<&Value>) -> Result<Option<&[Value]>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(wrong_type(LIST_TYPE, other)),
    }
}

/// The patch's list has to be in the wanted order, and to have nothing besides but directives.
fn check_order(patch: &[Value], wanted: &[Value], key: &str) -> Result<(), PatchError> {
    if patch.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    if !key.is_empty() {
        patch.iter().try_for_each(|element| list::object(element).map(drop))?;
    }
    let directive = |element: &Value| element.get(DIRECTIVE).cloned();
    let mut left =
        patch.iter().filter(|element| directive(element) != Some(Value::from("delete"))).peekable();
    let mut wanted_left = wanted.iter();
    while let Some(element) = left.peek() {
        if directive(element).is_some() && wanted_left.len() > 0 {
            left.next();
            continue;
        }
        let Some(next) = wanted_left.next() else { break };
        if name_of(element, key)? == name_of(next, key)? {
            left.next();
        }
    }
    if left.peek().is_none() {
        return Ok(());
    }
    let (patch, wanted) = (go_text::plain_list(patch), go_text::plain_list(wanted));
    Err(PatchError::Internal(format!(
        "The order in patch list:\n{patch}\n doesn't match {ELEMENT_ORDER} list:\n{wanted}\n"
    )))
}

/// What tells an element apart: the value of its merge key, or without a merge key itself.
fn name_of<'a>(element: &'a Value, key: &str) -> Result<&'a Value, PatchError> {
    if key.is_empty() {
        return Ok(element);
    }
    let fields = list::object(element)?;
    fields.get(key).ok_or_else(|| no_merge_key(fields, key))
}

/// Puts merged elements in order: those that `wanted` names in its order, the others in the order of `before`, and
/// one of the others ahead of one of those where it was ahead of it before.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &[Value],
    before: &[Value],
    key: &str,
) -> Result<Vec<Value>, PatchError> {
    let (wanted, before) = (places(wanted, key)?, places(before, key)?);
    let mut ours = Vec::new();
    let mut others = Vec::new();
    for element in merged {
        let name = name_of(&element, key)?.to_string();
        let place_before = before.get(&name).copied();
        match wanted.get(&name) {
            Some(place) => ours.push((*place, place_before, element)),
            None => others.push((place_before, element)),
        }
    }
    ours.sort_by_key(|(wanted, ..)| *wanted);
    others.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));

    let mut arranged = Vec::with_capacity(ours.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, before_ours, element) in ours {
        while let Some((_, other)) =
            others.next_if(|(before, _)| before.zip(before_ours).is_some_and(|(other, ours)| other < ours))
        {
            arranged.push(other);
        }
        arranged.push(element);
    }
    arranged.extend(others.map(|(_, element)| element));
    Ok(arranged)
}

/// The first place of each name.
fn places(elements: &[Value], key: &str) -> Result<HashMap<String, usize>, PatchError> {
    let mut places = HashMap::with_capacity(elements.len());
    for (place, element) in elements.iter().enumerate() {
        places.entry(name_of(element, key)?.to_string()).or_insert(place);
    }
    Ok(places)
}
