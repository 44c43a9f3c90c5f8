//! Defaults of services, endpoints, ingress classes and network policies.

use serde_json::{Value, json};

use super::{Fields, is_empty, object, set, text};

pub(super) fn of_type(kind: &str) -> Option<fn(&mut Fields)> {
    Some(match kind {
        "Service" => service,
        "ServicePort" => service_port,
        // Of the core group: the address of one port of an Endpoints; of the discovery group: of a slice.
        "EndpointPort" | "NetworkPolicyPort" => protocol,
        "NetworkPolicy" => network_policy,
        "IngressClassParametersReference" => class_parameters,
        "EndpointSlice" => endpoint_slice,
        _ => return None,
    })
}

fn service(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    set(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let timeout =
                spec.get("sessionAffinityConfig").and_then(|c| c.pointer("/clientIP/timeoutSeconds"));
            if timeout.is_none() {
                let config = json!({"clientIP": {"timeoutSeconds": 10800}});
                spec.insert("sessionAffinityConfig".to_owned(), config);
            }
        }
        _ => {}
    }
    set(spec, "type", "ClusterIP");
    let kind = text(spec, "type").to_owned();
    let balanced = kind == "LoadBalancer";
    if balanced || kind == "NodePort" || kind == "ClusterIP" && !is_empty(spec, "externalIPs") {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if balanced || kind == "NodePort" || kind == "ClusterIP" {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if balanced {
        set(spec, "allocateLoadBalancerNodePorts", true);
        let ingress =
            object_.get_mut("status").and_then(|status| status.pointer_mut("/loadBalancer/ingress"));
        for one in ingress.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(one) = one.as_object_mut().filter(|one| !is_empty(one, "ip")) {
                set(one, "ipMode", "VIP");
            }
        }
    }
}

fn service_port(port: &mut Fields) {
    set(port, "protocol", "TCP");
    let target = port.get("targetPort");
    if target.is_none_or(|target| target.is_null() || target == "" || target == 0) {
        let number = port.get("port").cloned().unwrap_or_else(|| Value::from(0));
        port.insert("targetPort".to_owned(), number);
    }
}

fn protocol(port: &mut Fields) {
    set(port, "protocol", "TCP");
}

fn endpoint_slice(slice: &mut Fields) {
    for port in slice.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.entry("name").or_insert_with(|| Value::from(""));
        }
    }
}

fn network_policy(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    if is_empty(spec, "policyTypes") {
        let types = if is_empty(spec, "egress") { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        spec.insert("policyTypes".to_owned(), types);
    }
}

fn class_parameters(parameters: &mut Fields) {
    set(parameters, "scope", "Cluster");
}
