//! The rules of custom resources, from the schema of their definition.

use serde_json::Value;
use structural_schema::Schema;

use super::scale;
use crate::FieldError;
use crate::builtin::{self, NameRule, validate_metadata};
use crate::object;
use crate::resource::{Rules, ScalePaths};

/// The rules of one version of a custom resource.
pub(super) struct CustomRules {
    pub(super) schema: Schema,
    pub(super) namespaced: bool,
    /// `status` is a subresource.
    pub(super) status: bool,
    /// `scale` is a subresource, with its fields here.
    pub(super) scale: Option<ScalePaths>,
}

impl Rules for CustomRules {
    fn schema(&self) -> Option<&Schema> {
        Some(&self.schema)
    }

    fn read(&self, mut object: Value) -> Result<(Value, Vec<String>), String> {
        let metadata = object.get_mut("metadata").map(Value::take).unwrap_or_default();
        let mut unknown = self.schema.prune(&mut object);
        if !metadata.is_null() {
            let (metadata, more) = builtin::read_metadata(metadata)?;
            object::set_top(&mut object, "metadata", Some(metadata));
            unknown.extend(more);
        }
        Ok((object, unknown))
    }

    fn default(&self, object: &mut Value) {
        self.schema.default(object);
    }

    fn prepare_create(&self, object: &mut Value) {
        if self.status {
            object::set_top(object, "status", None);
        }
        object::set(object, "generation", Some(1.into()));
        self.default(object);
    }

    fn prepare_update(&self, subresource: &str, object: &mut Value, old: &Value) {
        if subresource == "status" {
            let managed = object["metadata"].get("managedFields").cloned();
            let status = object.get("status").cloned();
            let version = object["metadata"].get("resourceVersion").cloned();
            *object = old.clone();
            object::set(object, "managedFields", managed);
            object::set(object, "resourceVersion", version);
            object::set_top(object, "status", status);
        } else if self.status {
            object::set_top(object, "status", old.get("status").cloned());
        }
        self.default(object);
        let ignored: &[&str] = if self.status { &["metadata", "status"] } else { &["metadata"] };
        let mut generation = old["metadata"]["generation"].as_i64().unwrap_or(0);
        if !object::same_but(object, old, ignored) {
            generation += 1;
        }
        object::set(object, "generation", (generation > 0).then(|| generation.into()));
    }

    fn validate(&self, subresource: &str, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = validate_metadata(object, old, self.namespaced, NameRule::Subdomain);
        let scale = self.scale.as_ref();
        match (subresource, old) {
            ("status", Some(old)) => {
                errors.extend(self.schema.validate_status(object, old));
                errors.extend(scale.into_iter().flat_map(|paths| scale::wrong_status(object, paths)));
            }
            _ => {
                errors.extend(self.schema.validate(object, old));
                errors.extend(scale.and_then(|paths| scale::wrong_spec(object, paths)));
                errors.extend(scale.into_iter().flat_map(|paths| scale::wrong_status(object, paths)));
            }
        }
        errors
    }
}
