//! Schemas of built-in types, as an API server publishes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::compile::{CompileError, Compiler, Origin};
use crate::node::Schema;

/// Compiled definitions by name, such as `io.k8s.api.core.v1.ConfigMap`. All share one arena.
#[derive(Clone, Debug)]
pub struct Definitions {
    schemas: BTreeMap<String, Schema>,
}

impl Definitions {
    /// Compiles the `components.schemas` of an OpenAPI v3 document (or the `definitions` of a v2 one).
    pub fn compile(definitions: &Map<String, Value>) -> Result<Self, CompileError> {
        let mut compiler = Compiler::new(definitions, Origin::BuiltIn);
        let mut ids = BTreeMap::new();
        for name in definitions.keys() {
            ids.insert(name.clone(), compiler.definition(name, name)?);
        }
        let arena = Arc::new(compiler.finish());
        let schemas =
            ids.into_iter().map(|(name, root)| (name, Schema { arena: Arc::clone(&arena), root })).collect();
        Ok(Self { schemas })
    }

    /// The schema of a definition.
    pub fn get(&self, name: &str) -> Option<&Schema> {
        self.schemas.get(name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::MapType;

    #[test]
    fn what_stands_beside_a_reference_is_the_fields_own() {
        let definitions = json!({
            "Holder": {"type": "object", "properties": {
                "whole": {"$ref": "#/definitions/Held", "x-kubernetes-map-type": "atomic"},
                "wrapped": {"allOf": [{"$ref": "#/definitions/Held"}], "x-kubernetes-map-type": "atomic", "default": {}},
                "parts": {"$ref": "#/definitions/Held"},
                "split": {"$ref": "#/definitions/Whole", "x-kubernetes-map-type": "granular"},
                "kept": {"$ref": "#/definitions/Whole", "default": {}},
            }},
            "Held": {"type": "object", "properties": {"a": {"type": "string"}}},
            "Whole": {"type": "object", "x-kubernetes-map-type": "atomic"},
        });
        let definitions = Definitions::compile(definitions.as_object().unwrap()).unwrap();
        let root = definitions.get("Holder").unwrap().root();
        let of = |name: &str| root.property(name).unwrap().node().map_type;
        assert_eq!(["whole", "wrapped", "kept"].map(of), [MapType::Atomic; 3]);
        assert_eq!(["parts", "split"].map(of), [MapType::Granular; 2]);
    }
}
