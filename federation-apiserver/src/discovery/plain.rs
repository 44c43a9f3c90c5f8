//! The documents that every client reads.

use serde_json::{Map, Value, json};

use super::{Described, Group, in_order, of_version};

/// `/api`. `address` is the host and port at which clients reach the server.
pub fn api_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
pub fn groups(all: &[Described]) -> Value {
    let groups: Vec<_> = in_order(all).iter().filter(|group| !group.name.is_empty()).map(described).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`; `None` when nothing of the group is served.
pub fn group(all: &[Described], name: &str) -> Option<Value> {
    let found = in_order(all).into_iter().find(|group| group.name == name && !name.is_empty())?;
    let mut group = described(&found);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn described(group: &Group<'_>) -> Value {
    let version = |version: &&str| json!({"groupVersion": group.api_version(version), "version": version});
    let versions: Vec<_> = group.versions.iter().map(version).collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

/// `/api/v1` and `/apis/{group}/{version}`; `None` when nothing of that is served.
pub fn resources(all: &[Described], group: &str, version: &str) -> Option<Value> {
    let served = of_version(all, group, version);
    let first = served.first()?;
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let listed: Vec<_> = served.iter().flat_map(|one| lines(one)).collect();
    let mut list = json!({"kind": "APIResourceList", "groupVersion": api_version, "resources": listed});
    // The core group's list is older than the field.
    if !first.group.is_empty() {
        list["apiVersion"] = "v1".into();
    }
    Some(list)
}

/// A resource, and its subresources after it.
fn lines(resource: &Described) -> Vec<Value> {
    let mut line = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        line["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        line["categories"] = json!(resource.categories);
    }
    let subresources = resource.subresources.iter().map(|one| {
        let mut line = Map::from_iter([
            ("name".to_owned(), json!(format!("{}/{}", resource.plural, one.name))),
            ("singularName".to_owned(), json!("")),
            ("namespaced".to_owned(), json!(resource.namespaced)),
            ("kind".to_owned(), json!(resource.kind)),
            ("verbs".to_owned(), json!(one.verbs)),
        ]);
        if let Some((group, version, kind)) = &one.kind {
            line.insert("group".to_owned(), json!(group));
            line.insert("version".to_owned(), json!(version));
            line.insert("kind".to_owned(), json!(kind));
        }
        Value::Object(line)
    });
    std::iter::once(line).chain(subresources).collect()
}
