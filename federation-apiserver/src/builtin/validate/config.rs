//! Rules for config maps, secrets, leases and priority classes.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::check::{Check, entries, text};
use crate::FieldError;
use crate::syntax;

/// The values of a config map or secret hold at most this many bytes.
const DATA_LENGTH: usize = 1024 * 1024;
const LARGEST_PRIORITY: i64 = 1_000_000_000;

pub(super) fn config_map(check: &mut Check, object: &Value, old: Option<&Value>) {
    unchanged_if_immutable(check, object, old, &["data", "binaryData"]);
    let mut length = 0;
    for (key, value) in entries(&object["data"]) {
        let path = format!("data[{key}]");
        check.syntax(&path, key, syntax::config_key(key));
        if object["binaryData"].get(key).is_some() {
            check.add(FieldError::invalid_text(path, key, "duplicate of key present in binaryData"));
        }
        length += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(&object["binaryData"]) {
        check.syntax(&format!("binaryData[{key}]"), key, syntax::config_key(key));
        length += decoded_length(value);
    }
    if length > DATA_LENGTH {
        // The whole object, as a path prints it.
        check.add(FieldError::too_long("[]", DATA_LENGTH));
    }
}

pub(super) fn secret(check: &mut Check, object: &Value, old: Option<&Value>) {
    if let Some(old) = old {
        check.immutable("type", object.get("type"), old.get("type"));
    }
    unchanged_if_immutable(check, object, old, &["data"]);
    let mut length = 0;
    for (key, value) in entries(&object["data"]) {
        check.syntax(&format!("data[{key}]"), key, syntax::config_key(key));
        length += decoded_length(value);
    }
    if length > DATA_LENGTH {
        check.add(FieldError::too_long("data", DATA_LENGTH));
    }
    let value = |key: &str| object["data"].get(key).and_then(Value::as_str);
    let data = |key: &str| format!("data[{key}]");
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            const NAME: &str = "kubernetes.io/service-account.name";
            if text(&object["metadata"]["annotations"], NAME).is_empty() {
                check.required(format!("metadata.annotations[{NAME}]"), "");
            }
        }
        "kubernetes.io/dockercfg" => docker(check, ".dockercfg", value(".dockercfg")),
        "kubernetes.io/dockerconfigjson" => docker(check, ".dockerconfigjson", value(".dockerconfigjson")),
        "kubernetes.io/basic-auth" if value("username").is_none() && value("password").is_none() => {
            check.required(data("username"), "");
            check.required(data("password"), "");
        }
        "kubernetes.io/ssh-auth" if value("ssh-privatekey").is_none_or(str::is_empty) => {
            check.required(data("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if value(key).is_none() {
                    check.required(data(key), "");
                }
            }
        }
        _ => {}
    }
}

/// The content of a docker configuration is an object.
fn docker(check: &mut Check, key: &str, value: Option<&str>) {
    let path = format!("data[{key}]");
    let Some(value) = value else {
        check.required(path, "");
        return;
    };
    let content = base64::engine::general_purpose::STANDARD.decode(value).unwrap_or_default();
    if content.is_empty() {
        let detail = "unexpected end of JSON input";
        check.add(FieldError::invalid_text(path, "<secret contents redacted>", detail));
    } else if let Err(error) = serde_json::from_slice::<Map<String, Value>>(&content) {
        check.add(FieldError::invalid_text(path, "<secret contents redacted>", &error.to_string()));
    }
}

fn unchanged_if_immutable(check: &mut Check, object: &Value, old: Option<&Value>, fields: &[&str]) {
    const DETAIL: &str = "field is immutable when `immutable` is set";
    let Some(old) = old.filter(|old| old["immutable"] == Value::Bool(true)) else { return };
    if object["immutable"] != Value::Bool(true) {
        check.forbidden("immutable", DETAIL);
    }
    for field in fields {
        if object.get(*field) != old.get(*field) {
            check.forbidden(*field, DETAIL);
        }
    }
}

fn decoded_length(base64: &Value) -> usize {
    let text = base64.as_str().unwrap_or_default();
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

pub(super) fn lease(check: &mut Check, object: &Value) {
    let spec = &object["spec"];
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        check.invalid("spec.leaseDurationSeconds", &spec["leaseDurationSeconds"], "must be greater than 0");
    }
    check.not_negative(spec, "spec", "leaseTransitions");
    if !text(spec, "preferredHolder").is_empty() && text(spec, "strategy").is_empty() {
        check.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined");
    }
}

pub(super) fn priority_class(check: &mut Check, object: &Value, old: Option<&Value>) {
    if let Some(old) = old {
        if object["value"] != old["value"] {
            check.forbidden("value", "may not be changed in an update.");
        }
        check.immutable("preemptionPolicy", object.get("preemptionPolicy"), old.get("preemptionPolicy"));
        return;
    }
    if object["value"].as_i64().is_some_and(|value| value > LARGEST_PRIORITY)
        && !text(&object["metadata"], "name").starts_with("system-")
    {
        let detail = format!("maximum allowed value of a user defined priority is {LARGEST_PRIORITY}");
        check.forbidden("value", &detail);
    }
    check.one_of("preemptionPolicy", &object["preemptionPolicy"], &["PreemptLowerPriority", "Never"]);
}
