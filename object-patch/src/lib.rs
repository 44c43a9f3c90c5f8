//! Patches of Kubernetes objects, as kube-apiserver carries them out, and who owns their fields.
//!
//! | patch | function |
//! | --- | --- |
//! | JSON patch (RFC 6902) | [`json_patch()`] |
//! | merge patch (RFC 7396) | [`merge_patch()`] |
//! | strategic merge patch of built-in kinds | [`strategic_merge`] |
//! | server-side apply | [`apply()`] |
//!
//! After a create, an update or any patch but apply, [`track_update()`] gives the new object its
//! `metadata.managedFields`; [`keep_times`] then undoes what would be the only change of a write that changes nothing.
//!
//! Everything here is a pure function over values; the time is an argument. Nothing recurses deeper than [`MAX_DEPTH`].

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod apply;
mod conflict;
mod depth;
mod error;
pub mod field_set;
pub mod json_patch;
pub mod managed_fields;
mod merge_patch;
mod ownership;
mod resource;
pub mod scale_fields;
mod strategic;
mod struct_fields;
mod track_update;
mod typed;
mod value_order;

pub use apply::apply;
pub use conflict::{ApplyError, Conflict};
pub use depth::MAX_DEPTH;
pub use error::PatchError;
pub use field_set::FieldSet;
pub use json_patch::json_patch;
pub use managed_fields::{ManagedFields, keep_times};
pub use merge_patch::merge_patch;
pub use resource::{Forms, OneForm, Resource, Writer};
pub use strategic::strategic_merge;
pub use track_update::track_update;
