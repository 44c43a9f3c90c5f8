//! Rules for what runs pods.

use serde_json::Value;

use super::check::{Check, list, percent, text};
use super::pods;
use crate::FieldError;
use crate::select::LabelSelector;

pub(super) fn deployment(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    check.not_negative(spec, "spec", "replicas");
    selector(check, spec, "deployment");
    template(check, spec, "ReplicaSet");
    strategy(check, &spec["strategy"]);
    check.not_negative(spec, "spec", "minReadySeconds");
    check.not_negative(spec, "spec", "revisionHistoryLimit");
    check.not_negative(spec, "spec", "progressDeadlineSeconds");
    let deadline = &spec["progressDeadlineSeconds"];
    if deadline.as_i64().is_some_and(|deadline| deadline <= spec["minReadySeconds"].as_i64().unwrap_or(0)) {
        check.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
    unchanged_selector(check, spec, old);
}

pub(super) fn replica_set(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    check.not_negative(spec, "spec", "replicas");
    check.not_negative(spec, "spec", "minReadySeconds");
    selector(check, spec, "deployment");
    template(check, spec, "ReplicaSet");
    unchanged_selector(check, spec, old);
}

pub(super) fn daemon_set(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    if !spec["selector"].is_null() {
        selector(check, spec, "daemonset");
    }
    template(check, spec, "DaemonSet");
    check.not_negative(spec, "spec", "minReadySeconds");
    check.not_negative(spec, "spec", "revisionHistoryLimit");
    unchanged_selector(check, spec, old);
}

pub(super) fn stateful_set(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    let policy = text(spec, "podManagementPolicy");
    if !["OrderedReady", "Parallel"].contains(&policy) {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        check.add(FieldError::invalid_text("spec.podManagementPolicy", policy, detail));
    }
    check.not_negative(spec, "spec", "replicas");
    check.not_negative(spec, "spec", "minReadySeconds");
    selector(check, spec, "statefulset");
    template(check, spec, "StatefulSet");
    let changeable = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|name, _| !changeable.contains(&name.as_str()));
        }
        spec
    };
    if old.is_some_and(|old| fixed(&old["spec"]) != fixed(spec)) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        check.forbidden("spec", detail);
    }
}

pub(super) fn job(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    job_spec(check, "spec", spec);
    if let Some(old) = old {
        let old = &old["spec"];
        if text(spec, "completionMode") != "Indexed" {
            check.immutable("spec.completions", spec.get("completions"), old.get("completions"));
        }
        for name in ["selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"] {
            // Of a job that is suspended and never ran, the template's scheduling can be changed.
            let suspended = name == "template" && old["suspend"] == Value::Bool(true);
            if !suspended {
                check.immutable(&format!("spec.{name}"), spec.get(name), old.get(name));
            }
        }
    } else if spec["selector"].is_null() {
        check.required("spec.selector", "");
    } else {
        check.selector("spec.selector", &spec["selector"]);
        matches(check, "spec", spec);
    }
}

pub(super) fn cron_job(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    match text(spec, "schedule") {
        "" => check.required("spec.schedule", ""),
        schedule if !schedule.starts_with('@') => {
            let fields = schedule.split_whitespace().count();
            if fields != 5 {
                let found = schedule.split_whitespace().collect::<Vec<_>>().join(" ");
                let detail = format!("expected exactly 5 fields, found {fields}: [{found}]");
                check.add(FieldError::invalid_text("spec.schedule", schedule, &detail));
            }
        }
        _ => {}
    }
    check.not_negative(spec, "spec", "startingDeadlineSeconds");
    check.one_of("spec.concurrencyPolicy", &spec["concurrencyPolicy"], &["Allow", "Forbid", "Replace"]);
    job_spec(check, "spec.jobTemplate.spec", &spec["jobTemplate"]["spec"]);
    check.not_negative(spec, "spec", "successfulJobsHistoryLimit");
    check.not_negative(spec, "spec", "failedJobsHistoryLimit");
    let name = text(&object["metadata"], "name");
    if old.is_none() && name.len() > 52 {
        let detail = "must be no more than 52 characters";
        check.add(FieldError::invalid_text("metadata.name", name, detail));
    }
}

