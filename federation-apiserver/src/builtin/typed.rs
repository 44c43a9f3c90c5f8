//! Built-in objects as their Go types read and write them.
//!
//! kube-apiserver decodes an object of its own kinds into a struct and writes the struct. What does not fit is refused,
//! what is not known is dropped, null and empty are what is absent, a struct that is not a pointer is always there,
//! and amounts have one spelling. [`read`] does to a JSON value what that way there and back does.

mod read;
mod shape;

pub use read::{Read, read, read_definition};
pub(super) use shape::{Field, Shape, Types};

/// A value that does not fit its field. The text is what Go's decoder says, for a `BadRequest`
/// `ConfigMap in version "v1" cannot be handled as a ConfigMap: ...`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TypeError(pub(super) String);
