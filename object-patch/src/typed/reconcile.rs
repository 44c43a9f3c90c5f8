//! Sets that were written under an older form of the type.

use super::Type;
use super::kind::{Form, Relation};
use crate::field_set::{FieldSet, PathElement};

/// A set in which what has become atomic is owned as a whole by who owned a part of it. What was atomic and has become
/// granular is taken as if it had been granular always.
pub(crate) fn reconcile(set: &FieldSet, ty: Type<'_>) -> FieldSet {
    let mut walk = Walk { path: Vec::new(), atomic: FieldSet::new() };
    walk.visit(Some(set), false, ty);
    if walk.atomic.is_empty() {
        return set.clone();
    }
    set.recursive_difference(&walk.atomic).union(&walk.atomic)
}

struct Walk {
    path: Vec<PathElement>,
    /// What is to be owned as a whole.
    atomic: FieldSet,
}

impl Walk {
    /// `is_whole`: the set has this place and nothing below it.
    fn visit(&mut self, set: Option<&FieldSet>, is_whole: bool, ty: Type<'_>) {
        match ty.form(None) {
            Form::Map if ty.is_untyped_map() => {}
            Form::Map if !is_whole && ty.is_atomic_map() => {
                if set.is_some_and(|set| !set.is_empty()) {
                    self.atomic.insert(&self.path);
                }
            }
            Form::Map => self.descend(set, |element| match element {
                PathElement::Field(name) => ty.field(name),
                _ => ty.others(),
            }),
            Form::List if !is_whole && ty.relation() == Relation::Atomic => self.atomic.insert(&self.path),
            Form::List => self.descend(set, |_| ty.items()),
            Form::Scalar(_) | Form::None => {}
        }
    }

    fn descend<'a>(&mut self, set: Option<&FieldSet>, ty: impl Fn(&PathElement) -> Type<'a>) {
        let Some(set) = set else { return };
        let without_members = set.children.keys().filter(|element| !set.members.contains(*element));
        for element in without_members.chain(&set.members) {
            let below = set.children.get(element);
            self.path.push(element.clone());
            self.visit(below, below.is_none(), ty(element));
            self.path.pop();
        }
    }
}
