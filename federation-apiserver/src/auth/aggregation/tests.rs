use serde::Deserialize as _;
use serde_json::{Value, json};

use super::*;

fn role(object: Value) -> Role {
    Role::deserialize(object).unwrap()
}

fn resources(rules: &[PolicyRule]) -> Vec<&str> {
    rules.iter().flat_map(|rule| &rule.resources).map(String::as_str).collect()
}

#[test]
fn rules_come_by_selector_and_name_each_once_and_never_from_oneself() {
    let rule = |resource: &str| json!({"verbs": ["get"], "apiGroups": [""], "resources": [resource]});
    let all = [
        role(
            json!({"metadata": {"name": "c", "labels": {"x": "1"}}, "rules": [rule("pods"), rule("nodes")]}),
        ),
        role(json!({"metadata": {"name": "b", "labels": {"x": "1", "y": "2"}}, "rules": [rule("pods")]})),
        role(json!({"metadata": {"name": "a", "labels": {"y": "2"}}, "rules": [rule("events")]})),
        role(json!({"metadata": {"name": "d", "labels": null}, "rules": null})),
        role(json!({
            "metadata": {"name": "sum", "labels": {"x": "1"}},
            "rules": [rule("secrets")],
            "aggregationRule": {"clusterRoleSelectors": [
                {"matchLabels": {"x": "1"}},
                {"matchExpressions": [{"key": "y", "operator": "In", "values": ["2"]}]},
            ]},
        })),
    ];
    assert_eq!(resources(&rules(&all[4], &all).unwrap()), ["pods", "nodes", "events"]);
    assert_eq!(rules(&all[0], &all), None);
}
