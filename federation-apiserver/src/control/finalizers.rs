//! Letting go of objects.

use serde_json::Value;

use crate::object;

/// Removes a finalizer; `false`: it is not there.
pub(super) fn remove(object: &mut Value, finalizer: &str) -> bool {
    let all = object::finalizers(object);
    let others: Vec<Value> = all.iter().filter(|one| **one != finalizer).map(|one| (*one).into()).collect();
    let had = others.len() < all.len();
    if had {
        object::set(object, "finalizers", (!others.is_empty()).then(|| others.into()));
    }
    had
}
