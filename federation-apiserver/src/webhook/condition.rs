//! `matchConditions`: which of the requests that a webhook's rules name it is asked about.

use serde_json::Value;
use structural_schema::Condition;

use crate::FieldError;

/// What conditions may ask for. kube-apiserver also knows `authorizer`.
const VARIABLES: [&str; 3] = ["object", "oldObject", "request"];

/// The conditions of a webhook.
pub(super) struct Conditions(Vec<(String, Result<Condition, String>)>);

impl Conditions {
    /// Of the configuration of a webhook.
    pub(super) fn new(webhook: &Value) -> Self {
        let all = webhook["matchConditions"].as_array().into_iter().flatten();
        let source = |condition: &Value| condition["expression"].as_str().unwrap_or_default().to_owned();
        Self(all.map(source).map(|source| (source.clone(), compiled(&source))).collect())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all hold. One that does not hold decides, even if another has no result.
    ///
    /// # Errors
    /// Why one has no result.
    pub(super) fn hold(&self, object: &Value, old: &Value, request: &Value) -> Result<bool, String> {
        let variables = [("object", object), ("oldObject", old), ("request", request)];
        let mut errors = Vec::new();
        for (source, condition) in &self.0 {
            match condition.as_ref().map_err(Clone::clone).and_then(|condition| condition.holds(&variables)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => errors.push(format!("expression '{source}' resulted in error: {why}")),
            }
        }
        match errors.as_slice() {
            [] => Ok(true),
            [one] => Err(one.clone()),
            many => Err(format!("[{}]", many.join(", "))),
        }
    }
}

fn compiled(source: &str) -> Result<Condition, String> {
    let known = [&VARIABLES[..], &["authorizer"]].concat();
    let condition = Condition::compile(source, &known)?;
    // Its methods would be looked up when it is too late to say so.
    if condition.uses("authorizer") {
        return Err("this server has no authorizer for conditions; use request.userInfo".to_owned());
    }
    Ok(condition)
}

/// What is wrong with the conditions of a configuration.
pub(super) fn check(configuration: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let webhooks = configuration["webhooks"].as_array().into_iter().flatten().enumerate();
    for (place, webhook) in webhooks {
        let conditions = webhook["matchConditions"].as_array().into_iter().flatten().enumerate();
        for (index, condition) in conditions {
            let path = format!("webhooks[{place}].matchConditions[{index}]");
            if condition["name"].as_str().unwrap_or_default().is_empty() {
                errors.push(FieldError::required(format!("{path}.name"), ""));
            }
            let source = condition["expression"].as_str().unwrap_or_default();
            if source.trim().is_empty() {
                errors.push(FieldError::required(format!("{path}.expression"), ""));
            } else if let Err(why) = compiled(source) {
                let detail = format!("compilation failed: {why}");
                errors.push(FieldError::invalid_text(format!("{path}.expression"), source, &detail));
            }
        }
    }
    errors
}
