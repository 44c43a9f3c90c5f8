//! What a Service is given that has to be unique: addresses and node ports.

use serde_json::{Value, json};

/// Gives a new or changed Service its cluster address and node ports, where its type has them and it does not name
/// them itself. `address` gives a free IPv4 address of the cluster's, `port` a free node port; either may be out of
/// them.
///
/// Rules: `k8s.io/kubernetes/pkg/registry/core/service/storage/alloc.go`, for one IPv4 family.
pub fn assign(
    service: &mut Value,
    address: &mut dyn FnMut() -> Option<String>,
    port: &mut dyn FnMut() -> Option<u16>,
) {
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return };
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind == "ExternalName" {
        for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            spec.remove(name);
        }
        return;
    }
    let named = text(spec.get("clusterIP"));
    let first = text(spec.get("clusterIPs").and_then(|all| all.get(0)));
    let chosen = [named, first].into_iter().find(|one| !one.is_empty());
    if let Some(chosen) = chosen.or_else(address) {
        spec.insert("clusterIPs".to_owned(), json!([chosen]));
        spec.insert("clusterIP".to_owned(), chosen.into());
    }
    let headless_without_selector =
        spec.get("clusterIP").is_some_and(|ip| ip == "None") && !spec.contains_key("selector");
    let policy = if headless_without_selector { "RequireDualStack" } else { "SingleStack" };
    let families = if headless_without_selector { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
    spec.entry("ipFamilies").or_insert(families);
    spec.entry("ipFamilyPolicy").or_insert_with(|| policy.into());
    let balanced =
        kind == "LoadBalancer" && spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
    if balanced || kind == "NodePort" {
        for one in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let unset = one["nodePort"].as_i64().unwrap_or(0) == 0;
            if let (true, Some(one), Some(free)) = (unset, one.as_object_mut(), port()) {
                one.insert("nodePort".to_owned(), free.into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(mut service: Value) -> Value {
        assign(&mut service, &mut || Some("10.0.0.9".to_owned()), &mut || Some(30000));
        service["spec"].take()
    }

    #[test]
    fn what_is_named_is_kept_and_the_rest_given() {
        let plain = assigned(json!({"spec": {"type": "ClusterIP", "selector": {"a": "b"}}}));
        assert_eq!((&plain["clusterIP"], &plain["clusterIPs"]), (&json!("10.0.0.9"), &json!(["10.0.0.9"])));
        let headless = assigned(json!({"spec": {"clusterIP": "None", "selector": {"a": "b"}}}));
        assert_eq!(
            (&headless["clusterIPs"], &headless["ipFamilyPolicy"]),
            (&json!(["None"]), &json!("SingleStack"))
        );
        let node = assigned(
            json!({"spec": {"type": "NodePort", "ports": [{"port": 1}, {"port": 2, "nodePort": 7}]}}),
        );
        assert_eq!(node["ports"], json!([{"port": 1, "nodePort": 30000}, {"port": 2, "nodePort": 7}]));
        assert_eq!(assigned(json!({"spec": {"type": "ExternalName"}})), json!({"type": "ExternalName"}));
    }
}
