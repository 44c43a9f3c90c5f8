//! Services, endpoints, ingresses and network policies.

use serde_json::{Value, json};

use super::{AGE, NAME, Printer, name, selector_or_none, string, wide};
use crate::table::text;

pub(super) static SERVICE: Printer = Printer::new(
    &[
        NAME,
        string("Type"),
        string("Cluster-IP"),
        string("External-IP"),
        string("Port(s)"),
        AGE,
        wide("Selector"),
    ],
    |object, now| {
        vec![
            name(object),
            json!(text::of(object, "/spec/type")),
            json!(text::or(object, "/spec/clusterIPs/0", "<none>")),
            json!(external_address(object)),
            json!(service_ports(object)),
            text::age(object, now),
            json!(text::labels(object.pointer("/spec/selector").and_then(Value::as_object))),
        ]
    },
);

fn external_address(object: &Value) -> String {
    let external: Vec<_> = text::list(object, "/spec/externalIPs").iter().filter_map(Value::as_str).collect();
    match text::of(object, "/spec/type") {
        "ClusterIP" | "NodePort" if external.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => external.join(","),
        "LoadBalancer" => {
            let mut all: Vec<_> = balancer_addresses(object);
            all.extend(external.into_iter().map(str::to_owned));
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        "ExternalName" => text::of(object, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn balancer_addresses(object: &Value) -> Vec<String> {
    let ingress = text::list(object, "/status/loadBalancer/ingress").iter();
    let mut all: Vec<_> =
        ingress.map(|one| text::or(one, "/ip", text::of(one, "/hostname")).to_owned()).collect();
    all.retain(|address| !address.is_empty());
    all.sort();
    all.dedup();
    all
}

fn service_ports(object: &Value) -> String {
    let ports = text::list(object, "/spec/ports").iter().map(|port| {
        let (number, protocol) = (text::number(port, "/port"), text::of(port, "/protocol"));
        match text::number(port, "/nodePort") {
            0 => format!("{number}/{protocol}"),
            node => format!("{number}:{node}/{protocol}"),
        }
    });
    let ports = ports.collect::<Vec<_>>().join(",");
    if ports.is_empty() { "<none>".to_owned() } else { ports }
}

pub(super) static ENDPOINTS: Printer = Printer::new(&[NAME, string("Endpoints"), AGE], |object, now| {
    let mut all = Vec::new();
    for subset in text::list(object, "/subsets") {
        let addresses = text::list(subset, "/addresses");
        let ports = text::list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses.iter().map(|address| text::of(address, "/ip").to_owned()));
        }
        for port in ports {
            all.extend(addresses.iter().map(|address| {
                let (ip, port) = (text::of(address, "/ip"), text::number(port, "/port"));
                if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
            }));
        }
    }
    let none = if text::list(object, "/subsets").is_empty() { "<none>" } else { "" };
    vec![name(object), json!(text::first_three(&all, none)), text::age(object, now)]
});

pub(super) static ENDPOINT_SLICE: Printer =
    Printer::new(&[NAME, string("AddressType"), string("Ports"), string("Endpoints"), AGE], |object, now| {
        let ports = text::list(object, "/ports").iter().map(|port| match port["port"].as_i64() {
            Some(number) => number.to_string(),
            None => port["name"].as_str().unwrap_or("*").to_owned(),
        });
        let ports: Vec<_> = ports.collect();
        let endpoints = text::list(object, "/endpoints").iter();
        let addresses = endpoints.flat_map(|endpoint| text::list(endpoint, "/addresses"));
        let addresses: Vec<_> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
        vec![
            name(object),
            json!(text::of(object, "/addressType")),
            json!(text::first_three(&ports, "<unset>")),
            json!(text::first_three(&addresses, "<unset>")),
            text::age(object, now),
        ]
    });

pub(super) static INGRESS: Printer = Printer::new(
    &[NAME, string("Class"), string("Hosts"), string("Address"), string("Ports"), AGE],
    |object, now| {
        let tls = !text::list(object, "/spec/tls").is_empty();
        vec![
            name(object),
            json!(text::or(object, "/spec/ingressClassName", "<none>")),
            json!(hosts(text::list(object, "/spec/rules"))),
            json!(balancer_addresses(object).join(",")),
            json!(if tls { "80, 443" } else { "80" }),
            text::age(object, now),
        ]
    },
);

/// The first three hosts, and how many rules there are beyond three.
fn hosts(rules: &[Value]) -> String {
    let (mut hosts, mut more) = (Vec::new(), false);
    for rule in rules {
        more |= hosts.len() == 3;
        let host = text::of(rule, "/host");
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    match (hosts.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules.len() - 3),
        (false, false) => hosts.join(","),
    }
}

pub(super) static INGRESS_CLASS: Printer =
    Printer::new(&[NAME, string("Controller"), string("Parameters"), AGE], |object, now| {
        let default =
            object["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true";
        let name = text::of(object, "/metadata/name");
        let parameters = object.pointer("/spec/parameters").filter(|parameters| !parameters.is_null());
        let parameters = parameters.map_or_else(
            || "<none>".to_owned(),
            |to| {
                let group = to["apiGroup"].as_str().map(|group| format!(".{group}")).unwrap_or_default();
                format!("{}{group}/{}", text::of(to, "/kind"), text::of(to, "/name"))
            },
        );
        vec![
            json!(if default { format!("{name} (default)") } else { name.to_owned() }),
            json!(text::of(object, "/spec/controller")),
            json!(parameters),
            text::age(object, now),
        ]
    });

pub(super) static NETWORK_POLICY: Printer =
    Printer::new(&[NAME, string("Pod-Selector"), AGE], |object, now| {
        vec![name(object), selector_or_none(object.pointer("/spec/podSelector")), text::age(object, now)]
    });
