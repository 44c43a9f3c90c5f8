//! Patches of Kubernetes objects.

mod json;
mod merge;

pub use json::{PatchError, json_patch};
pub use merge::merge_patch;
