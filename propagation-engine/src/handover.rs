//! An object that gets a scope goes from one shard's engine to another's. Their watches lag differently, so for a while
//! both may take it for theirs: the one that has not heard of the namespace's new labels, and the one that has.
//!
//! No status that rests on the old labels is written over one that rests on the new ones:
//!
//! * a status is written to the very version of the object that it was decided on, and
//! * over a version that this engine has not made by its own last write of the status, it is written only after the
//!   namespace was asked for, and is still of the engine's shard.
//!
//! For when the other engine has written, a version that this one knows of is either older, and the host refuses the
//! write; or it has the other's write in it, and the namespace, asked for after that, says whose the object is. The
//! object's own labels need no question: they are in its version. See docs/adr/0012.

use tenancy::Shard;

use crate::core::Core;
use crate::entry::Entry;
use crate::ports::ApiFailure;
use crate::selection::Selection;
use crate::type_state::TypeState;

/// Whether the namespace of an object has to be asked for before something is written to the object. `written` is the
/// resource version that this engine's last write of its status made, if that is to count: pure.
pub fn must_ask(shard: Shard, entry: &Entry, written: Option<&str>) -> bool {
    let version = entry.object.metadata.resource_version.as_deref();
    !shard.is_whole() && entry.key.namespace.is_some() && (written.is_none() || written != version)
}

/// Whether the object is still this engine's, by what its namespace says now if that has to be asked. See [`must_ask`].
pub(crate) async fn is_still_ours(
    core: &std::sync::Arc<Core>,
    ty: &TypeState,
    selection: &Selection,
    written: Option<&str>,
) -> Result<bool, ApiFailure> {
    let key = &selection.entry.key;
    let Some(namespace) =
        key.namespace.as_deref().filter(|_| must_ask(core.shard(), &selection.entry, written))
    else {
        return Ok(true);
    };
    let before = core.namespace(namespace);
    let Some(now) = core.ports.host.namespace(namespace).await? else {
        return Ok(false); // gone, and the object with it
    };
    core.answered_namespace(namespace, before.as_ref(), now);
    Ok(core.selection(ty, key).is_some_and(|selection| core.acts_on(&selection)))
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use federation_model::FeatureGates;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_due_over_versions_that_somebody_else_made() {
        let entry = |metadata: serde_json::Value| {
            let object = json!({"metadata": metadata, "spec": {}});
            Entry::new(serde_json::from_value(object).unwrap(), &FeatureGates::default())
        };
        let shard = Shard::all(NonZero::new(2).unwrap()).next().unwrap();
        let namespaced = entry(json!({"name": "x", "namespace": "n", "resourceVersion": "7"}));
        assert!(must_ask(shard, &namespaced, None) && must_ask(shard, &namespaced, Some("6")));
        assert!(!must_ask(shard, &namespaced, Some("7")));
        assert!(!must_ask(Shard::WHOLE, &namespaced, None), "who is alone asks nobody");
        let cluster_wide = entry(json!({"name": "x", "resourceVersion": "7"}));
        assert!(!must_ask(shard, &cluster_wide, None), "its version says whose it is");
    }
}
