//! What the topology type of an object, and the names of that type, may be.

use std::collections::BTreeSet;

use federation_model::annotation::TOPOLOGY_TYPE;
use federation_model::{CELL_TOPOLOGY, CLUSTER_TOPOLOGY};
use serde_json::{Map, Value};

use crate::dns::is_subdomain;
use crate::form::{CLUSTER, Form, TOPOLOGY, namespace};
use crate::name_map::{NameMap, WRITTEN_OUT};
use crate::registry::Registry;
use crate::type_annotation::{in_cluster_form, in_topology_form, own_in_topology_form};

/// Why an object is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Refusal {
    /// The field at fault, as a path from the object's root.
    pub field: String,
    /// What is wrong, and what to write.
    pub message: String,
}

/// Whether an object, in either form, is of a topology type that exists and names topologies that the type can name.
///
/// `old` is the object before an update, in the same form. What is in it already is never refused again: the type may
/// have been known, or the name written by cluster, when it was stored, and finalizers must still come off.
///
/// Refused are, in both forms: an unknown type; a type of names in a namespace on an object that has none; fields of the
/// other form. In the topology form also: names that are no topology of the type; a name written out as
/// `cluster/<name>` that the type has a name for; and the annotation in which the cluster form keeps the type. Names in
/// the cluster form are free, as in KubeFed. An object that is in neither form is not judged.
pub fn check_topology_type(object: &Value, old: Option<&Value>, registry: &Registry) -> Result<(), Refusal> {
    let Some(object) = object.as_object() else { return Ok(()) };
    let Some((_, form)) = Form::of(object) else { return Ok(()) };
    let old = old.and_then(Value::as_object).filter(|old| Form::of(old).is_some_and(|(_, of)| of == form));
    check_other_forms_fields(object, old, form)?;
    if *form == CLUSTER {
        let field = format!("metadata.annotations[{TOPOLOGY_TYPE}]");
        let type_name = in_cluster_form(object);
        if old.is_some_and(|old| in_cluster_form(old) == type_name) {
            return Ok(());
        }
        return check_type(type_name, object, &field, registry);
    }
    if let Some(own) = own_in_topology_form(object)
        && old.and_then(own_in_topology_form).is_none()
    {
        return refuse(
            format!("metadata.annotations[{TOPOLOGY_TYPE}]"),
            format!(
                "this form has a field for the type; take the annotation out and write spec.topologyType: {own}"
            ),
        );
    }
    let type_field = "spec.topologyType";
    let said = object.get("spec").and_then(|spec| spec.get("topologyType"));
    if said.is_some_and(|said| !said.is_string() && !said.is_null()) {
        return refuse(type_field, format!("must be a text; write {}", known(registry)));
    }
    let type_name = in_topology_form(object);
    let same_type = old.is_some_and(|old| in_topology_form(old) == type_name);
    if !same_type {
        check_type(type_name, object, type_field, registry)?;
    }
    // With another type the same names say something else, so that the old ones count for nothing.
    let old_names = old.filter(|_| same_type).map(names).unwrap_or_default();
    let old_names: BTreeSet<&str> = old_names.into_iter().map(|(_, name)| name).collect();
    let map = NameMap::new(type_name, namespace(object), registry);
    for (field, name) in names(object) {
        if !old_names.contains(name) {
            check_name(name, type_name.unwrap_or(CLUSTER_TOPOLOGY), &map)
                .map_err(|message| Refusal { field: field.path(), message })?;
        }
    }
    Ok(())
}

/// The `spec.topologyType` to set on an object of the topology form that says none; `None`: leave the object as it is.
pub fn default_topology_type(object: &Value) -> Option<&'static str> {
    let object = object.as_object()?;
    let said =
        object.get("spec").and_then(|spec| spec.get("topologyType")).is_some_and(|said| !said.is_null());
    (Form::of(object)?.1 == &TOPOLOGY && !said).then_some(CLUSTER_TOPOLOGY)
}

fn check_type(
    type_name: Option<&str>,
    object: &Map<String, Value>,
    field: &str,
    registry: &Registry,
) -> Result<(), Refusal> {
    let Some(type_name) = type_name else { return Ok(()) };
    let Some(topology) = registry.get(type_name) else {
        let message = format!(
            "'{type_name}' is not a topology type; write {}, or first declare it by a TopologyType object of that name",
            known(registry)
        );
        return refuse(field, message);
    };
    if topology.per_namespace() && namespace(object).is_none() {
        let message = format!(
            "'{type_name}' names topologies of a namespace, and this object is in none; write {CLUSTER_TOPOLOGY}"
        );
        return refuse(field, message);
    }
    Ok(())
}

