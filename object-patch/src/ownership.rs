//! Who owns what after a write.

mod prune;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::conflict::{ApplyError, Conflict};
use crate::managed_fields::{ManagedFields, Manager, Owned};
use crate::resource::Resource;
use crate::typed::{self, Comparison};

pub(crate) use prune::prune;

/// What has changed, and what who else owns must not be changed against their will.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Value,
    pub(crate) after: &'a Value,
    /// Who changes it.
    pub(crate) by: Option<&'a Manager>,
    /// Take from others what they own.
    pub(crate) force: bool,
}

/// Takes from the others what a change took from the object or gave another value. Gives what has changed, in the form
/// of the request.
pub(crate) fn take_from_others(
    resource: &Resource<'_>,
    managed: &mut ManagedFields,
    change: &Change<'_>,
) -> Result<Comparison, ApplyError> {
    let mut comparisons = BTreeMap::new();
    let own = typed::compare(change.before, change.after, resource.ty(resource.api_version));
    let own = own.without(resource.ignored);
    comparisons.insert(resource.api_version.to_owned(), Some(own.clone()));

    let mut conflicts = Vec::new();
    let mut gone = Vec::new();
    let mut left = BTreeMap::new();
    for (manager, owned) in &managed.entries {
        if Some(manager) == change.by {
            continue;
        }
        let comparison = match comparisons.get(&owned.api_version) {
            Some(known) => known,
            None => {
                let found = compare_in(resource, change, &owned.api_version)?;
                comparisons.entry(owned.api_version.clone()).or_insert(found)
            }
        };
        let Some(comparison) = comparison else {
            gone.push(manager.clone());
            continue;
        };
        let contested = owned.fields.intersection(&comparison.modified.union(&comparison.added));
        for field in contested.paths() {
            conflicts.push(Conflict { manager: manager.clone(), field });
        }
        left.insert(manager.clone(), owned.fields.difference(&contested).difference(&comparison.removed));
    }
    if !change.force && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    for (manager, fields) in left {
        if let Some(owned) = managed.entries.get_mut(&manager) {
            owned.fields = fields;
        }
    }
    managed.entries.retain(|manager, owned| !gone.contains(manager) && !owned.fields.is_empty());
    Ok(own)
}

/// What has changed, in another form than the request's; `None` when that form is not served.
fn compare_in(
    resource: &Resource<'_>,
    change: &Change<'_>,
    api_version: &str,
) -> Result<Option<Comparison>, ApplyError> {
    let convert = |object, which: &str| {
        resource
            .convert(object, api_version)
            .map_err(|error| ApplyError::Internal(format!("failed to convert {which} object: {error}")))
    };
    let (Some(before), Some(after)) = (convert(change.before, "old")?, convert(change.after, "new")?) else {
        return Ok(None);
    };
    let comparison = typed::compare(&before, &after, resource.ty(api_version));
    Ok(Some(comparison.without(resource.ignored)))
}

/// The entries as they are under the types of today. Those in forms that are not served go.
pub(crate) fn reconciled(
    resource: &Resource<'_>,
    live: &Value,
    managed: ManagedFields,
) -> Result<ManagedFields, ApplyError> {
    let mut entries = BTreeMap::new();
    for (manager, owned) in managed.entries {
        let form = resource.convert(live, &owned.api_version).map_err(ApplyError::Internal)?;
        if form.is_some() {
            let fields = typed::reconcile(&owned.fields, resource.ty(&owned.api_version));
            entries.insert(manager, Owned { fields, ..owned });
        }
    }
    Ok(ManagedFields { entries })
}
