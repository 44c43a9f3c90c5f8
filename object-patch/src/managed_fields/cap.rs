//! The bound on the number of entries.

use std::collections::BTreeMap;

use super::{ManagedFields, Manager, Operation};

/// The most entries of the operation [`Operation::Update`] that an object keeps.
const MAX_UPDATERS: usize = 10;

/// Whose entry the older ones are put together in.
const ANCIENT: &str = "ancient-changes";

impl ManagedFields {
    /// Puts the oldest updates together, one entry for each form, until there are few enough. Who applies keeps an
    /// entry of its own, without which it could not give up fields.
    pub(crate) fn cap(&mut self) {
        let mut updaters: Vec<_> = self
            .entries
            .iter()
            .filter(|(manager, _)| manager.operation == Operation::Update)
            .map(|(manager, owned)| (owned.time.clone(), manager.clone()))
            .collect();
        updaters.sort();
        let mut excess = updaters.len().saturating_sub(MAX_UPDATERS);
        let mut oldest_of_form: BTreeMap<String, Manager> = BTreeMap::new();
        for (_, manager) in updaters {
            if excess == 0 {
                break;
            }
            let form = manager.api_version.clone();
            let Some(oldest) = oldest_of_form.get(&form) else {
                oldest_of_form.insert(form, manager);
                continue;
            };
            let bucket = Manager::new(ANCIENT, Operation::Update, &form, "");
            if !self.entries.contains_key(&bucket)
                && let Some(owned) = self.entries.remove(oldest)
            {
                self.entries.insert(bucket.clone(), owned);
            }
            if let Some(merged) = self.entries.remove(&manager) {
                if let Some(ancient) = self.entries.get_mut(&bucket) {
                    ancient.fields = ancient.fields.union(&merged.fields);
                    ancient.time = merged.time;
                } else {
                    self.entries.insert(bucket, merged);
                }
                excess -= 1;
            }
        }
    }
}