fn check_other_forms_fields(
    object: &Map<String, Value>,
    old: Option<&Map<String, Value>>,
    form: &Form,
) -> Result<(), Refusal> {
    let other = if *form == CLUSTER { &TOPOLOGY } else { &CLUSTER };
    let spec = object.get("spec");
    let old_spec = old.and_then(|old| old.get("spec"));
    let had = |pointer: &str| old_spec.and_then(|spec| spec.pointer(pointer)).is_some();
    let fields = [
        ("placement", other.list, form.list),
        ("placement", other.selector, form.selector),
        ("placementMask", other.list, form.list),
    ];
    for (parent, key, write) in fields {
        let pointer = format!("/{parent}/{key}");
        if spec.and_then(|spec| spec.pointer(&pointer)).is_some() && !had(&pointer) {
            return refuse(format!("spec.{parent}.{key}"), other_form(form, other, write));
        }
    }
    for (key, write) in [(other.override_name, form.override_name), (other.patches, form.patches)] {
        if let Some(at) = override_with(spec, key)
            && override_with(old_spec, key).is_none()
        {
            return refuse(format!("spec.overrides[{at}].{key}"), other_form(form, other, write));
        }
    }
    Ok(())
}

fn override_with(spec: Option<&Value>, key: &str) -> Option<usize> {
    spec?.get("overrides")?.as_array()?.iter().position(|entry| entry.get(key).is_some())
}

fn other_form(form: &Form, other: &Form, write: &str) -> String {
    format!("is a field of {}, and this object is in {}; write {write}", other.version, form.version)
}

/// Where a name stands.
#[derive(Clone, Copy)]
enum Place {
    Placement(usize),
    Mask(usize),
    Override(usize),
}

impl Place {
    fn path(self) -> String {
        match self {
            Self::Placement(at) => format!("spec.placement.topologies[{at}].name"),
            Self::Mask(at) => format!("spec.placementMask.topologies[{at}].name"),
            Self::Override(at) => format!("spec.overrides[{at}].topologyName"),
        }
    }
}

/// The topologies that the spec of an object in the topology form names.
fn names(object: &Map<String, Value>) -> Vec<(Place, &str)> {
    let Some(spec) = object.get("spec") else { return Vec::new() };
    let list = |pointer: &str, key: &'static str, place: fn(usize) -> Place| {
        let entries = spec.pointer(pointer).and_then(Value::as_array).into_iter().flatten().enumerate();
        entries.filter_map(move |(at, entry)| Some((place(at), entry.get(key)?.as_str()?)))
    };
    list("/placement/topologies", "name", Place::Placement)
        .chain(list("/placementMask/topologies", "name", Place::Mask))
        .chain(list("/overrides", TOPOLOGY.override_name, Place::Override))
        .collect()
}

/// Whether a name is a topology of the type, or a cluster written out that the type has no name for.
fn check_name(name: &str, type_name: &str, map: &NameMap<'_>) -> Result<(), String> {
    let subdomain = "lower-case letters, digits, '-' and '.', at most 253, with a letter or digit at both ends of each part";
    if matches!(map, NameMap::Same) {
        return match name.strip_prefix(WRITTEN_OUT) {
            _ if is_subdomain(name) => Ok(()),
            Some(cluster) if is_subdomain(cluster) => {
                Err(format!("the topology type is {CLUSTER_TOPOLOGY} already; write {cluster}"))
            }
            _ => Err(format!("'{name}' cannot be a cluster's name; write {subdomain}")),
        };
    }
    if let Some(cluster) = name.strip_prefix(WRITTEN_OUT) {
        return match map.topology_of(cluster) {
            Some(topology) => Err(format!("'{cluster}' has a name as a {type_name}; write {topology}")),
            None if is_subdomain(cluster) => Ok(()),
            None => {
                Err(format!("'{cluster}' cannot be a cluster's name; write {WRITTEN_OUT} and {subdomain}"))
            }
        };
    }
    if matches!(map, NameMap::Typed { topology: None, .. }) {
        return Err(format!(
            "'{type_name}' is no longer a topology type, so that it cannot name '{name}'; write {WRITTEN_OUT} and a \
             cluster's name, or first declare it again by a TopologyType object of that name"
        ));
    }
    if map.agreed_cluster(name).is_some_and(|cluster| is_subdomain(&cluster)) {
        return Ok(());
    }
    let write = if type_name == CELL_TOPOLOGY {
        "a cell's name: at most 63 of lower-case letters, digits and '-', with a letter or digit at both ends"
            .to_owned()
    } else {
        format!("a name of which the type makes a cluster's name: {subdomain}")
    };
    let but = if is_subdomain(name) {
        format!(", or {WRITTEN_OUT}{name} for the cluster of this name")
    } else {
        String::new()
    };
    Err(format!("'{name}' cannot be a {type_name}; write {write}{but}"))
}

fn known(registry: &Registry) -> String {
    let names: Vec<_> = registry.names().collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn refuse(field: impl Into<String>, message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { field: field.into(), message: message.into() })
}
