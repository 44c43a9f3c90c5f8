//! Rules for services, ingresses and network policies.

use serde_json::{Value, json};

use super::check::{Check, list, text};
use crate::syntax;
use crate::{Cause, FieldError};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

pub(super) fn service(check: &mut Check, object: &Value, old: Option<&Value>) {
    let spec = &object["spec"];
    let kind = text(spec, "type");
    let ports = list(&spec["ports"]);
    let headless = text(spec, "clusterIP") == "None";
    if let Some(old) = old {
        unchanged_address(check, spec, &old["spec"]);
    }
    if ports.is_empty() && !headless && kind != "ExternalName" {
        check.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let detail = format!("may not be set to 'None' for {kind} services");
            check.invalid("spec.clusterIPs[0]", &Value::from("None"), &detail);
        }
        "ExternalName" => external_name(check, spec),
        _ => {}
    }
    service_ports(check, ports);
    check.labels("spec.selector", &spec["selector"]);
    check.one_of("spec.sessionAffinity", &spec["sessionAffinity"], &["ClientIP", "None"]);
    check.one_of("spec.type", &spec["type"], &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    if kind == "ClusterIP" {
        for (index, port) in ports.iter().enumerate() {
            if port["nodePort"].as_i64().unwrap_or(0) != 0 {
                let detail = "may not be used when `type` is 'ClusterIP'";
                check.forbidden(format!("spec.ports[{index}].nodePort"), detail);
            }
        }
    }
    duplicate_ports(check, ports);
    if !spec["allocateLoadBalancerNodePorts"].is_null() && kind != "LoadBalancer" {
        let detail = "may only be used when `type` is 'LoadBalancer'";
        check.forbidden("spec.allocateLoadBalancerNodePorts", detail);
    }
}

fn external_name(check: &mut Check, spec: &Value) {
    for name in ["clusterIPs", "ipFamilies"] {
        if !list(&spec[name]).is_empty() {
            check.forbidden(format!("spec.{name}"), "may not be set for ExternalName services");
        }
    }
    match text(spec, "externalName").trim_end_matches('.') {
        "" => check.required("spec.externalName", ""),
        name => check.syntax("spec.externalName", name, syntax::dns_subdomain(name)),
    }
}

fn unchanged_address(check: &mut Check, spec: &Value, old: &Value) {
    let address = |spec: &Value| text(spec, "clusterIP").to_owned();
    let typed = |spec: &Value| text(spec, "type") != "ExternalName";
    if typed(spec) && typed(old) && !address(old).is_empty() && address(spec) != address(old) {
        let detail = "may not change once set";
        check.invalid("spec.clusterIPs[0]", &json!([address(spec)]), detail);
    }
}

fn service_ports(check: &mut Check, ports: &[Value]) {
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let name = text(port, "name");
        if ports.len() > 1 && name.is_empty() {
            check.required(format!("{path}.name"), "");
        } else if !name.is_empty() {
            check.syntax(&format!("{path}.name"), name, syntax::dns_label(name));
            if names.contains(&name) {
                check.add(FieldError::duplicate(format!("{path}.name"), &Value::from(name)));
            }
            names.push(name);
        }
        check.port(&format!("{path}.port"), &port["port"]);
        check.one_of(&format!("{path}.protocol"), &port["protocol"], &PROTOCOLS);
        let target = format!("{path}.targetPort");
        match &port["targetPort"] {
            Value::String(name) => check.syntax(&target, name, syntax::port_name(name)),
            number => check.port(&target, number),
        }
    }
}

fn duplicate_ports(check: &mut Check, ports: &[Value]) {
    let same = |index: usize, fields: &[&str]| {
        ports[..index].iter().any(|other| fields.iter().all(|field| other[*field] == ports[index][*field]))
    };
    for (index, port) in ports.iter().enumerate() {
        if port["nodePort"].as_i64().unwrap_or(0) != 0 && same(index, &["protocol", "nodePort"]) {
            check.add(FieldError::duplicate(format!("spec.ports[{index}].nodePort"), &port["nodePort"]));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        if same(index, &["protocol", "port"]) {
            // The words of a struct whose fields have no names in JSON.
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                port["protocol"], port["port"]
            );
            check.add(FieldError::shown(Cause::Duplicate, format!("spec.ports[{index}]"), &shown, ""));
        }
    }
}

