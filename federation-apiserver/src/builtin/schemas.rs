//! The published OpenAPI definitions of the built-in kinds, packed in the program.
//!
//! Nothing is unpacked before it is asked for, and then only the one group and version: a server is ready at once, and
//! one that is never asked for a Deployment never holds its definition.

use std::io::Read as _;
use std::sync::{LazyLock, OnceLock};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use structural_schema::{Definitions, Schema};

use super::kind::{GroupVersion, Kind};
use super::typed::Types;

struct Packed {
    package: &'static str,
    bytes: &'static [u8],
    published: OnceLock<Map<String, Value>>,
    compiled: OnceLock<Option<Definitions>>,
    types: OnceLock<Types>,
}

macro_rules! packed {
    ($($package:literal),* $(,)?) => {
        [$(Packed {
            package: $package,
            bytes: include_bytes!(concat!("../../schemas/", $package, ".json.gz")),
            published: OnceLock::new(),
            compiled: OnceLock::new(),
            types: OnceLock::new(),
        }),*]
    };
}

static PACKED: [Packed; 17] = packed![
    "io.k8s.api.admissionregistration.v1",
    "io.k8s.api.apps.v1",
    "io.k8s.api.authentication.v1",
    "io.k8s.api.authorization.v1",
    "io.k8s.api.autoscaling.v1",
    "io.k8s.api.autoscaling.v2",
    "io.k8s.api.batch.v1",
    "io.k8s.api.coordination.v1",
    "io.k8s.api.core.v1",
    "io.k8s.api.discovery.v1",
    "io.k8s.api.events.v1",
    "io.k8s.api.networking.v1",
    "io.k8s.api.policy.v1",
    "io.k8s.api.rbac.v1",
    "io.k8s.api.scheduling.v1",
    "io.k8s.api.storage.v1",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
];

/// The definitions of a group and version by name, as they are published (`components.schemas`), with all that they
/// refer to.
pub fn published(group_version: &GroupVersion) -> &'static Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    find(group_version).map_or(&NONE, |packed| packed.published.get_or_init(|| unpack(packed.bytes)))
}

/// The compiled definitions of a group and version.
pub fn compiled(group_version: &GroupVersion) -> Option<&'static Definitions> {
    let packed = find(group_version)?;
    packed.compiled.get_or_init(|| Definitions::compile(published(group_version)).ok()).as_ref()
}

/// The compiled schema of a kind.
pub fn schema(kind: &Kind) -> Option<&'static Schema> {
    compiled(kind.group_version)?.get(&kind.definition())
}

/// The types of a group and version.
pub(super) fn types(group_version: &GroupVersion) -> Option<&'static Types> {
    find(group_version).map(|packed| packed.types.get_or_init(|| Types::of(published(group_version))))
}

fn find(group_version: &GroupVersion) -> Option<&'static Packed> {
    PACKED.iter().find(|packed| packed.package == group_version.package)
}

/// What is packed was packed by this project; the tests unpack all of it.
fn unpack(bytes: &[u8]) -> Map<String, Value> {
    let mut text = Vec::new();
    match GzDecoder::new(bytes).read_to_end(&mut text) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::KINDS;

    #[test]
    fn every_kind_and_its_list_has_a_definition() {
        for kind in KINDS {
            let all = published(kind.group_version);
            assert!(all.contains_key(&kind.definition()), "{}", kind.definition());
            assert_eq!(all.contains_key(&format!("{}List", kind.definition())), kind.storage.is_some());
            assert!(schema(kind).is_some(), "{}", kind.definition());
        }
    }
}
