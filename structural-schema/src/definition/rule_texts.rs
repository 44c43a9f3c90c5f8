//! Rules as they are written (`x-kubernetes-validations`).

use serde_json::Value;

use super::value::Source;
use crate::field_error::{Cause, FieldError};
use crate::go_text::{Encoder, json, json_string};
use crate::node::SchemaRef;
use crate::rules::{Expression, Known, normalized_field_path};

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

fn has_newline(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// Everything but the expressions.
pub(super) fn check(source: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    for (index, rule) in source.schemas("x-kubernetes-validations").into_iter().enumerate() {
        check_texts(rule, source, &format!("{path}.x-kubernetes-validations[{index}]"), errors);
    }
}

fn check_texts(rule: Source<'_>, schema: Source<'_>, path: &str, errors: &mut Vec<FieldError>) {
    let (text, message) = (rule.text("rule").trim(), rule.text("message"));
    let trimmed = message.trim();
    let at = |name: &str| format!("{path}.{name}");
    if text.is_empty() {
        errors.push(FieldError::required(at("rule"), "rule is not specified"));
    } else if !message.is_empty() && trimmed.is_empty() {
        errors.push(FieldError::invalid_text(at("message"), message, "must be non-empty if specified"));
    } else if has_newline(trimmed) {
        errors.push(FieldError::invalid_text(at("message"), message, "must not contain line breaks"));
    } else if has_newline(text) && trimmed.is_empty() {
        let detail = "message must be specified if rule contains line breaks";
        errors.push(FieldError::required(at("message"), detail));
    }
    let expression = rule.text("messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        let detail = "messageExpression must be non-empty if specified";
        errors.push(FieldError::required(at("messageExpression"), detail));
    }
    if let Some(reason) = rule.some_text("reason").filter(|reason| !REASONS.contains(reason)) {
        errors.push(FieldError::not_supported(at("reason"), &Value::from(reason), REASONS));
    }
    let field_path = rule.text("fieldPath");
    if !field_path.is_empty() {
        let mut refuse = |detail: &str| {
            errors.push(FieldError::invalid_text(at("fieldPath"), field_path, detail));
        };
        if field_path.trim().is_empty() {
            refuse("must be non-empty if specified");
        }
        if has_newline(field_path) {
            refuse("must not contain line breaks");
        }
        if normalized_field_path(field_path, schema.0).is_err() {
            refuse("must be a valid path");
        }
    }
}

/// The expressions, and whether an old value can be had. `uncorrelated` is the place above from where on it cannot.
pub(super) fn check_programs(
    source: Source<'_>,
    schema: SchemaRef<'_>,
    is_resource: bool,
    uncorrelated: Option<&str>,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    for (index, rule) in source.schemas("x-kubernetes-validations").into_iter().enumerate() {
        let path = format!("{path}.x-kubernetes-validations[{index}]");
        let own = Known::Schema(schema, is_resource);
        let optional = rule.flag("optionalOldSelf");
        let program = checked(rule.text("rule"), own, optional);
        let uses_old_self = program.as_ref().is_ok_and(Expression::uses_old_self);
        match program {
            Err(error) => {
                let detail = format!("compilation failed: {error}");
                errors.push(FieldError::shown(Cause::Invalid, format!("{path}.rule"), &shown(rule), &detail));
            }
            Ok(program) if program.is_surely_not("bool", own) => {
                let detail = "cel expression must evaluate to a bool";
                errors.push(FieldError::shown(Cause::Invalid, format!("{path}.rule"), &shown(rule), detail));
            }
            Ok(_) => {
                check_message(rule, own, optional, &path, errors);
            }
        }
        if let (true, Some(place)) = (uses_old_self, uncorrelated) {
            let detail =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {place}");
            errors.push(FieldError::invalid_text(format!("{path}.rule"), rule.text("rule"), &detail));
        } else if let (false, Some(value)) = (uses_old_self, rule.get("optionalOldSelf")) {
            let detail = "may not be set if oldSelf is not used in rule";
            errors.push(FieldError::invalid(format!("{path}.optionalOldSelf"), value, detail));
        }
    }
}

fn check_message(rule: Source<'_>, own: Known<'_>, optional: bool, path: &str, errors: &mut Vec<FieldError>) {
    let text = rule.text("messageExpression");
    if text.is_empty() {
        return;
    }
    let detail = match checked(text, own, optional) {
        Err(error) => format!("messageExpression compilation failed: {error}"),
        Ok(program) if program.is_surely_not("string", own) => {
            "messageExpression must evaluate to a string".to_owned()
        }
        Ok(_) => return,
    };
    errors.push(FieldError::shown(
        Cause::Invalid,
        format!("{path}.messageExpression"),
        &shown(rule),
        &detail,
    ));
}

fn checked(text: &str, own: Known<'_>, optional: bool) -> Result<Expression, String> {
    let program = Expression::compile(text)?;
    match program.unknown_name(own, optional) {
        Some(error) => Err(format!("ERROR: <input>:1:1: {error}")),
        None => Ok(program),
    }
}

/// A rule as errors show it: in the form of the API server's own type.
fn shown(rule: Source<'_>) -> String {
    let text = |name: &str| json_string(rule.text(name), Encoder::Standard);
    let value =
        |name: &str| rule.get(name).map_or_else(|| "null".to_owned(), |value| json(value, Encoder::Standard));
    format!(
        r#"{{"Rule":{},"Message":{},"MessageExpression":{},"Reason":{},"FieldPath":{},"OptionalOldSelf":{}}}"#,
        text("rule"),
        text("message"),
        text("messageExpression"),
        value("reason"),
        text("fieldPath"),
        value("optionalOldSelf"),
    )
}
