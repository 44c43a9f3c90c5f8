//! What an applier gives up goes, unless somebody else owns it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field_set::FieldSet;
use crate::managed_fields::{ManagedFields, Owned};
use crate::resource::Resource;
use crate::typed;

/// Takes out of a merged object what its applier owned the last time and does not apply any more, except what somebody
/// owns by `managed`, which has the applier's new set already.
pub(crate) fn prune(
    resource: &Resource<'_>,
    merged: Value,
    managed: &ManagedFields,
    last: Option<&Owned>,
) -> Result<Value, String> {
    let Some(last) = last.filter(|last| !last.fields.is_empty()) else {
        return Ok(merged);
    };
    let Some(in_last_form) = resource
        .convert(&merged, &last.api_version)
        .map_err(|error| format!("failed to convert merged object to last applied version: {error}"))?
    else {
        return Ok(merged);
    };
    let ty = resource.ty(&last.api_version);
    let last_fields = typed::with_named_fields(&last.fields, ty);
    let pruned = typed::remove(&in_last_form, &last_fields, ty);
    let pruned = add_back_owned(resource, &in_last_form, pruned, &last.api_version, managed)
        .map_err(|error| format!("failed add back owned items: {error}"))?;

    // What was taken out with something above it, and was not the applier's, comes back.
    let Some(pruned) = resource
        .convert(&pruned, &last.api_version)
        .map_err(|error| format!("failed add back dangling items: {error}"))?
    else {
        return Ok(in_last_form.into_owned());
    };
    let pruned_fields = typed::with_named_fields(&typed::fields_of(&pruned, ty), ty);
    let merged_fields = typed::with_named_fields(&typed::fields_of(&in_last_form, ty), ty);
    let dangling = merged_fields.difference(&pruned_fields).intersection(&last_fields);
    let pruned = typed::remove(&in_last_form, &dangling, ty);
    let back = resource.convert(&pruned, resource.api_version)?;
    Ok(back.map_or(pruned.clone(), std::borrow::Cow::into_owned))
}

/// The pruned object with what somebody owns.
fn add_back_owned(
    resource: &Resource<'_>,
    merged: &Value,
    mut pruned: Value,
    last_form: &str,
    managed: &ManagedFields,
) -> Result<Value, String> {
    let mut by_form: BTreeMap<&str, FieldSet> = BTreeMap::new();
    for owned in managed.entries.values() {
        let fields = by_form.entry(&owned.api_version).or_default();
        *fields = fields.union(&owned.fields);
    }
    // The last form first: what the conversion to the others needs has to be there.
    let first = by_form.remove(last_form).map(|fields| (last_form, fields));
    for (form, fields) in first.into_iter().chain(by_form) {
        let Some(merged) = resource.convert(merged, form)? else { continue };
        let Some(converted) = resource.convert(&pruned, form)? else { continue };
        let ty = resource.ty(form);
        let kept = typed::with_named_fields(&typed::fields_of(&converted, ty), ty)
            .union(&typed::with_named_fields(&fields, ty));
        let merged_fields = typed::with_named_fields(&typed::fields_of(&merged, ty), ty);
        pruned = typed::remove(&merged, &merged_fields.difference(&kept), ty);
    }
    Ok(pruned)
}
