//! The kinds that a Kubernetes API server has itself: what they are called, where they are stored, and what is
//! particular to each.
//!
//! Names, verbs, subresources and keys are Kubernetes 1.36's, so that its clients, and a kube-apiserver that is started
//! on the same store, find everything where they look for it.

mod autoscaler;
mod defaults;
mod events;
mod generation;
mod kind;
mod kinds;
mod quantity;
mod resources;
pub mod schemas;
pub mod service;
mod strategy;
pub mod typed;
mod validate;

pub use defaults::set_defaults;
pub use events::convert_event;
pub use generation::bumps_generation;
pub use kind::{GroupVersion, Kind, Profile, Subresource, VERBS};
pub use kinds::{GROUP_VERSIONS, KINDS};
pub(crate) use resources::BuiltinRules;
pub use resources::resources;
pub use strategy::{prepare_create, prepare_update};
pub use validate::{NameRule, validate, validate_metadata};

/// The kinds of a profile, in discovery's order of groups and by plural name within each.
pub fn kinds(profile: Profile) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(move |kind| kind.profile == Profile::Federation || profile == Profile::Member)
}

/// The kind served as `plural` in a group and version.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    let wanted = |kind: &&Kind| kind.group() == group && kind.version() == version && kind.plural == plural;
    KINDS.iter().find(wanted)
}

/// Reads the metadata of an object of any kind, with the paths of the fields that metadata does not have.
///
/// # Errors
/// What does not fit, in the words of Go's decoder.
pub(crate) fn read_metadata(metadata: serde_json::Value) -> Result<(serde_json::Value, Vec<String>), String> {
    // Every kind has the same metadata.
    let Some(kind) = find("", "v1", "configmaps") else { return Ok((metadata, Vec::new())) };
    let object = serde_json::json!({"metadata": metadata});
    let read = typed::read(kind, object).map_err(|error| {
        error
            .to_string()
            .replace("ObjectMeta.metadata.", "ObjectMeta.")
            .replace("field ConfigMap.metadata of", "value of")
    })?;
    Ok((read.object["metadata"].clone(), read.unknown))
}
