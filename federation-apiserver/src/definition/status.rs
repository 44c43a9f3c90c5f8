//! The conditions of a definition.

use serde_json::{Value, json};

use super::names::conflict;
use crate::object;

/// Whether a condition is true.
pub(super) fn is_true(definition: &Value, kind: &str) -> bool {
    definition["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == kind && condition["status"] == "True")
}

/// The status that a definition should have, beside those that are there; `None` if it has it.
pub(super) fn next(definition: &Value, others: &[&Value], now: jiff::Timestamp) -> Option<Value> {
    let mut status = definition["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    let names = &definition["spec"]["names"];
    match conflict(names, &definition["spec"]["group"], others) {
        None => {
            status["acceptedNames"] = names.clone();
            set(&mut status, "NamesAccepted", true, "NoConflicts", "no conflicts found", now);
            if !is_true(definition, "Established") {
                const MESSAGE: &str = "the initial names have been accepted";
                set(&mut status, "Established", true, "InitialNamesAccepted", MESSAGE, now);
            }
        }
        Some((reason, message)) => {
            set(&mut status, "NamesAccepted", false, reason, &message, now);
            if !is_true(definition, "Established") {
                const MESSAGE: &str = "not all names are accepted";
                set(&mut status, "Established", false, "NotAccepted", MESSAGE, now);
            }
        }
    }
    (status != definition["status"]).then_some(status)
}

/// Sets a condition, with a new time only if its state is new.
pub(super) fn set(
    status: &mut Value,
    kind: &str,
    state: bool,
    reason: &str,
    message: &str,
    now: jiff::Timestamp,
) {
    let state = if state { "True" } else { "False" };
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(conditions) = status["conditions"].as_array_mut() else { return };
    let found = conditions.iter_mut().find(|condition| condition["type"] == kind);
    match found {
        Some(condition) => {
            if condition["status"] != state {
                condition["lastTransitionTime"] = object::time(now).into();
            }
            condition["status"] = state.into();
            condition["reason"] = reason.into();
            condition["message"] = message.into();
        }
        None => conditions.push(json!({
            "type": kind, "status": state, "reason": reason, "message": message,
            "lastTransitionTime": object::time(now),
        })),
    }
}
