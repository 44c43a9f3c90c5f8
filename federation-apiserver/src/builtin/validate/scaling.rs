//! Rules for autoscalers and disruption budgets.

use serde_json::Value;

use super::check::{Check, text};
use crate::syntax;
use crate::{Cause, FieldError};

pub(super) fn autoscaler(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    let (least, most) = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64().unwrap_or(0));
    if least.is_some_and(|least| least < 1) {
        check.invalid("spec.minReplicas", &spec["minReplicas"], "must be greater than or equal to 1");
    }
    let most_value = Value::from(most);
    if most == 0 {
        check.required("spec.maxReplicas", "must be set and greater than 0");
    } else if most < 0 {
        check.invalid("spec.maxReplicas", &most_value, "must be greater than or equal to 1");
    }
    if least.is_some_and(|least| most < least) {
        check.invalid("spec.maxReplicas", &most_value, "must be greater than or equal to `minReplicas`");
    }
    for name in ["kind", "name"] {
        let path = format!("spec.scaleTargetRef.{name}");
        match text(&spec["scaleTargetRef"], name) {
            "" => check.required(path, ""),
            value => check.syntax(&path, value, syntax::path_segment(value)),
        }
    }
    // Those that were written before the rule stay valid.
    let grouped = |object: &Value| text(&object["spec"]["scaleTargetRef"], "apiVersion").contains('/');
    if !grouped(object) && old.is_none_or(grouped) {
        let version = Value::from(text(&spec["scaleTargetRef"], "apiVersion"));
        check.invalid("spec.scaleTargetRef.apiVersion", &version, "apiVersion must specify API group");
    }
}

pub(super) fn disruption_budget(check: &mut Check, object: &Value) {
    let spec = &object["spec"];
    for name in ["minAvailable", "maxUnavailable"] {
        let path = format!("spec.{name}");
        check.number_or_percent(&path, &spec[name]);
        check.at_most_all(&path, &spec[name]);
    }
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        let shown = format!(
            "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
            spec["minAvailable"],
            spec["selector"],
            spec["maxUnavailable"],
            spec["unhealthyPodEvictionPolicy"]
        );
        let detail = "minAvailable and maxUnavailable cannot be both set";
        check.add(FieldError::shown(Cause::Invalid, "spec", &shown, detail));
    }
    check.selector("spec.selector", &spec["selector"]);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    check.one_of("spec.unhealthyPodEvictionPolicy", &spec["unhealthyPodEvictionPolicy"], &policies);
}
