//! The two forms of one object, and the way from one to the other.

use federation_model::{CLUSTER_FORM_VERSION, TOPOLOGY_FORM_VERSION};
use serde_json::{Map, Value};

use crate::name_map::NameMap;
use crate::registry::Registry;
use crate::type_annotation;

/// What a form calls things.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The API version, without group.
    pub(crate) version: &'static str,
    /// The list in the placement, the mask and the status.
    pub(crate) list: &'static str,
    /// The label selector in the placement.
    pub(crate) selector: &'static str,
    /// The name in an override.
    pub(crate) override_name: &'static str,
    /// The patches in an override.
    pub(crate) patches: &'static str,
}

/// The form by cluster.
pub(crate) static CLUSTER: Form = Form {
    version: CLUSTER_FORM_VERSION,
    list: "clusters",
    selector: "clusterSelector",
    override_name: "clusterName",
    patches: "clusterOverrides",
};

/// The form by topology.
pub(crate) static TOPOLOGY: Form = Form {
    version: TOPOLOGY_FORM_VERSION,
    list: "topologies",
    selector: "topologySelector",
    override_name: "topologyName",
    patches: "topologyOverrides",
};

impl Form {
    /// The form of this version.
    pub(crate) fn of_version(version: &str) -> Option<&'static Self> {
        [&CLUSTER, &TOPOLOGY].into_iter().find(|form| form.version == version)
    }

    /// The group and form that an object's `apiVersion` says.
    pub(crate) fn of(object: &Map<String, Value>) -> Option<(&str, &'static Self)> {
        let (group, version) = object.get("apiVersion")?.as_str()?.rsplit_once('/')?;
        Some((group, Self::of_version(version)?))
    }
}

/// The object in the cluster form (`v1beta1`).
///
/// Never fails: what is not an object in the topology form comes back as it is, and so does every part that is not of
/// the form's shape. The rules are in the crate's documentation.
pub fn to_cluster_form(object: Value, registry: &Registry) -> Value {
    let Value::Object(mut object) = object else { return object };
    if let Some(api_version) = api_version_in(&object, &TOPOLOGY, &CLUSTER) {
        let type_name = type_annotation::in_topology_form(&object).map(str::to_owned);
        let namespace = namespace(&object).map(str::to_owned);
        let names = NameMap::new(type_name.as_deref(), namespace.as_deref(), registry);
        type_annotation::to_annotation(&mut object);
        rewrite(&mut object, &TOPOLOGY, &CLUSTER, &|name| names.to_cluster(name));
        object.insert("apiVersion".to_owned(), api_version);
    }
    Value::Object(object)
}

/// The object in the topology form (`v1beta2`).
///
/// Never fails: what is not an object in the cluster form comes back as it is, and so does every part that is not of
/// the form's shape. The rules are in the crate's documentation.
pub fn to_topology_form(object: Value, registry: &Registry) -> Value {
    let Value::Object(mut object) = object else { return object };
    if let Some(api_version) = api_version_in(&object, &CLUSTER, &TOPOLOGY) {
        let type_name = type_annotation::in_cluster_form(&object).map(str::to_owned);
        let namespace = namespace(&object).map(str::to_owned);
        let names = NameMap::new(type_name.as_deref(), namespace.as_deref(), registry);
        type_annotation::to_field(&mut object);
        rewrite(&mut object, &CLUSTER, &TOPOLOGY, &|name| names.to_topology(name));
        object.insert("apiVersion".to_owned(), api_version);
    }
    Value::Object(object)
}

/// The namespace of an object; the empty text is none.
pub(crate) fn namespace(object: &Map<String, Value>) -> Option<&str> {
    object.get("metadata")?.get("namespace")?.as_str().filter(|namespace| !namespace.is_empty())
}

fn api_version_in(object: &Map<String, Value>, from: &Form, to: &Form) -> Option<Value> {
    let (group, form) = Form::of(object)?;
    (form == from).then(|| Value::String(format!("{group}/{}", to.version)))
}

/// Gives everything the name that the other form has for it.
///
/// Keys change places rather than move: should an object hold both forms' (which admission refuses and a structural
/// schema prunes), both are still there after, and after the way back each is where it was.
fn rewrite(object: &mut Map<String, Value>, from: &Form, to: &Form, rename: &dyn Fn(String) -> String) {
    if let Some(spec) = object_in(object, "spec") {
        if let Some(placement) = object_in(spec, "placement") {
            rename_entries(placement, from.list, "name", rename);
            change_places(placement, from.list, to.list);
            change_places(placement, from.selector, to.selector);
        }
        if let Some(mask) = object_in(spec, "placementMask") {
            rename_entries(mask, from.list, "name", rename);
            change_places(mask, from.list, to.list);
        }
        rename_entries(spec, "overrides", from.override_name, rename);
        for entry in spec.get_mut("overrides").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                change_places(entry, from.override_name, to.override_name);
                change_places(entry, from.patches, to.patches);
            }
        }
    }
    if let Some(status) = object_in(object, "status") {
        rename_entries(status, from.list, "name", rename);
        change_places(status, from.list, to.list);
    }
}

fn object_in<'a>(map: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_object_mut)
}

fn change_places(map: &mut Map<String, Value>, one: &str, other: &str) {
    let (first, second) = (map.remove(one), map.remove(other));
    if let Some(value) = first {
        map.insert(other.to_owned(), value);
    }
    if let Some(value) = second {
        map.insert(one.to_owned(), value);
    }
}

/// Renames by the text at `key` in each entry of the list at `list`; whatever has another shape stays.
fn rename_entries(map: &mut Map<String, Value>, list: &str, key: &str, rename: &dyn Fn(String) -> String) {
    for entry in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::String(name)) = entry.get_mut(key) {
            *name = rename(std::mem::take(name));
        }
    }
}