pub(super) fn ingress(check: &mut Check, object: &Value) {
    let spec = &object["spec"];
    let rules = list(&spec["rules"]);
    if rules.is_empty() && spec["defaultBackend"].is_null() {
        check.invalid("spec", &spec["rules"], "either `defaultBackend` or `rules` must be specified");
    }
    if !spec["defaultBackend"].is_null() {
        backend(check, "spec.defaultBackend", &spec["defaultBackend"]);
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        let host = text(rule, "host");
        if host.parse::<std::net::IpAddr>().is_ok() {
            let detail = "must be a DNS name, not an IP address";
            check.add(FieldError::invalid_text(format!("{path}.host"), host, detail));
        }
        if !host.is_empty() && !host.contains('*') {
            check.syntax(&format!("{path}.host"), host, syntax::dns_subdomain(host));
        }
        let http = &rule["http"];
        let paths = format!("{path}.http.paths");
        if !http.is_null() && list(&http["paths"]).is_empty() {
            check.required(&*paths, "");
        }
        for (index, one) in list(&http["paths"]).iter().enumerate() {
            http_path(check, &format!("{paths}[{index}]"), one);
        }
    }
    let class = text(spec, "ingressClassName");
    if !spec["ingressClassName"].is_null() {
        check.syntax("spec.ingressClassName", class, syntax::dns_subdomain(class));
    }
}

fn http_path(check: &mut Check, path: &str, one: &Value) {
    if one["pathType"].is_null() {
        check.required(format!("{path}.pathType"), "pathType must be specified");
        return;
    }
    let types = ["Exact", "ImplementationSpecific", "Prefix"];
    check.one_of(&format!("{path}.pathType"), &one["pathType"], &types);
    let (kind, at) = (text(one, "pathType"), text(one, "path"));
    let field = format!("{path}.path");
    let strict = kind == "Exact" || kind == "Prefix";
    if (strict || kind == types[1] && !at.is_empty()) && !at.starts_with('/') {
        check.add(FieldError::invalid_text(&*field, at, "must be an absolute path"));
    }
    if strict {
        for bad in ["//", "/./", "/../", "%2f", "%2F"] {
            if at.contains(bad) {
                check.add(FieldError::invalid_text(&*field, at, &format!("must not contain '{bad}'")));
            }
        }
        for bad in ["/..", "/."] {
            if at.ends_with(bad) {
                check.add(FieldError::invalid_text(&*field, at, &format!("cannot end with '{bad}'")));
            }
        }
    }
    backend(check, &format!("{path}.backend"), &one["backend"]);
}

fn backend(check: &mut Check, path: &str, backend: &Value) {
    let empty = Value::from("");
    match (backend["resource"].as_object(), backend["service"].as_object()) {
        (Some(_), Some(_)) => check.invalid(path, &empty, "cannot set both resource and service backends"),
        (None, None) => check.invalid(path, &empty, "resource or service backend is required"),
        (Some(_), None) => {
            for name in ["kind", "name"] {
                if text(&backend["resource"], name).is_empty() {
                    check.required(format!("{path}.resource.{name}"), "");
                }
            }
        }
        (None, Some(_)) => {
            let service = &backend["service"];
            match text(service, "name") {
                "" => check.required(format!("{path}.service.name"), ""),
                name => check.syntax(&format!("{path}.service.name"), name, syntax::dns_1035_label(name)),
            }
            let (name, number) = (text(&service["port"], "name"), &service["port"]["number"]);
            match (name.is_empty(), number.as_i64().unwrap_or(0) == 0) {
                (false, false) => check.invalid(path, &empty, "cannot set both port name & port number"),
                (true, true) => check.required(path, "port name or number is required"),
                (false, true) => {
                    check.syntax(&format!("{path}.service.port.name"), name, syntax::port_name(name));
                }
                (true, false) => check.port(&format!("{path}.service.port.number"), number),
            }
        }
    }
}

pub(super) fn policy(check: &mut Check, object: &Value) {
    let spec = &object["spec"];
    check.selector("spec.podSelector", &spec["podSelector"]);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(&spec[direction]).iter().enumerate() {
            let path = format!("spec.{direction}[{index}]");
            for (index, port) in list(&rule["ports"]).iter().enumerate() {
                let path = format!("{path}.ports[{index}]");
                check.one_of(&format!("{path}.protocol"), &port["protocol"], &["TCP", "UDP", "SCTP"]);
                match &port["port"] {
                    Value::Null => {}
                    Value::String(name) => {
                        check.syntax(&format!("{path}.port"), name, syntax::port_name(name));
                    }
                    number => check.port(&format!("{path}.port"), number),
                }
            }
            for (index, peer) in list(&rule[peers]).iter().enumerate() {
                let path = format!("{path}.{peers}[{index}]");
                if peer.as_object().is_none_or(serde_json::Map::is_empty) {
                    check.required(&*path, "must specify a peer");
                }
                check.selector(&format!("{path}.podSelector"), &peer["podSelector"]);
                check.selector(&format!("{path}.namespaceSelector"), &peer["namespaceSelector"]);
            }
        }
    }
    for (index, kind) in list(&spec["policyTypes"]).iter().enumerate() {
        check.one_of(&format!("spec.policyTypes[{index}]"), kind, &["Ingress", "Egress"]);
    }
}
