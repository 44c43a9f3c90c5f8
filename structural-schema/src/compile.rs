//! From a schema's JSON to its compiled form.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::keywords::Keywords;
use crate::node::{Additional, Kind, ListType, MapType, Node, Patch, Schema, SchemaRef};

/// A schema that cannot be compiled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CompileError {
    /// A schema is not a JSON object.
    #[error("{path}: a schema is an object")]
    NotAnObject {
        /// Where, as a path of fields.
        path: String,
    },
    /// A `type` that is not one of JSON's.
    #[error("{path}.type: {found:?} is not a type; write object, array, string, integer, number or boolean")]
    UnknownType {
        /// Where, as a path of fields.
        path: String,
        /// What was written.
        found: String,
    },
    /// A `$ref` to a definition that is not there.
    #[error("{path}.$ref: there is no definition {found:?}")]
    UnknownReference {
        /// Where, as a path of fields.
        path: String,
        /// What was written.
        found: String,
    },
}

/// What a schema is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A custom resource: values are checked by it.
    Custom,
    /// A built-in type: it is read for its structure.
    BuiltIn,
}

/// Compiles schemas into one arena.
pub(crate) struct Compiler<'a> {
    definitions: &'a Map<String, Value>,
    by_name: HashMap<String, usize>,
    origin: Origin,
    arena: Vec<Node>,
    variants: Vec<Variant>,
}

/// A field that says more than the definition it refers to. Its node is filled in at the end: until then the
/// definition may be the one that is being built.
struct Variant {
    id: usize,
    of: usize,
    patch: Patch,
    map_type: Option<MapType>,
    default: Option<Value>,
}

impl Schema {
    /// Compiles an `openAPIV3Schema`.
    ///
    /// What a structural schema forbids is not refused here; see the rules of the definitions' validation.
    pub fn compile(schema: &Value) -> Result<Self, CompileError> {
        let definitions = Map::new();
        let mut compiler = Compiler::new(&definitions, Origin::Custom);
        let root = compiler.node(schema, "openAPIV3Schema")?;
        let mut arena = compiler.finish();
        prune_defaults(&mut arena);
        Ok(Self { arena: Arc::new(arena), root })
    }
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(definitions: &'a Map<String, Value>, origin: Origin) -> Self {
        Self { definitions, by_name: HashMap::new(), origin, arena: Vec::new(), variants: Vec::new() }
    }

    /// The node of a named definition, compiled when it is first asked for.
    pub(crate) fn definition(&mut self, name: &str, path: &str) -> Result<usize, CompileError> {
        if let Some(id) = self.by_name.get(name) {
            return Ok(*id);
        }
        let definitions = self.definitions;
        let schema = definitions.get(name).ok_or_else(|| CompileError::UnknownReference {
            path: path.to_owned(),
            found: name.to_owned(),
        })?;
        let id = self.arena.len();
        self.arena.push(Node::default());
        self.by_name.insert(name.to_owned(), id);
        self.arena[id] = self.build(schema, name)?;
        Ok(id)
    }

    /// The arena, complete.
    pub(crate) fn finish(mut self) -> Vec<Node> {
        for variant in self.variants {
            let definition = self.arena[variant.of].clone();
            self.arena[variant.id] = Node {
                patch: variant.patch,
                map_type: variant.map_type.unwrap_or(definition.map_type),
                default: variant.default.or(definition.default.clone()),
                ..definition
            };
        }
        mark_what_is_below(&mut self.arena);
        self.arena
    }

    /// The node of a schema; one that only refers to a definition is that definition's.
    pub(crate) fn node(&mut self, schema: &Value, path: &str) -> Result<usize, CompileError> {
        let object = schema.as_object().ok_or_else(|| CompileError::NotAnObject { path: path.to_owned() })?;
        if let Some(target) = reference(object) {
            let id = self.definition(target, path)?;
            // Published schemas put what belongs to the field beside the reference; the definition is shared.
            let (patch, map_type) = (Patch::of(object), map_type(object));
            if patch == Patch::default() && map_type.is_none() && !object.contains_key("default") {
                return Ok(id);
            }
            self.arena.push(Node::default());
            let field = Variant {
                id: self.arena.len() - 1,
                of: id,
                patch,
                map_type,
                default: object.get("default").cloned(),
            };
            self.variants.push(field);
            return Ok(self.arena.len() - 1);
        }
        let node = self.build(schema, path)?;
        self.arena.push(node);
        Ok(self.arena.len() - 1)
    }

