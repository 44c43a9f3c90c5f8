//! Rules for roles and their bindings.

use serde_json::Value;

use super::check::{Check, list, text};
use crate::syntax;
use crate::{Cause, FieldError};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(check: &mut Check, object: &Value, namespaced: bool) {
    for (index, rule) in list(&object["rules"]).iter().enumerate() {
        let path = format!("rules[{index}]");
        let empty = |name: &str| list(&rule[name]).is_empty();
        if empty("verbs") {
            check.required(format!("{path}.verbs"), "verbs must contain at least one value");
        }
        if !empty("nonResourceURLs") {
            let path = format!("{path}.nonResourceURLs");
            let urls = &rule["nonResourceURLs"];
            if namespaced {
                check.invalid(&*path, urls, "namespaced rules cannot apply to non-resource URLs");
            }
            if !(empty("apiGroups") && empty("resources") && empty("resourceNames")) {
                check.invalid(
                    path,
                    urls,
                    "rules cannot apply to both regular resources and non-resource URLs",
                );
            }
            continue;
        }
        if empty("apiGroups") {
            check.required(format!("{path}.apiGroups"), "resource rules must supply at least one api group");
        }
        if empty("resources") {
            check.required(format!("{path}.resources"), "resource rules must supply at least one resource");
        }
    }
    if let Some(rule) = object.get("aggregationRule") {
        const PATH: &str = "aggregationRule.clusterRoleSelectors";
        let selectors = list(&rule["clusterRoleSelectors"]);
        if selectors.is_empty() {
            check.required(PATH, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        for (index, selector) in selectors.iter().enumerate() {
            check.selector(&format!("{PATH}[{index}]"), selector);
        }
    }
}

pub(super) fn binding(check: &mut Check, object: &Value, old: Option<&Value>, namespaced: bool) {
    let role = &object["roleRef"];
    if text(role, "apiGroup") != GROUP {
        check.add(FieldError::not_supported(
            "roleRef.apiGroup",
            &Value::from(text(role, "apiGroup")),
            [GROUP],
        ));
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        check.add(FieldError::not_supported("roleRef.kind", &Value::from(text(role, "kind")), kinds));
    }
    match text(role, "name") {
        "" => check.required("roleRef.name", ""),
        name => check.syntax("roleRef.name", name, syntax::path_segment(name)),
    }
    for (index, one) in list(&object["subjects"]).iter().enumerate() {
        subject(check, &format!("subjects[{index}]"), one, namespaced);
    }
    if let Some(old) = old
        && old["roleRef"] != *role
    {
        let shown = format!(
            "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
            role["apiGroup"], role["kind"], role["name"]
        );
        check.add(FieldError::shown(Cause::Invalid, "roleRef", &shown, "cannot change roleRef"));
    }
}

fn subject(check: &mut Check, path: &str, subject: &Value, namespaced: bool) {
    let name = text(subject, "name");
    if name.is_empty() {
        check.required(format!("{path}.name"), "");
    }
    let group = Value::from(text(subject, "apiGroup"));
    let group_path = format!("{path}.apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                check.syntax(&format!("{path}.name"), name, syntax::dns_subdomain(name));
            }
            if group != "" {
                check.add(FieldError::not_supported(group_path, &group, [""]));
            }
            if !namespaced && text(subject, "namespace").is_empty() {
                check.required(format!("{path}.namespace"), "");
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                check.add(FieldError::not_supported(group_path, &group, [GROUP]));
            }
        }
        other => {
            let known = ["ServiceAccount", "User", "Group"];
            check.add(FieldError::not_supported(format!("{path}.kind"), &Value::from(other), known));
        }
    }
}
