//! The bindings of one namespace, or of the cluster, by the users and groups that they name.

use std::collections::{BTreeSet, HashMap};

use crate::auth::{Binding, User, binding::Principal};

/// Bindings by name, and their names by subject.
#[derive(Clone, Debug, Default)]
pub(super) struct BindingIndex {
    bindings: HashMap<String, Binding>,
    of_user: HashMap<String, BTreeSet<String>>,
    of_group: HashMap<String, BTreeSet<String>>,
}

impl BindingIndex {
    pub(super) fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// Puts a binding in, whose name is new.
    pub(super) fn insert(&mut self, binding: Binding) {
        let name = &binding.metadata.name;
        for principal in principals(&binding) {
            let (index, key) = self.index_of(principal);
            index.entry(key).or_default().insert(name.clone());
        }
        self.bindings.insert(name.clone(), binding);
    }

    /// Takes a binding out, if it is there.
    pub(super) fn remove(&mut self, name: &str) {
        let Some(binding) = self.bindings.remove(name) else { return };
        for principal in principals(&binding) {
            let (index, key) = self.index_of(principal);
            if let Some(names) = index.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    index.remove(&key);
                }
            }
        }
    }

    /// The bindings that name the user or a group of the user, each once, by name.
    pub(super) fn of(&self, user: &User) -> Vec<&Binding> {
        let groups = user.groups.iter().filter_map(|group| self.of_group.get(group));
        let mut names: Vec<_> = self.of_user.get(&user.name).into_iter().chain(groups).flatten().collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| self.bindings.get(name)).collect()
    }

    fn index_of(&mut self, principal: Principal) -> (&mut HashMap<String, BTreeSet<String>>, String) {
        match principal {
            Principal::User(name) => (&mut self.of_user, name),
            Principal::Group(name) => (&mut self.of_group, name),
        }
    }
}

fn principals(binding: &Binding) -> impl Iterator<Item = Principal> {
    binding.subjects.iter().filter_map(|subject| subject.principal(&binding.metadata.namespace))
}
