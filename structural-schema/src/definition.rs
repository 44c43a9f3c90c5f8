//! What is wrong with the schema of a custom resource definition: what kube-apiserver refuses when the definition is
//! written.
//!
//! "Extend the Kubernetes API with CustomResourceDefinitions", sections "Specifying a structural schema",
//! "Validation", "Defaulting" and "Validation rules".

mod completeness;
mod defaults;
mod keywords;
mod lists;
mod rule_texts;
mod structural;
mod value;

use serde_json::Value;

use crate::field_error::FieldError;
use crate::node::Schema;
use value::Source;

/// What a root schema may say besides, if the status subresource is on: the schema of `status` is used by itself.
const ALLOWED_AT_ROOT: [&str; 22] = [
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
    "Required",
    "Items",
    "Properties",
    "ExternalDocs",
    "Example",
    "XPreserveUnknownFields",
    "XValidations",
];

/// Checks an `openAPIV3Schema`. `path` is its field in the definition, such as
/// `spec.versions[0].schema.openAPIV3Schema` or `spec.validation.openAPIV3Schema`, with which the errors' fields begin;
/// `has_status` says whether the version has the status subresource.
///
/// Expressions are checked for their syntax and for names that nothing has; what they may cost is limited when they
/// are evaluated.
pub fn check_definition(schema: &Value, path: &str, has_status: bool) -> Vec<FieldError> {
    let Some(source) = Source::of(schema) else {
        return vec![FieldError::invalid(path, schema, "must be an object")];
    };
    let mut errors = Vec::new();
    if has_status {
        check_root(source, schema, path, &mut errors);
    }
    if source.flag("nullable") {
        errors.push(FieldError::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    let unsupported = structural::unsupported(source);
    let mut compiled = None;
    if unsupported.is_none() {
        let mut found = structural_errors(source, path);
        if found.is_empty()
            && let Ok(schema) = Schema::compile(schema)
        {
            defaults::check(source, schema.root(), path, &mut found);
            if found.is_empty() {
                compiled = Some(schema);
            }
        }
        errors.append(&mut found);
    }
    let (mut of_schema, mut of_rules) = keywords::check(source, path, compiled.as_ref());
    errors.append(&mut of_schema);
    errors.append(&mut of_rules);
    if let Some(detail) = unsupported.filter(|_| errors.is_empty()) {
        errors.push(FieldError::invalid_text(path, "", &detail));
    }
    errors
}

/// Why a schema is not structural: the violations that the condition `NonStructuralSchema` of a definition lists, in
/// order. `path` is as in [`check_definition`].
pub fn structural_violations(schema: &Value, path: &str) -> Vec<FieldError> {
    match Source::of(schema) {
        None => vec![FieldError::invalid(path, schema, "must be an object")],
        Some(source) => match structural::unsupported(source) {
            Some(detail) => vec![FieldError::invalid_text(path, "", &detail)],
            None => structural_errors(source, path),
        },
    }
}

fn structural_errors(source: Source<'_>, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    structural::check(source, path, &mut errors);
    completeness::check(source, path, &mut errors);
    errors.sort_by_cached_key(ToString::to_string);
    errors
}

fn check_root(source: Source<'_>, schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let kind = source.text("type");
    if !kind.is_empty() && kind != "object" {
        let detail = r#"only "object" is allowed as the type at the root of the schema if the status subresource is enabled"#;
        errors.push(FieldError::invalid_text(format!("{path}.type"), kind, detail));
        return;
    }
    let is_allowed = |name: &str| {
        let name = name
            .strip_prefix("x-kubernetes-")
            .map_or_else(|| name.to_lowercase(), |extension| format!("x{}", extension.replace('-', "")));
        ALLOWED_AT_ROOT.iter().any(|allowed| allowed.to_lowercase() == name)
    };
    if source.said().any(|name| !is_allowed(name)) {
        let detail = format!(
            "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
            ALLOWED_AT_ROOT.join(" ")
        );
        errors.push(FieldError::invalid(path, schema, &detail));
    }
}
