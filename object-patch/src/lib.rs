//! Patches of Kubernetes objects, as kube-apiserver carries them out.
//!
//! | patch | function |
//! | --- | --- |
//! | JSON patch (RFC 6902) | [`json_patch()`] |
//! | merge patch (RFC 7396) | [`merge_patch()`] |
//! | strategic merge patch of built-in kinds | [`strategic_merge`] |
//!
//! Everything here is a pure function over values. Nothing recurses deeper than [`MAX_DEPTH`].

mod depth;
mod error;
mod go_text;
pub mod json_patch;
mod merge_patch;
mod strategic;

pub use depth::MAX_DEPTH;
pub use error::PatchError;
pub use json_patch::json_patch;
pub use merge_patch::merge_patch;
pub use strategic::strategic_merge;
