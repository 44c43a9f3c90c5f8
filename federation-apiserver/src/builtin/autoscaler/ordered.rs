//! JSON text with its fields in the order of Go's structs, as kube-apiserver writes it into annotations: the same object has
//! the same text from both.

use serde_json::Value;

/// The order of all fields that occur; others come after them, by name.
const ORDER: [&str; 39] = [
    "type",
    "status",
    "lastTransitionTime",
    "reason",
    "message",
    "object",
    "pods",
    "resource",
    "containerResource",
    "external",
    "target",
    "kind",
    "metricName",
    "name",
    "apiVersion",
    "metricSelector",
    "targetValue",
    "targetAverageUtilization",
    "currentValue",
    "currentAverageUtilization",
    "targetAverageValue",
    "currentAverageValue",
    "selector",
    "averageValue",
    "container",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "ScaleUp",
    "ScaleDown",
    "StabilizationWindowSeconds",
    "SelectPolicy",
    "Policies",
    "Tolerance",
    "Type",
    "Value",
    "PeriodSeconds",
];

/// The text of a value.
pub(super) fn ordered(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let rank = |name: &str| ORDER.iter().position(|one| *one == name).unwrap_or(ORDER.len());
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| rank(name));
            let field = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), ordered(value))
            };
            format!("{{{}}}", fields.into_iter().map(field).collect::<Vec<_>>().join(","))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(ordered).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
