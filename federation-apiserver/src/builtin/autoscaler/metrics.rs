//! Metrics in the two forms: `v1` has in one struct what `v2` has in several.

use serde_json::{Map, Value, json};

/// A field of a source of metrics: the source, the name in `v1`, the place in `v2`, and what is written in `v1` where there is
/// nothing: its quantities that are no pointers.
type Field = (&'static str, &'static str, &'static str, Option<&'static str>);

/// How metrics of one purpose are written.
pub(super) struct Forms {
    fields: &'static [Field],
    /// Whether a metric says of which type its value is.
    typed: bool,
}

/// What is aimed at.
pub(super) static TARGET: Forms = Forms {
    typed: true,
    fields: &[
        ("resource", "name", "/name", None),
        ("resource", "targetAverageUtilization", "/target/averageUtilization", None),
        ("resource", "targetAverageValue", "/target/averageValue", None),
        ("containerResource", "name", "/name", None),
        ("containerResource", "container", "/container", None),
        ("containerResource", "targetAverageUtilization", "/target/averageUtilization", None),
        ("containerResource", "targetAverageValue", "/target/averageValue", None),
        ("object", "target", "/describedObject", None),
        ("object", "metricName", "/metric/name", None),
        ("object", "selector", "/metric/selector", None),
        ("object", "targetValue", "/target/value", Some("0")),
        ("object", "averageValue", "/target/averageValue", None),
        ("pods", "metricName", "/metric/name", None),
        ("pods", "selector", "/metric/selector", None),
        ("pods", "targetAverageValue", "/target/averageValue", Some("0")),
        ("external", "metricName", "/metric/name", None),
        ("external", "metricSelector", "/metric/selector", None),
        ("external", "targetValue", "/target/value", None),
        ("external", "targetAverageValue", "/target/averageValue", None),
    ],
};

/// What there is.
pub(super) static CURRENT: Forms = Forms {
    typed: false,
    fields: &[
        ("resource", "name", "/name", None),
        ("resource", "currentAverageUtilization", "/current/averageUtilization", None),
        ("resource", "currentAverageValue", "/current/averageValue", Some("0")),
        ("containerResource", "name", "/name", None),
        ("containerResource", "container", "/container", None),
        ("containerResource", "currentAverageUtilization", "/current/averageUtilization", None),
        ("containerResource", "currentAverageValue", "/current/averageValue", Some("0")),
        ("object", "target", "/describedObject", None),
        ("object", "metricName", "/metric/name", None),
        ("object", "selector", "/metric/selector", None),
        ("object", "currentValue", "/current/value", Some("0")),
        ("object", "averageValue", "/current/averageValue", None),
        ("pods", "metricName", "/metric/name", None),
        ("pods", "selector", "/metric/selector", None),
        ("pods", "currentAverageValue", "/current/averageValue", Some("0")),
        ("external", "metricName", "/metric/name", None),
        ("external", "metricSelector", "/metric/selector", None),
        ("external", "currentValue", "/current/value", Some("0")),
        ("external", "currentAverageValue", "/current/averageValue", None),
    ],
};

impl Forms {
    /// A metric of `v2`, as `v1` has it.
    pub(super) fn to_v1(&self, metric: &Value) -> Value {
        let mut out = json!({"type": metric["type"]});
        for (source, v1, v2, zero) in self.fields {
            let Some(from) = metric.get(source).filter(|from| !from.is_null()) else { continue };
            let value = from.pointer(v2).filter(|value| !value.is_null()).cloned();
            if let Some(value) = value.or_else(|| zero.map(Value::from)) {
                out[source][v1] = value;
            }
        }
        out
    }

    /// A metric of `v1`, as `v2` has it.
    pub(super) fn to_v2(&self, metric: &Value) -> Value {
        let mut out = json!({"type": metric["type"]});
        for (source, v1, v2, _) in self.fields {
            let Some(from) = metric.get(source).filter(|from| !from.is_null()) else { continue };
            let averaged = !from["averageValue"].is_null();
            let Some(value) = from.get(v1).filter(|value| !value.is_null()) else { continue };
            // A value that v1 cannot leave out.
            let filler =
                self.typed && *source == "object" && *v1 == "targetValue" && averaged && value == "0";
            if !filler {
                put(&mut out[source], v2, value.clone());
            }
        }
        if self.typed {
            for source in ["resource", "containerResource", "object", "pods", "external"] {
                if let Some(target) = out.get_mut(source).map(|source| &mut source["target"]) {
                    let kind = match source {
                        "resource" | "containerResource" if !target["averageUtilization"].is_null() => {
                            "Utilization"
                        }
                        "object" if target["averageValue"].is_null() => "Value",
                        "external" if !target["value"].is_null() => "Value",
                        _ => "AverageValue",
                    };
                    target["type"] = kind.into();
                }
            }
        }
        out
    }
}

/// Writes at a place of one or two steps.
fn put(into: &mut Value, place: &str, value: Value) {
    let mut at = into;
    for step in place.trim_start_matches('/').split('/') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[step];
    }
    *at = value;
}
