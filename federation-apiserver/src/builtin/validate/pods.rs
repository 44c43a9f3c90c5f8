//! Rules for pods and their templates.

use serde_json::Value;

use super::check::{Check, list, text};
use super::metadata;
use crate::builtin::quantity;
use crate::syntax;
use crate::{Cause, FieldError};
use structural_schema::go_text::quote as quoted;

pub(super) fn pod(check: &mut Check, object: &Value, old: Option<&Value>) {
    spec(check, "spec", &object["spec"]);
    if let Some(old) = old {
        unchanged(check, &object["spec"], &old["spec"]);
    }
}

pub(super) fn template(check: &mut Check, path: &str, template: &Value) {
    let of = &template["metadata"];
    check.labels(&format!("{path}.labels"), &of["labels"]);
    metadata::annotations(check, &format!("{path}.annotations"), &of["annotations"]);
    spec(check, &format!("{path}.spec"), &template["spec"]);
}

fn spec(check: &mut Check, path: &str, spec: &Value) {
    let volumes = volumes(check, &format!("{path}.volumes"), list(&spec["volumes"]));
    let containers_path = format!("{path}.containers");
    if list(&spec["containers"]).is_empty() {
        check.required(&*containers_path, "");
    }
    let mut names: Vec<&str> = Vec::new();
    for (list_path, all) in
        [(containers_path, "containers"), (format!("{path}.initContainers"), "initContainers")]
    {
        for (index, container) in list(&spec[all]).iter().enumerate() {
            let path = format!("{list_path}[{index}]");
            self::container(check, &path, container, &volumes);
            let name = text(container, "name");
            if names.contains(&name) {
                check.add(FieldError::duplicate(format!("{path}.name"), &Value::from(name)));
            }
            names.push(name);
        }
    }
    check.one_of(&format!("{path}.restartPolicy"), &spec["restartPolicy"], &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check.one_of(&format!("{path}.dnsPolicy"), &spec["dnsPolicy"], &policies);
    check.labels(&format!("{path}.nodeSelector"), &spec["nodeSelector"]);
    for name in ["serviceAccountName", "nodeName", "priorityClassName"] {
        let value = text(spec, name);
        if !value.is_empty() {
            check.syntax(&format!("{path}.{name}"), value, syntax::dns_subdomain(value));
        }
    }
    let deadline = &spec["activeDeadlineSeconds"];
    if deadline.as_i64().is_some_and(|seconds| !(1..=i64::from(i32::MAX)).contains(&seconds)) {
        let detail = "must be between 1 and 2147483647, inclusive";
        check.invalid(format!("{path}.activeDeadlineSeconds"), deadline, detail);
    }
    for name in ["hostname", "subdomain"] {
        let value = text(spec, name);
        if !value.is_empty() {
            check.syntax(&format!("{path}.{name}"), value, syntax::dns_label(value));
        }
    }
}

/// The names of the volumes that are well formed.
fn volumes<'a>(check: &mut Check, path: &str, all: &'a [Value]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (index, volume) in all.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let found = check.errors.len();
        let sources =
            volume.as_object().map_or(0, |fields| fields.keys().filter(|field| *field != "name").count());
        if sources == 0 {
            check.required(&*path, "must specify a volume type");
        }
        let name = text(volume, "name");
        if name.is_empty() {
            check.required(format!("{path}.name"), "");
        } else {
            check.syntax(&format!("{path}.name"), name, syntax::dns_label(name));
        }
        if names.contains(&name) {
            check.add(FieldError::duplicate(format!("{path}.name"), &Value::from(name)));
        }
        if check.errors.len() == found {
            names.push(name);
        }
    }
    names
}

