//! What a built-in object holds that nobody wrote.
//!
//! Kubernetes declares defaults by type (`SetDefaults_*` in `k8s.io/kubernetes/pkg/apis/*/*/defaults.go`), and applies
//! them wherever the type occurs, from the outside in. So do these.

mod config;
mod network;
mod pods;
mod storage;
mod workloads;

use serde_json::{Map, Value};

use super::kind::Kind;
use super::schemas;
use super::typed::{Field, Shape, Types};

/// The fields of one struct of an object.
type Fields = Map<String, Value>;

/// Sets the defaults of an object that was read as its type. A second time changes nothing.
pub fn set_defaults(kind: &Kind, object: &mut Value) {
    if let Some(types) = schemas::types(kind.group_version)
        && let Some(shape) = types.get(&kind.definition())
    {
        visit(types, shape, object);
    }
}

fn visit(types: &Types, shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Struct(index), Value::Object(fields)) => {
            let this = types.of_struct(*index);
            if let Some(set) = of_type(&this.name) {
                set(fields);
            }
            for (name, field) in &this.fields {
                if !fields.contains_key(name)
                    && let Some(value) = unwritten(&this.name, name, field)
                {
                    fields.insert(name.clone(), value);
                }
                if let Some(value) = fields.get_mut(name) {
                    visit(types, &field.shape, value);
                }
            }
        }
        (Shape::Map(values), Value::Object(all)) => {
            all.values_mut().for_each(|value| visit(types, values, value));
        }
        (Shape::List(items), Value::Array(all)) => {
            all.iter_mut().for_each(|value| visit(types, items, value));
        }
        _ => {}
    }
}

/// Whether a list or time is written, as null, although nobody has to give it.
pub(super) fn is_always_written(within: &str, name: &str) -> bool {
    const NULL: [(&str, &str); 9] = [
        ("autoscaling.v2.HorizontalPodAutoscalerStatus", "currentMetrics"),
        ("core.v1.Event", "eventTime"),
        ("core.v1.Event", "firstTimestamp"),
        ("core.v1.Event", "lastTimestamp"),
        ("events.v1.Event", "deprecatedFirstTimestamp"),
        ("events.v1.Event", "deprecatedLastTimestamp"),
        ("events.v1.Event", "eventTime"),
        ("rbac.v1.ClusterRole", "rules"),
        ("rbac.v1.Role", "rules"),
    ];
    NULL.contains(&(within, name))
}

/// What an absent field is written as: a declared default, the zero value of a field that is always written, or null
/// where a list, map or time is always written.
fn unwritten(within: &str, name: &str, field: &Field) -> Option<Value> {
    if is_always_written(within, name) {
        return Some(Value::Null);
    }
    match field.shape {
        Shape::Time | Shape::MicroTime | Shape::Quantity => None,
        Shape::List(_) | Shape::Map(_) => field.required.then_some(Value::Null),
        _ => field.default.clone(),
    }
}

/// The defaults of a type.
fn of_type(name: &str) -> Option<fn(&mut Fields)> {
    let (package, kind) = name.rsplit_once('.')?;
    match package {
        "apps.v1" | "batch.v1" | "autoscaling.v2" | "policy.v1" => workloads::of_type(kind),
        "core.v1" => pods::of_type(kind)
            .or_else(|| network::of_type(kind))
            .or_else(|| storage::of_type(kind))
            .or_else(|| config::of_type(kind)),
        "networking.v1" | "discovery.v1" => network::of_type(kind),
        "storage.v1" => storage::of_type(kind),
        _ => config::of_type(kind),
    }
}

/// Sets a field that is absent, null or an empty text.
fn set(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    let unset = fields.get(name).is_none_or(|now| now.is_null() || now == "");
    if unset {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Sets a number that is absent or zero.
fn set_number(fields: &mut Fields, name: &str, value: i64) {
    if fields.get(name).and_then(Value::as_i64).unwrap_or(0) == 0 {
        fields.insert(name.to_owned(), value.into());
    }
}

/// A struct in a field, made when it is absent.
fn object<'a>(fields: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    let value = fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_empty(fields: &Fields, name: &str) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::Array(values)) => values.is_empty(),
        Some(Value::Object(object)) => object.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}
