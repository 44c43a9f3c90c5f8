//! Union, intersection and differences.

use std::collections::BTreeMap;

use super::{FieldSet, PathElement};

impl FieldSet {
    /// What is in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.extend(other);
        union
    }

    fn extend(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, below) in &other.children {
            self.children.entry(element.clone()).or_default().extend(below);
        }
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: self.filter_children(|element, below| {
                other.children.get(element).map(|other| below.intersection(other)).unwrap_or_default()
            }),
        }
    }

    /// What is in this set and not in the other. A field is not taken out because one above it is.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.filter_children(|element, below| match other.children.get(element) {
                Some(other) => below.difference(other),
                None => below.clone(),
            }),
        }
    }

    /// What is in this set and neither itself nor below a field that is in the other.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: self.filter_children(|element, below| match other.children.get(element) {
                _ if other.members.contains(element) => Self::new(),
                Some(other) => below.recursive_difference(other),
                None => below.clone(),
            }),
        }
    }

    fn filter_children(&self, keep: impl Fn(&PathElement, &Self) -> Self) -> BTreeMap<PathElement, Self> {
        let kept = self.children.iter().map(|(element, below)| (element.clone(), keep(element, below)));
        kept.filter(|(_, below)| !below.is_empty()).collect()
    }
}