fn container(check: &mut Check, path: &str, container: &Value, volumes: &[&str]) {
    let name = text(container, "name");
    if name.is_empty() {
        check.required(format!("{path}.name"), "");
    } else {
        check.syntax(&format!("{path}.name"), name, syntax::dns_label(name));
    }
    if text(container, "image").is_empty() {
        check.required(format!("{path}.image"), "");
    }
    let policies = ["File", "FallbackToLogsOnError"];
    check.one_of(
        &format!("{path}.terminationMessagePolicy"),
        &container["terminationMessagePolicy"],
        &policies,
    );
    ports(check, &format!("{path}.ports"), list(&container["ports"]));
    for (index, variable) in list(&container["env"]).iter().enumerate() {
        self::variable(check, &format!("{path}.env[{index}]"), variable);
    }
    mounts(check, &format!("{path}.volumeMounts"), list(&container["volumeMounts"]), volumes);
    let policies = ["Always", "IfNotPresent", "Never"];
    check.one_of(&format!("{path}.imagePullPolicy"), &container["imagePullPolicy"], &policies);
    resources(check, &format!("{path}.resources"), &container["resources"]);
}

fn ports(check: &mut Check, path: &str, ports: &[Value]) {
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let name = text(port, "name");
        let wrong = syntax::port_name(name);
        if !name.is_empty() {
            if !wrong.is_empty() {
                check.syntax(&format!("{path}.name"), name, wrong);
            } else if names.contains(&name) {
                check.add(FieldError::duplicate(format!("{path}.name"), &Value::from(name)));
            } else {
                names.push(name);
            }
        }
        let number = |name: &str| Some(&port[name]).filter(|number| number.as_i64().unwrap_or(0) != 0);
        match number("containerPort") {
            None => check.required(format!("{path}.containerPort"), ""),
            Some(number) => check.port(&format!("{path}.containerPort"), number),
        }
        if let Some(number) = number("hostPort") {
            check.port(&format!("{path}.hostPort"), number);
        }
        check.one_of(&format!("{path}.protocol"), &port["protocol"], &["SCTP", "TCP", "UDP"]);
    }
}

fn variable(check: &mut Check, path: &str, variable: &Value) {
    let name = text(variable, "name");
    if name.is_empty() {
        check.required(format!("{path}.name"), "");
    } else if !name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        check.add(FieldError::invalid_text(format!("{path}.name"), name, detail));
    }
    if !text(variable, "value").is_empty()
        && variable["valueFrom"].as_object().is_some_and(|from| !from.is_empty())
    {
        let detail = "may not be specified when `value` is not empty";
        check.invalid(format!("{path}.valueFrom"), &Value::from(""), detail);
    }
}

fn mounts(check: &mut Check, path: &str, mounts: &[Value], volumes: &[&str]) {
    let mut paths: Vec<&str> = Vec::new();
    for (index, mount) in mounts.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (name, at) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            check.required(format!("{path}.name"), "");
        }
        if !volumes.contains(&name) {
            let message = format!("Not found: {}", quoted(name));
            check.add(FieldError { cause: Cause::NotFound, field: format!("{path}.name"), message });
        }
        if at.is_empty() {
            check.required(format!("{path}.mountPath"), "");
        }
        if paths.contains(&at) {
            check.invalid(format!("{path}.mountPath"), &Value::from(at), "must be unique");
        }
        paths.push(at);
    }
}

/// What is requested is not more than the limit.
fn resources(check: &mut Check, path: &str, resources: &Value) {
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let limit = text(&resources["limits"], name);
        let amounts = (request.as_str().and_then(quantity::nanos), quantity::nanos(limit));
        if let (Some(request_amount), Some(limit_amount)) = amounts
            && request_amount > limit_amount
        {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            check.invalid(format!("{path}.requests"), request, &detail);
        }
    }
}

/// Of a pod's specification, images and little else can be changed.
fn unchanged(check: &mut Check, spec: &Value, old: &Value) {
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        for containers in ["containers", "initContainers"] {
            for container in spec[containers].as_array_mut().into_iter().flatten() {
                if let Some(fields) = container.as_object_mut() {
                    fields.remove("image");
                }
            }
        }
        if let Some(fields) = spec.as_object_mut() {
            for name in [
                "activeDeadlineSeconds",
                "tolerations",
                "terminationGracePeriodSeconds",
                "initContainers",
                "nodeName",
            ] {
                fields.remove(name);
            }
        }
        spec
    };
    if fixed(spec) != fixed(old) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
                      `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                      existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                      previously negative)";
        check.forbidden("spec", detail);
    }
}
