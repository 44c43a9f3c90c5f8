//! Conditions with the time of their last transition.

use serde_json::{Value, json};

/// Puts a condition into a list, in place of the one of its type. Its time is that of the change from one status to
/// another.
pub(super) fn set(conditions: &mut Value, mut condition: Value, now: &str) {
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(all) = conditions.as_array_mut() else { return };
    let old = all.iter_mut().find(|one| one["type"] == condition["type"]);
    condition["lastTransitionTime"] = match &old {
        Some(old) if old["status"] == condition["status"] => old["lastTransitionTime"].clone(),
        _ => now.into(),
    };
    match old {
        Some(old) => *old = condition,
        None => all.push(condition),
    }
}
