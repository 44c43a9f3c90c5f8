//! Packs the OpenAPI definitions of the built-in kinds: what Kubernetes publishes, reduced to what they refer to.
//!
//! ```console
//! $ cargo run -p federation-apiserver --example pack_schemas -- \
//!       "$(cd tools/kubernetes && go list -m -f '{{.Dir}}' k8s.io/kubernetes)/api/openapi-spec/v3"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use federation_apiserver::builtin::{GROUP_VERSIONS, GroupVersion, KINDS};
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value};

/// What every group's paths refer to.
const META: [&str; 5] = ["APIResourceList", "DeleteOptions", "Patch", "Status", "WatchEvent"];

fn main() -> Result<(), Box<dyn Error>> {
    let source =
        std::env::args().nth(1).ok_or("name the folder api/openapi-spec/v3 of Kubernetes' sources")?;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for group_version in GROUP_VERSIONS {
        let published: Value =
            serde_json::from_slice(&fs::read(document(Path::new(&source), group_version))?)?;
        let all = published.pointer("/components/schemas").and_then(Value::as_object).ok_or("no schemas")?;
        let reached = reachable(all, roots(group_version));
        let packed = pack(&serde_json::to_vec(&reached)?)?;
        println!("{}: {} definitions, {} bytes", group_version.api_version(), reached.len(), packed.len());
        fs::write(target.join(file_name(group_version)), packed)?;
    }
    Ok(())
}

fn document(folder: &Path, group_version: &GroupVersion) -> PathBuf {
    let GroupVersion { group, version, .. } = group_version;
    folder.join(if group.is_empty() {
        format!("api__{version}_openapi.json")
    } else {
        format!("apis__{group}__{version}_openapi.json")
    })
}

fn file_name(group_version: &GroupVersion) -> String {
    format!("{}.json.gz", group_version.package)
}

/// The kinds, their lists, what their subresources take, and what the paths refer to.
fn roots(group_version: &GroupVersion) -> BTreeSet<String> {
    let mut roots: BTreeSet<String> =
        META.iter().map(|name| format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}")).collect();
    for kind in KINDS.iter().filter(|kind| kind.group_version == group_version) {
        roots.insert(kind.definition());
        roots.insert(format!("{}List", kind.definition()));
        for (group, version, kind) in kind.subresources.iter().filter_map(|subresource| subresource.kind) {
            let package = group.split('.').next().unwrap_or(group);
            roots.insert(format!("io.k8s.api.{package}.{version}.{kind}"));
        }
    }
    roots
}

/// The definitions that are reached from the roots, in order of their names.
fn reachable(all: &Map<String, Value>, mut open: BTreeSet<String>) -> BTreeMap<String, Value> {
    let mut reached = BTreeMap::new();
    while let Some(name) = open.pop_first() {
        if let Some(definition) = all.get(&name) {
            references(definition, &mut |found| {
                if !reached.contains_key(found) && found != name {
                    open.insert(found.to_owned());
                }
            });
            reached.insert(name, definition.clone());
        }
    }
    reached
}

fn references(schema: &Value, found: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(object) => {
            if let Some(name) =
                object.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next())
            {
                found(name);
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Compressed, without a time or a name in it: the same input gives the same bytes.
fn pack(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    encoder.write_all(text)?;
    encoder.finish()
}
