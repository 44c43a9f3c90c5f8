//! The options of a request, as a review tells them (`meta.k8s.io/v1`).

use serde_json::{Value, json};

use crate::admission::{Attributes, Operation, Options};
use crate::request::FieldValidation;

/// `CreateOptions`, `UpdateOptions` or `DeleteOptions`. A patch is told as the create or update that it comes to.
pub(super) fn of(write: &Attributes<'_>) -> Value {
    let kind = match write.operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if write.dry_run {
        options["dryRun"] = json!(["All"]);
    }
    match write.options {
        Options::Write(given) => {
            if let Some(manager) = &given.field_manager {
                options["fieldManager"] = manager.as_str().into();
            }
            // What is the default is not told, as if it had not been asked for.
            match given.field_validation {
                FieldValidation::Ignore => options["fieldValidation"] = "Ignore".into(),
                FieldValidation::Strict => options["fieldValidation"] = "Strict".into(),
                FieldValidation::Warn => {}
            }
        }
        Options::Delete(given) => {
            if let Some(policy) = &given.propagation_policy {
                options["propagationPolicy"] = policy.as_str().into();
            }
            if let Some(seconds) = given.grace_period_seconds {
                options["gracePeriodSeconds"] = seconds.into();
            }
            for (field, value) in [("uid", &given.uid), ("resourceVersion", &given.resource_version)] {
                if let Some(value) = value {
                    options["preconditions"][field] = value.as_str().into();
                }
            }
        }
    }
    options
}
