//! Sets of fields, as managed fields hold them.

mod algebra;
mod fields_v1;
mod path;

use std::collections::{BTreeMap, BTreeSet};

pub use fields_v1::FieldsError;
pub use path::{Path, PathElement};

/// A set of fields: a tree whose nodes may be members themselves, have members below them, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    pub(crate) members: BTreeSet<PathElement>,
    /// Fields with members below them; being here makes none a member. No set in here is empty.
    pub(crate) children: BTreeMap<PathElement, FieldSet>,
}

impl FieldSet {
    /// The set without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set of the fields that are named by their paths of field names, such as `["metadata", "name"]`.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Vec<_> = path.iter().map(|name| PathElement::Field((*name).to_owned())).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a field. What is above it is not added. The empty path is the whole object, which nobody owns.
    pub fn insert(&mut self, path: &[PathElement]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Whether a field is a member.
    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|below| below.contains(rest)),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// The members below a field, by their paths from there.
    pub fn below(&self, element: &PathElement) -> Option<&Self> {
        self.children.get(element)
    }

    /// The paths of all members: those of a level before those below it, each level in order.
    pub fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, above: &mut Vec<PathElement>, paths: &mut Vec<Path>) {
        for member in &self.members {
            above.push(member.clone());
            paths.push(Path(above.clone()));
            above.pop();
        }
        for (element, below) in &self.children {
            above.push(element.clone());
            below.collect_paths(above, paths);
            above.pop();
        }
    }
}

#[cfg(test)]
mod tests;
