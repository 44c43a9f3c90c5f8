//! The definitions of a document.

use serde_json::{Map, Value, json};

use crate::builtin::{self, GroupVersion};
use crate::discovery::Described;

pub(super) const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
pub(super) const PREFIX: &str = "#/components/schemas/";

/// The name of a resource's definition: `com.example.v1.Widget` for a custom resource.
pub(super) fn name(resource: &Described) -> String {
    of_kind(resource, &resource.kind)
}

/// The name of the definition of a list.
pub(super) fn list_name(resource: &Described) -> String {
    of_kind(resource, &resource.list_kind)
}

fn of_kind(resource: &Described, kind: &str) -> String {
    match resource.builtin {
        Some(builtin) => format!("{}.{kind}", builtin.group_version.package),
        None => {
            let reversed: Vec<_> = resource.group.rsplit('.').collect();
            format!("{}.{}.{kind}", reversed.join("."), resource.version)
        }
    }
}

/// The name of a subresource's definition.
pub(super) fn subresource_name(kind: &(String, String, String)) -> String {
    let package = kind.0.split('.').next().unwrap_or_default();
    format!("io.k8s.api.{package}.{}.{}", kind.1, kind.2)
}

/// The definitions of resources, and everything that they and their paths refer to.
pub(super) fn of_resources(resources: &[Described]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut open: Vec<String> =
        ["DeleteOptions", "Patch", "Status"].iter().map(|name| format!("{META}.{name}")).collect();
    for resource in resources {
        if resource.builtin.is_none() {
            all.insert(name(resource), custom(resource));
            all.insert(list_name(resource), custom_list(resource));
        }
        open.extend([name(resource), list_name(resource)]);
        open.extend(resource.subresources.iter().filter_map(|one| one.kind.as_ref()).map(subresource_name));
    }
    // What a custom resource refers to is metadata, and the scale of workloads.
    let published = resources.iter().find_map(|resource| resource.builtin).map_or_else(
        || builtin::schemas::published(workloads()),
        |kind| builtin::schemas::published(kind.group_version),
    );
    let mut seen = Map::new();
    while let Some(name) = open.pop() {
        if seen.contains_key(&name) {
            continue;
        }
        let Some(schema) = all.get(&name).or_else(|| published.get(&name)) else { continue };
        references(schema, &mut open);
        seen.insert(name, schema.clone());
    }
    seen
}

/// The group whose definitions hold `Scale`.
fn workloads() -> &'static GroupVersion {
    let apps = builtin::GROUP_VERSIONS.iter().find(|one| one.group == "apps");
    apps.unwrap_or(&builtin::GROUP_VERSIONS[0])
}

fn references(schema: &Value, open: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(name) =
                object.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(PREFIX))
            {
                open.push(name.to_owned());
            }
            object.values().for_each(|value| references(value, open));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, open)),
        _ => {}
    }
}

/// A definition's schema with what every object has, and what kind it is.
fn custom(resource: &Described) -> Value {
    let mut schema = resource
        .schema
        .as_deref()
        .cloned()
        .unwrap_or_else(|| json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    add_type_and_metadata(&mut schema, true);
    embedded(&mut schema, true);
    schema["x-kubernetes-group-version-kind"] = group_version_kind(resource, &resource.kind);
    schema
}

fn add_type_and_metadata(schema: &mut Value, described: bool) {
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    let published = builtin::schemas::published(workloads());
    let of_object =
        |field: &str| published.get("io.k8s.api.apps.v1.Deployment").map(|one| &one["properties"][field]);
    for field in ["apiVersion", "kind"] {
        let text = of_object(field).filter(|_| described);
        schema["properties"][field] = text.cloned().unwrap_or_else(|| json!({"type": "string"}));
    }
    let mut metadata = json!({"allOf": [{"$ref": format!("{PREFIX}{META}.ObjectMeta")}]});
    if let Some(text) = of_object("metadata").and_then(|metadata| metadata.get("description")) {
        metadata["description"] = text.clone();
    }
    schema["properties"]["metadata"] = metadata;
}

/// Objects within an object have a type and metadata as well.
fn embedded(schema: &mut Value, root: bool) {
    if !root && schema["x-kubernetes-embedded-resource"] == Value::Bool(true) {
        add_type_and_metadata(schema, true);
    }
    for keyword in ["properties", "additionalProperties", "items"] {
        match (keyword, schema.get_mut(keyword)) {
            ("properties", Some(Value::Object(properties))) => {
                properties.values_mut().for_each(|property| embedded(property, false));
            }
            (_, Some(inner @ Value::Object(_))) => embedded(inner, false),
            _ => {}
        }
    }
}

fn custom_list(resource: &Described) -> Value {
    let published = builtin::schemas::published(workloads());
    let list = published.get("io.k8s.api.apps.v1.DeploymentList");
    let text = |field: &str| {
        list.map_or_else(|| json!({"type": "string"}), |list| list["properties"][field].clone())
    };
    json!({
        "description": format!("{} is a list of {}", resource.list_kind, resource.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": text("apiVersion"),
            "kind": text("kind"),
            "metadata": {"allOf": [{"$ref": format!("{PREFIX}{META}.ListMeta")}]},
            "items": {
                "type": "array",
                "items": {"$ref": format!("{PREFIX}{}", name(resource))},
            },
        },
        "x-kubernetes-group-version-kind": group_version_kind(resource, &resource.list_kind),
    })
}

fn group_version_kind(resource: &Described, kind: &str) -> Value {
    json!([{"group": resource.group, "version": resource.version, "kind": kind}])
}
