//! Validation of whole objects, in the order in which kube-apiserver goes about it.

use serde_json::Value;

use crate::field_error::{Cause, FieldError};
use crate::node::Schema;
use crate::path::{NIL, Path};
use crate::rules::Budget;
use crate::{embedded, list_types, open_api, rules};

impl Schema {
    /// What is wrong with a custom resource: OpenAPI keywords first, then embedded resources, lists that are sets or
    /// maps, and the rules in CEL.
    ///
    /// `old` is the stored object that an update replaces, in the same version. What the update does not change is not
    /// refused by keywords, nor by rules that do not look at the old value. The object is one that has been pruned and
    /// defaulted. Its own `apiVersion`, `kind` and `metadata` are looked at only as far as the schema speaks of them.
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = open_api::validate(self.root(), object, old, None);
        embedded::validate(self.root(), object, &Path::Root, false, &mut errors);
        self.validate_lists(object, old, &mut errors);
        self.validate_rules(object, old, &mut errors);
        errors
    }

    /// As [`Schema::validate`], for an update of the status subresource: keywords are checked only below `status`.
    pub fn validate_status(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = match (self.root().property("status"), object.get("status")) {
            (Some(schema), Some(status)) => {
                open_api::validate(schema, status, old.get("status"), Some("status"))
            }
            _ => Vec::new(),
        };
        self.validate_lists(object, Some(old), &mut errors);
        self.validate_rules(object, Some(old), &mut errors);
        errors
    }

    /// Rules are evaluated of objects whose values are of the types and sizes that the rules were written for.
    fn validate_rules(&self, object: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
        if !self.root().node().has_rules {
            return;
        }
        if errors.iter().any(|error| is_blocking(error.cause)) {
            let detail = "some validation rules were not checked because the object was invalid; correct the existing \
                          errors to complete validation";
            errors.push(FieldError::invalid(NIL, &Value::Null, detail));
            return;
        }
        errors.extend(rules::validate(self.root(), object, old, true, &Path::Root, &Budget::new()));
    }

    /// Lists in which something stands twice are not refused where there were such lists before.
    fn validate_lists(&self, object: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
        let found = |object: &Value| {
            let mut found = Vec::new();
            list_types::validate(self.root(), object, &Path::Root, &mut found);
            found
        };
        let new = found(object);
        if !new.is_empty() && old.is_none_or(|old| found(old).is_empty()) {
            errors.extend(new);
        }
    }
}

fn is_blocking(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NotSupported | Cause::Required | Cause::TooLong | Cause::TooMany | Cause::TypeInvalid
    )
}
