//! Rules for the configurations of admission webhooks.

use serde_json::Value;

use super::check::{Check, list, text};
use crate::FieldError;
use crate::syntax;

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

pub(super) fn configuration(check: &mut Check, object: &Value, old: Option<&Value>) {
    let mut names: Vec<&str> = Vec::new();
    for (index, webhook) in list(&object["webhooks"]).iter().enumerate() {
        let path = format!("webhooks[{index}]");
        let name = text(webhook, "name");
        let versions = list(&webhook["admissionReviewVersions"]);
        one(check, &path, webhook);
        review_versions(check, &format!("{path}.admissionReviewVersions"), versions, old.is_some());
        if names.contains(&name) {
            check.add(FieldError::duplicate(format!("{path}.name"), &Value::from(name)));
        }
        names.push(name);
    }
}

fn one(check: &mut Check, path: &str, webhook: &Value) {
    qualified_name(check, &format!("{path}.name"), text(webhook, "name"));
    for (index, rule) in list(&webhook["rules"]).iter().enumerate() {
        self::rule(check, &format!("{path}.rules[{index}]"), rule);
    }
    check.one_of(&format!("{path}.failurePolicy"), &webhook["failurePolicy"], &["Fail", "Ignore"]);
    check.one_of(&format!("{path}.matchPolicy"), &webhook["matchPolicy"], &["Equivalent", "Exact"]);
    let effects = format!("{path}.sideEffects");
    if webhook["sideEffects"].is_null() {
        check.required(&*effects, "must specify one of None, NoneOnDryRun");
    }
    check.one_of(&effects, &webhook["sideEffects"], &["None", "NoneOnDryRun"]);
    let timeout = &webhook["timeoutSeconds"];
    if timeout.as_i64().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        check.invalid(format!("{path}.timeoutSeconds"), timeout, detail);
    }
    check.selector(&format!("{path}.namespaceSelector"), &webhook["namespaceSelector"]);
    check.selector(&format!("{path}.objectSelector"), &webhook["objectSelector"]);
    check.one_of(
        &format!("{path}.reinvocationPolicy"),
        &webhook["reinvocationPolicy"],
        &["IfNeeded", "Never"],
    );
    client(check, &format!("{path}.clientConfig"), &webhook["clientConfig"]);
}

fn qualified_name(check: &mut Check, path: &str, name: &str) {
    if name.is_empty() {
        check.required(path, "");
        return;
    }
    let wrong = syntax::dns_subdomain(name);
    if !wrong.is_empty() {
        let detail = wrong.join(",");
        check.add(FieldError::invalid_text(path, name, &detail));
    } else if name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        check.add(FieldError::invalid_text(path, name, detail));
    }
}

fn client(check: &mut Check, path: &str, client: &Value) {
    match (client["url"].as_str(), client["service"].as_object()) {
        (None, None) | (Some(_), Some(_)) => {
            check.required(path, "exactly one of url or service is required");
        }
        (Some(url), None) => self::url(check, &format!("{path}.url"), url),
        (None, Some(_)) => {
            let (path, service) = (format!("{path}.service"), &client["service"]);
            for name in ["name", "namespace"] {
                if text(service, name).is_empty() {
                    check.required(format!("{path}.{name}"), "");
                }
            }
            let port = &service["port"];
            if port.as_i64().is_some_and(|port| !(1..=65535).contains(&port)) {
                let detail = "port is not valid: must be between 1 and 65535, inclusive";
                check.invalid(format!("{path}.port"), port, detail);
            }
            url_path(check, &format!("{path}.path"), text(service, "path"));
        }
    }
}

fn url_path(check: &mut Check, path: &str, called: &str) {
    if called.is_empty() || called == "/" {
        return;
    }
    let mut wrong = |detail: &str| check.add(FieldError::invalid_text(path, called, detail));
    if !called.starts_with('/') {
        wrong("must start with a '/'");
    }
    let within: String = called.chars().skip(1).collect();
    for (index, segment) in within.strip_suffix('/').unwrap_or(&within).split('/').enumerate() {
        if segment.is_empty() {
            wrong(&format!("segment[{index}] may not be empty"));
            continue;
        }
        for one in syntax::dns_subdomain(segment) {
            wrong(&format!("segment[{index}]: {one}"));
        }
    }
}

fn url(check: &mut Check, path: &str, url: &str) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        check.add(FieldError::invalid_text(path, scheme, &detail));
    }
    let host = if url.contains("://") { rest.split(['/', '?', '#']).next().unwrap_or_default() } else { "" };
    let (user, host) = host.rsplit_once('@').map_or((None, host), |(user, host)| (Some(user), host));
    if host.is_empty() {
        check.add(FieldError::invalid_text(path, "", &format!("host must be specified{FORM}")));
    }
    if let Some(user) = user {
        check.add(FieldError::invalid_text(path, user, "user information is not permitted in the URL"));
    }
    let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    if !fragment.is_empty() {
        check.add(FieldError::invalid_text(path, fragment, "fragments are not permitted in the URL"));
    }
    let (_, query) = before.split_once('?').unwrap_or((before, ""));
    if !query.is_empty() {
        check.add(FieldError::invalid_text(path, query, "query parameters are not permitted in the URL"));
    }
}

fn review_versions(check: &mut Check, path: &str, versions: &[Value], update: bool) {
    const ACCEPTED: [&str; 2] = ["v1", "v1beta1"];
    if versions.is_empty() {
        check.required(path, "must specify one of v1, v1beta1");
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if versions[..index].contains(version) {
            check.invalid(path, version, "duplicate version");
            continue;
        }
        let text = version.as_str().unwrap_or_default();
        check.syntax(&path, text, syntax::dns_1035_label(text));
    }
    let accepted = versions.iter().any(|version| version.as_str().is_some_and(|one| ACCEPTED.contains(&one)));
    if !accepted && !update {
        let value = Value::Array(versions.to_vec());
        check.invalid(path, &value, "must include at least one of v1, v1beta1");
    }
}

fn rule(check: &mut Check, path: &str, rule: &Value) {
    let operations = list(&rule["operations"]);
    if operations.is_empty() {
        check.required(format!("{path}.operations"), "");
    }
    for (name, others) in
        [("operations", "operations"), ("apiGroups", "API groups"), ("apiVersions", "API versions")]
    {
        let all = list(&rule[name]);
        if name != "operations" && all.is_empty() {
            check.required(format!("{path}.{name}"), "");
        }
        if all.len() > 1 && all.iter().any(|one| one == "*") {
            let detail = format!("if '*' is present, must not specify other {others}");
            check.invalid(format!("{path}.{name}"), &rule[name], &detail);
        }
    }
    for (index, operation) in operations.iter().enumerate() {
        check.one_of(&format!("{path}.operations[{index}]"), operation, &OPERATIONS);
    }
    if list(&rule["resources"]).is_empty() {
        check.required(format!("{path}.resources"), "");
    }
    check.one_of(&format!("{path}.scope"), &rule["scope"], &["*", "Cluster", "Namespaced"]);
}
