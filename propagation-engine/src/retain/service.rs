//! A Service's addresses and ports.

use serde_json::Value;

use super::fields::{self, Field, When, at, at_mut};

const HEALTH_CHECK_NODE_PORT: &[&str] = &["spec", "healthCheckNodePort"];
const LOAD_BALANCER_CLASS: &[&str] = &["spec", "loadBalancerClass"];

/// Fields that are kept as they are.
pub(super) const FIELDS: &[Field] = &[
    Field { path: &["spec", "clusterIP"], when: When::Always },
    Field { path: &["spec", "clusterIPs"], when: When::Always },
    Field { path: HEALTH_CHECK_NODE_PORT, when: When::Always },
    Field { path: LOAD_BALANCER_CLASS, when: When::Empty },
    // The first family cannot change, and the rest goes with the addresses.
    Field { path: &["spec", "ipFamilies"], when: When::Empty },
    Field { path: &["spec", "ipFamilyPolicy"], when: When::Empty },
];

/// The node port that a member allotted to a port.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodePort {
    /// Empty for a Service with one port.
    name: Box<str>,
    protocol: Box<str>,
    port: u16,
    allotted: u16,
}

impl NodePort {
    fn is_of(&self, port: &Value) -> bool {
        name(port) == &*self.name
            && protocol(port) == &*self.protocol
            && number(port, "port") == Some(self.port)
    }

    /// Whether a port uses this node port. TCP and UDP have node ports of their own.
    fn is_used_by(&self, port: &Value) -> bool {
        number(port, NODE_PORT) == Some(self.allotted) && protocol(port) == &*self.protocol
    }
}

const NODE_PORT: &str = "nodePort";

fn name(port: &Value) -> &str {
    port.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// A port's protocol; the API server's default where it is not said.
fn protocol(port: &Value) -> &str {
    port.get("protocol").and_then(Value::as_str).filter(|p| !p.is_empty()).unwrap_or("TCP")
}

fn number(port: &Value, key: &str) -> Option<u16> {
    port.get(key)?.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
}

fn ports_of(service: &mut Value) -> Option<&mut Vec<Value>> {
    at_mut(service, &["spec", "ports"])?.as_array_mut()
}

/// The node ports of a live Service.
pub(super) fn node_ports(live: &Value) -> impl Iterator<Item = NodePort> {
    let ports = at(live, &["spec", "ports"]).and_then(Value::as_array);
    ports.into_iter().flatten().filter_map(|port| {
        Some(NodePort {
            name: name(port).into(),
            protocol: protocol(port).into(),
            port: number(port, "port")?,
            allotted: number(port, NODE_PORT)?,
        })
    })
}

/// Gives a port its node port, unless it says one, or another port has taken it.
pub(super) fn restore_node_port(desired: &mut Value, kept: &NodePort) {
    let Some(ports) = ports_of(desired) else { return };
    if ports.iter().any(|port| kept.is_used_by(port)) {
        return;
    }
    let port = ports.iter_mut().find(|port| kept.is_of(port)).and_then(Value::as_object_mut);
    if let Some(port) = port.filter(|port| port.get(NODE_PORT).is_none_or(fields::is_empty)) {
        port.insert(NODE_PORT.to_owned(), kept.allotted.into());
    }
}

/// Takes a node port back where the Service's type has none.
pub(super) fn withdraw_node_port(desired: &mut Value, kept: &NodePort) {
    if matches!(type_of(desired), "NodePort" | "LoadBalancer") {
        return;
    }
    for port in
        ports_of(desired).into_iter().flatten().filter(|port| kept.is_of(port) && kept.is_used_by(port))
    {
        if let Some(port) = port.as_object_mut() {
            port.remove(NODE_PORT);
        }
    }
}

/// Takes a field back where the Service's type does not have it.
pub(super) fn withdraw_field(desired: &mut Value, field: &Field, value: &Value) {
    let ty = type_of(desired);
    let local = || text(desired, &["spec", "externalTrafficPolicy"]) == "Local";
    let has_it = match field.path {
        HEALTH_CHECK_NODE_PORT => ty == "LoadBalancer" && local(),
        LOAD_BALANCER_CLASS => ty == "LoadBalancer",
        _ => ty != "ExternalName",
    };
    if !has_it
        && at(desired, field.path) == Some(value)
        && let Some((last, parents)) = field.path.split_last()
        && let Some(parent) = at_mut(desired, parents).and_then(Value::as_object_mut)
    {
        parent.remove(*last);
    }
}

fn type_of(service: &Value) -> &str {
    text(service, &["spec", "type"])
}

fn text<'a>(object: &'a Value, path: &[&str]) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}
