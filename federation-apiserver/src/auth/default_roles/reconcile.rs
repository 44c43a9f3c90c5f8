//! What a newer server adds to defaults that an older one has made, as kube-apiserver does at every start.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::auth::{PolicyRule, Role, coverage::uncovered};

/// The stored object with what it lacks of its default; none if it lacks nothing, or if its annotation
/// `rbac.authorization.kubernetes.io/autoupdate` says that it shall stay as it is. Nothing is taken away.
pub fn reconciled(stored: &Value, default: &Value) -> Option<Value> {
    if stored["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] == "false" {
        return None;
    }
    let mut object = stored.clone();
    for field in ["labels", "annotations"] {
        add_entries(&mut object["metadata"][field], &default["metadata"][field]);
    }
    if let Some(selectors) = default.pointer("/aggregationRule/clusterRoleSelectors") {
        // Its rules come from others.
        add_items(&mut object["aggregationRule"]["clusterRoleSelectors"], selectors);
    } else if let Some(lacking) = lacking_rules(stored, default) {
        add_items(&mut object["rules"], &json!(lacking));
    }
    if let Some(subjects) = default.get("subjects") {
        add_items(&mut object["subjects"], subjects);
    }
    (object != *stored).then_some(object)
}

/// The default rules of which the stored ones do not give everything.
fn lacking_rules(stored: &Value, default: &Value) -> Option<Vec<PolicyRule>> {
    let (held, wanted) = (Role::deserialize(stored).ok()?.rules, Role::deserialize(default).ok()?.rules);
    let held: Vec<_> = held.iter().collect();
    let lacking = |rule: &PolicyRule| !uncovered(&held, std::slice::from_ref(rule)).is_empty();
    let lacking: Vec<_> = wanted.into_iter().filter(lacking).collect();
    (!lacking.is_empty()).then_some(lacking)
}

fn add_entries(to: &mut Value, from: &Value) {
    let Some(from) = from.as_object() else { return };
    if !to.is_object() {
        *to = Value::Object(Map::new());
    }
    for (key, value) in from {
        if to.get(key).is_none() {
            to[key] = value.clone();
        }
    }
}

fn add_items(to: &mut Value, from: &Value) {
    let mut items = to.as_array().cloned().unwrap_or_default();
    items.extend(from.as_array().into_iter().flatten().filter(|item| !contains(to, item)).cloned());
    if !items.is_empty() {
        *to = Value::Array(items);
    }
}

fn contains(list: &Value, item: &Value) -> bool {
    list.as_array().is_some_and(|list| list.contains(item))
}
