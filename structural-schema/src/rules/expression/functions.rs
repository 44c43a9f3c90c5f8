//! The functions that expressions can call: Kubernetes' own, and what the interpreter lacks of CEL's: types as values.

use std::sync::{Arc, LazyLock};

use kube_cel::KubeCelExt as _;
use kube_cel::cel::{Context, ResolveResult, Value};

/// Functions, and the names of types.
pub(super) static FUNCTIONS: LazyLock<Context<'static>> = LazyLock::new(|| {
    let mut context = Context::default().with_all();
    context.add_function("type", |value: Value| -> ResolveResult { Ok(type_named(type_name(&value))) });
    context.add_function("dyn", |value: Value| -> ResolveResult { Ok(value) });
    super::growth::add_functions(&mut context);
    for name in TYPES {
        context.add_variable_from_value(name, type_named(name));
    }
    context
});

/// The names of CEL's types.
pub(super) const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint", "type"];

/// A type as a value. It is a text that no object holds, since values of the interpreter are of a closed set of types.
fn type_named(name: &str) -> Value {
    Value::String(Arc::new(format!("\0type {name}")))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Int(_) => "int",
        Value::UInt(_) => "uint",
        Value::Float(_) => "double",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Bool(_) => "bool",
        Value::Null => "null_type",
        Value::Duration(_) => "google.protobuf.Duration",
        Value::Timestamp(_) => "google.protobuf.Timestamp",
        Value::Function(..) | Value::Opaque(_) => "object",
    }
}
