//! Rules in CEL (`x-kubernetes-validations`), compiled once with the schema.
//!
//! "Extend the Kubernetes API with CustomResourceDefinitions", section "Validation rules"; "Common Expression Language
//! in Kubernetes".

mod budget;
mod condition;
mod evaluate;
mod expression;
mod field_path;
mod value;

use serde_json::{Map, Value};

use crate::field_error::Cause;

pub(crate) use budget::Budget;
pub use condition::Condition;
pub(crate) use evaluate::validate;
pub(crate) use expression::{Expression, Known};
pub(crate) use field_path::normalized as normalized_field_path;
pub(crate) use value::escaped;

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The rule as errors show it.
    text: String,
    program: Result<Expression, String>,
    message: Option<String>,
    message_program: Option<Expression>,
    reason: Cause,
    /// Where errors are shown, below the value that the rule is of.
    field_path: Option<String>,
    optional_old_self: bool,
    uses_old_self: bool,
}

impl Rule {
    /// The rules of a schema. A rule without an expression is none.
    pub(crate) fn all_of(schema: &Map<String, Value>) -> Vec<Self> {
        let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
        rules.into_iter().flatten().filter_map(|rule| Self::of(rule, schema)).collect()
    }

    fn of(rule: &Value, schema: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let source = text("rule")?;
        let program = Expression::compile(source);
        let message_program = text("messageExpression").and_then(|source| Expression::compile(source).ok());
        Some(Self {
            text: source.trim().to_owned(),
            message: text("message").map(|text| text.trim().to_owned()),
            reason: match text("reason") {
                Some("FieldValueForbidden") => Cause::Forbidden,
                Some("FieldValueRequired") => Cause::Required,
                Some("FieldValueDuplicate") => Cause::Duplicate,
                _ => Cause::Invalid,
            },
            field_path: text("fieldPath").and_then(|path| normalized_field_path(path, schema).ok()),
            optional_old_self: rule.get("optionalOldSelf") == Some(&Value::Bool(true)),
            uses_old_self: program.as_ref().is_ok_and(Expression::uses_old_self),
            program,
            message_program,
        })
    }

    /// How errors of evaluation name the rule.
    fn name(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.text)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.message == other.message
    }
}
