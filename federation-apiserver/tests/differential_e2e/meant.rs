//! What differs on purpose.

use crate::compare::Difference;

/// A difference that is meant.
pub(crate) struct Meant {
    /// What the request's label must have in it: scene, line, method or path. Empty: any.
    pub(crate) request: &'static str,
    /// How the place must end.
    pub(crate) place: &'static str,
    /// Whether these two are what is meant.
    pub(crate) is: fn(&Difference) -> bool,
    /// Why.
    pub(crate) why: &'static str,
}

/// All of them.
pub(crate) const MEANT: &[Meant] = &[];

/// The first entry of the list that a difference is of.
pub(crate) fn reason(label: &str, difference: &Difference) -> Option<usize> {
    MEANT.iter().position(|meant| {
        label.contains(meant.request) && difference.place.ends_with(meant.place) && (meant.is)(difference)
    })
}
