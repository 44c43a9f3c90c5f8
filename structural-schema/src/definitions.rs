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