    fn build(&mut self, schema: &Value, path: &str) -> Result<Node, CompileError> {
        let Some(object) = schema.as_object() else {
            return Err(CompileError::NotAnObject { path: path.to_owned() });
        };
        let flag = |name: &str| object.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let mut node = Node {
            kind: kind(object, path)?,
            nullable: flag("nullable"),
            list_type: list_type(object),
            map_type: map_type(object).unwrap_or_default(),
            patch: Patch::of(object),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            int_or_string: flag("x-kubernetes-int-or-string") || text("format") == Some("int-or-string"),
            default: object.get("default").filter(|value| !value.is_null()).cloned(),
            required: strings(object.get("required")),
            built_in: matches!(self.origin, Origin::BuiltIn),
            has_format: matches!(self.origin, Origin::Custom)
                && !matches!(text("format"), None | Some("" | "byte")),
            additional_forbidden: object.get("additionalProperties") == Some(&Value::Bool(false)),
            keywords: match self.origin {
                Origin::Custom => self.keywords(object, path)?.map(Arc::new),
                Origin::BuiltIn => None,
            },
            ..Node::default()
        };
        if let Some(properties) = object.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let id = self.node(property, &format!("{path}.properties[{name}]"))?;
                node.properties.insert(name.clone(), id);
            }
        }
        node.additional = match object.get("additionalProperties") {
            None | Some(Value::Bool(false)) => Additional::None,
            Some(Value::Bool(true)) => Additional::Any,
            Some(schema) => Additional::Of(self.node(schema, &format!("{path}.additionalProperties"))?),
        };
        node.items = match object.get("items") {
            None => None,
            Some(schema) => Some(self.node(schema, &format!("{path}.items"))?),
        };
        node.opaque = self.origin == Origin::BuiltIn
            && matches!(node.kind, None | Some(Kind::Object))
            && node.properties.is_empty()
            && node.additional == Additional::None;
        Ok(node)
    }

    fn keywords(
        &mut self,
        object: &Map<String, Value>,
        path: &str,
    ) -> Result<Option<Keywords>, CompileError> {
        let mut keywords = Keywords::of(object);
        for (name, into) in [
            ("allOf", &mut keywords.all_of),
            ("anyOf", &mut keywords.any_of),
            ("oneOf", &mut keywords.one_of),
        ] {
            for (index, schema) in
                object.get(name).and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                into.push(self.node(schema, &format!("{path}.{name}[{index}]"))?);
            }
        }
        if let Some(schema) = object.get("not") {
            keywords.not = Some(self.node(schema, &format!("{path}.not"))?);
        }
        Ok((!keywords.is_empty()).then_some(keywords))
    }
}

/// Notes at every node what is at or below it. Types may contain themselves, so this goes on until nothing changes.
fn mark_what_is_below(arena: &mut [Node]) {
    for node in arena.iter_mut() {
        node.has_embedded = node.embedded;
        node.has_list_types = node.list_type != ListType::Atomic;
        node.has_rules = node.keywords.as_ref().is_some_and(|keywords| !keywords.rules.is_empty());
    }
    let mut changed = true;
    while changed {
        changed = false;
        for id in 0..arena.len() {
            let below = |has: fn(&Node) -> bool| {
                has(&arena[id]) || arena[id].children().any(|child| has(&arena[child]))
            };
            let marks = (
                below(|node| node.has_embedded),
                below(|node| node.has_list_types),
                below(|node| node.has_rules),
            );
            let node = &mut arena[id];
            changed |= marks != (node.has_embedded, node.has_list_types, node.has_rules);
            (node.has_embedded, node.has_list_types, node.has_rules) = marks;
        }
    }
}

/// Defaults are given pruned. Definitions that were stored before this was asked of them may have others.
fn prune_defaults(arena: &mut [Node]) {
    for id in 0..arena.len() {
        if let Some(mut default) = arena[id].default.take() {
            SchemaRef::new(arena, id).prune(&mut default, false);
            arena[id].default = Some(default);
        }
    }
}

/// The name of the definition that a schema refers to, in OpenAPI v2, v3, or v3's form with a default beside it.
fn reference(object: &Map<String, Value>) -> Option<&str> {
    let direct = object.get("$ref").and_then(Value::as_str);
    let wrapped = || match object.get("allOf")?.as_array()?.as_slice() {
        [only] => only.get("$ref")?.as_str(),
        _ => None,
    };
    direct.or_else(wrapped)?.rsplit('/').next()
}

fn kind(object: &Map<String, Value>, path: &str) -> Result<Option<Kind>, CompileError> {
    Ok(Some(match object.get("type").and_then(Value::as_str) {
        None | Some("") => return Ok(None),
        Some("object") => Kind::Object,
        Some("array") => Kind::Array,
        Some("string") if object.get("format").and_then(Value::as_str) == Some("int-or-string") => {
            return Ok(None);
        }
        Some("string") => Kind::String,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some(other) => {
            return Err(CompileError::UnknownType { path: path.to_owned(), found: other.to_owned() });
        }
    }))
}

/// How an object merges, where the schema says so.
fn map_type(object: &Map<String, Value>) -> Option<MapType> {
    match object.get("x-kubernetes-map-type")?.as_str()? {
        "atomic" => Some(MapType::Atomic),
        "granular" => Some(MapType::Granular),
        _ => None,
    }
}

fn list_type(object: &Map<String, Value>) -> ListType {
    match object.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(strings(object.get("x-kubernetes-list-map-keys"))),
        _ => ListType::Atomic,
    }
}

impl Patch {
    fn of(object: &Map<String, Value>) -> Self {
        let strategy = object.get("x-kubernetes-patch-strategy").and_then(Value::as_str).unwrap_or_default();
        let has = |wanted: &str| strategy.split(',').any(|one| one == wanted);
        Self {
            merge: has("merge"),
            replace: has("replace"),
            retain_keys: has("retainKeys"),
            merge_key: object.get("x-kubernetes-patch-merge-key").and_then(Value::as_str).map(str::to_owned),
        }
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}
