//! Sets with the named fields that lead to their members.

use super::Type;
use crate::field_set::{FieldSet, PathElement};

/// A set and every named field above its members: of `spec.labels.app`, also `spec` and `spec.labels`. Keys of maps and
/// elements of lists are not added.
pub(crate) fn with_named_fields(set: &FieldSet, ty: Type<'_>) -> FieldSet {
    let forms = ty.forms();
    let mut named = FieldSet { members: set.members.clone(), ..FieldSet::new() };
    for (element, below) in &set.children {
        let mut below_type = Type::Undeclared;
        match element {
            PathElement::Field(name) if forms.map => {
                below_type = ty.field(name);
                if ty.declared(name).is_some() {
                    named.members.insert(element.clone());
                }
            }
            PathElement::Key(_) if forms.list => below_type = ty.items(),
            _ => {}
        }
        named.children.insert(element.clone(), with_named_fields(below, below_type));
    }
    named
}
