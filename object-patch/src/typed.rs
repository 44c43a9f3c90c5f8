//! Values under a type: what of them is a field of its own, and how they are merged, compared and cut.
//!
//! The rules are structured-merge-diff's, which are those of "Server-Side Apply", section "Merge strategy". All of them
//! but [`validate()`] expect values that passed it; of others they make something, without a panic.

mod collect;
mod compare;
mod element;
mod kind;
mod merge;
mod names;
mod object_meta;
mod reconcile;
mod remove;
mod validate;

pub(crate) use collect::fields_of;
pub(crate) use compare::{Comparison, compare};
pub(crate) use kind::Type;
pub(crate) use merge::merge;
pub(crate) use names::with_named_fields;
pub(crate) use reconcile::reconcile;
pub(crate) use remove::remove;
pub(crate) use validate::{Duplicates, validate};

#[cfg(test)]
mod tests;