fn job_spec(check: &mut Check, path: &str, spec: &Value) {
    for name in
        ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"]
    {
        check.not_negative(spec, path, name);
    }
    check.one_of(&format!("{path}.completionMode"), &spec["completionMode"], &["NonIndexed", "Indexed"]);
    if text(spec, "completionMode") == "Indexed" && spec["completions"].is_null() {
        check.required(format!("{path}.completions"), "when completion mode is Indexed");
    }
    pods::template(check, &format!("{path}.template"), &spec["template"]);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    let path = format!("{path}.template.spec.restartPolicy");
    match policy.as_str() {
        Some("OnFailure" | "Never") => {}
        None | Some("Always" | "") => check.required(path, "valid values: \"OnFailure\", \"Never\""),
        Some(_) => check.one_of(&path, policy, &["OnFailure", "Never"]),
    }
}

/// A selector that is there, selects something, and is well formed.
fn selector(check: &mut Check, spec: &Value, of: &str) {
    let selector = &spec["selector"];
    if selector.is_null() {
        check.required("spec.selector", "");
        return;
    }
    check.selector("spec.selector", selector);
    let empty = |name: &str| selector[name].as_object().is_none_or(serde_json::Map::is_empty);
    if empty("matchLabels") && list(&selector["matchExpressions"]).is_empty() {
        check.invalid("spec.selector", selector, &format!("empty selector is invalid for {of}"));
    }
}

/// Pods that are made from the template are selected, and run for ever.
fn template(check: &mut Check, spec: &Value, of: &str) {
    matches(check, "spec", spec);
    pods::template(check, "spec.template", &spec["template"]);
    let pod = &spec["template"]["spec"];
    check.one_of("spec.template.spec.restartPolicy", &pod["restartPolicy"], &["Always"]);
    if !pod["activeDeadlineSeconds"].is_null() {
        let detail = format!("activeDeadlineSeconds in {of} is not Supported");
        check.forbidden("spec.template.spec.activeDeadlineSeconds", &detail);
    }
}

fn matches(check: &mut Check, path: &str, spec: &Value) {
    let labels = &spec["template"]["metadata"]["labels"];
    let selector = LabelSelector::of_object(&spec["selector"]);
    // A selector that is not there matches nothing.
    if selector.is_none_or(|selector| !selector.matches_labels(labels.as_object())) {
        let detail = "`selector` does not match template `labels`";
        check.invalid(format!("{path}.template.metadata.labels"), labels, detail);
    }
}

fn unchanged_selector(check: &mut Check, spec: &Value, old: Option<&Value>) {
    if let Some(old) = old {
        check.immutable("spec.selector", spec.get("selector"), old["spec"].get("selector"));
    }
}

fn strategy(check: &mut Check, strategy: &Value) {
    const PATH: &str = "spec.strategy.rollingUpdate";
    let rolling = &strategy["rollingUpdate"];
    match text(strategy, "type") {
        "Recreate" => {
            if !rolling.is_null() {
                check.forbidden(PATH, "may not be specified when strategy `type` is 'Recreate'");
            }
        }
        "RollingUpdate" => {
            let (unavailable, surge) = (&rolling["maxUnavailable"], &rolling["maxSurge"]);
            let path = format!("{PATH}.maxUnavailable");
            check.number_or_percent(&path, unavailable);
            check.number_or_percent(&format!("{PATH}.maxSurge"), surge);
            let none = |value: &Value| match value {
                Value::String(text) => percent(text).is_none_or(|percent| percent == 0),
                value => value.as_i64() == Some(0),
            };
            if none(unavailable) && none(surge) {
                check.invalid(&*path, unavailable, "may not be 0 when `maxSurge` is 0");
            }
            check.at_most_all(&path, unavailable);
        }
        _ => {
            let known = ["Recreate", "RollingUpdate"];
            check.add(FieldError::not_supported("spec.strategy", strategy, known));
        }
    }
}
