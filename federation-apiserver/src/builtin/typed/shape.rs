//! The Go types behind published definitions.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What a place in an object holds.
#[derive(Clone, Debug)]
pub(in crate::builtin) enum Shape {
    /// Any JSON, kept as it is.
    Any,
    /// A struct, as an index of [`Types`].
    Struct(usize),
    /// `map[string]T`.
    Map(Box<Shape>),
    /// `[]T`.
    List(Box<Shape>),
    Text,
    /// `[]byte`, in base64.
    Bytes,
    Bool,
    /// An integer of this many bits.
    Integer(u8),
    Number,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub(in crate::builtin) struct Field {
    pub(in crate::builtin) shape: Shape,
    /// What it holds when nothing was written: a declared default, or the zero value that is always written out.
    pub(in crate::builtin) default: Option<Value>,
    /// It is written out even when it is empty.
    pub(in crate::builtin) required: bool,
}

/// A struct.
#[derive(Clone, Debug, Default)]
pub(in crate::builtin) struct Struct {
    /// Its definition's name without `io.k8s.api.`, such as `core.v1.Container`.
    pub(in crate::builtin) name: String,
    pub(in crate::builtin) fields: HashMap<String, Field>,
}

/// The types of a group and version.
#[derive(Debug, Default)]
pub(in crate::builtin) struct Types {
    structs: Vec<Struct>,
    by_definition: HashMap<String, Shape>,
}

impl Types {
    /// The types behind published definitions.
    pub(in crate::builtin) fn of(published: &Map<String, Value>) -> Self {
        let mut types = Self::default();
        for name in published.keys() {
            types.definition(name, published);
        }
        types
    }

    pub(in crate::builtin) fn get(&self, definition: &str) -> Option<&Shape> {
        self.by_definition.get(definition)
    }

    pub(in crate::builtin) fn of_struct(&self, index: usize) -> &Struct {
        &self.structs[index]
    }

    fn definition(&mut self, name: &str, published: &Map<String, Value>) -> Shape {
        if let Some(shape) = self.by_definition.get(name) {
            return shape.clone();
        }
        let properties = published.get(name).and_then(|schema| schema.get("properties")?.as_object());
        let shape = match (name.rsplit('.').next().unwrap_or(name), properties) {
            ("Quantity", _) => Shape::Quantity,
            ("IntOrString", _) => Shape::IntOrString,
            ("Time", _) => Shape::Time,
            ("MicroTime", _) => Shape::MicroTime,
            (_, None) => Shape::Any,
            (_, Some(properties)) => {
                // Named before its fields are known: a definition may contain itself.
                let index = self.structs.len();
                let name_in_go = name.strip_prefix("io.k8s.api.").unwrap_or(name).to_owned();
                self.structs.push(Struct { name: name_in_go, fields: HashMap::new() });
                self.by_definition.insert(name.to_owned(), Shape::Struct(index));
                let required = published[name]["required"].as_array();
                let required = |field: &str| required.is_some_and(|all| all.iter().any(|one| one == field));
                let fields = properties.iter().map(|(field, schema)| {
                    let shape = self.schema(schema, published);
                    let default = schema.get("default").cloned();
                    (field.clone(), Field { shape, default, required: required(field) })
                });
                let fields = fields.collect();
                self.structs[index].fields = fields;
                Shape::Struct(index)
            }
        };
        self.by_definition.insert(name.to_owned(), shape.clone());
        shape
    }

    fn schema(&mut self, schema: &Value, published: &Map<String, Value>) -> Shape {
        let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"));
        if let Some(name) = reference.and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
            return self.definition(name, published);
        }
        let format = schema.get("format").and_then(Value::as_str);
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => match schema.get("additionalProperties") {
                Some(values) => Shape::Map(Box::new(self.schema(values, published))),
                None => Shape::Any,
            },
            Some("array") => match schema.get("items") {
                Some(items) => Shape::List(Box::new(self.schema(items, published))),
                None => Shape::Any,
            },
            Some("string") if format == Some("byte") => Shape::Bytes,
            Some("string") => Shape::Text,
            Some("boolean") => Shape::Bool,
            Some("integer") => Shape::Integer(if format == Some("int64") { 64 } else { 32 }),
            Some("number") => Shape::Number,
            _ => Shape::Any,
        }
    }
}

impl Shape {
    /// The type's name in what Go says of a value that does not fit.
    pub(super) fn go(&self, types: &Types) -> String {
        match self {
            Self::Any => "interface {}".to_owned(),
            Self::Struct(index) => package_and_name(&types.of_struct(*index).name),
            Self::Map(values) => format!("map[string]{}", values.go(types)),
            Self::List(items) => format!("[]{}", items.go(types)),
            Self::Text | Self::Quantity | Self::Time | Self::MicroTime => "string".to_owned(),
            Self::Bytes => "[]uint8".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Integer(bits) => format!("int{bits}"),
            Self::IntOrString => "int32".to_owned(),
            Self::Number => "float64".to_owned(),
        }
    }
}

/// `v1.Container` of `core.v1.Container`.
fn package_and_name(name: &str) -> String {
    let mut parts: Vec<_> = name.rsplitn(3, '.').take(2).collect();
    parts.reverse();
    parts.join(".")
}
