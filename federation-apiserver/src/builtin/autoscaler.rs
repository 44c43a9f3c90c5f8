//! The two forms of an autoscaler: `autoscaling/v2`, in which it is stored, and `autoscaling/v1`, which has a field for
//! the CPU alone. What `v1` has no field for is in annotations there (`k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go`).

mod metrics;
mod ordered;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::conversion::Convert;
use crate::status::ApiError;
use metrics::{CURRENT, TARGET};
use ordered::ordered;

const V1: &str = "autoscaling/v1";
pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
/// No form of today writes these two, but none keeps them.
const TOLERANCES: [&str; 2] = [
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];
/// The percentage of the CPU that is aimed at where nothing is said.
pub(super) const DEFAULT_UTILIZATION: i64 = 80;

/// An autoscaler as an `apiVersion` has it. One that is in that form stays as it is.
fn convert_autoscaler(mut object: Value, api_version: &str) -> Value {
    if object["apiVersion"] == api_version || !object.is_object() {
        return object;
    }
    let mut kept = take_annotations(&mut object);
    if api_version == V1 {
        to_v1(&mut object);
    } else {
        to_v2(&mut object, &mut kept);
    }
    object["apiVersion"] = api_version.into();
    object
}

fn to_v1(object: &mut Value) {
    let spec = fields(object, "spec");
    let metrics = spec.remove("metrics").unwrap_or_default();
    let behavior = spec.remove("behavior").unwrap_or_default();
    let (cpu, others): (Vec<Value>, Vec<Value>) = list(metrics).into_iter().partition(is_cpu_utilization);
    if let Some(first) = cpu.first() {
        let aim = first["resource"]["target"]["averageUtilization"].clone();
        spec.insert("targetCPUUtilizationPercentage".to_owned(), aim);
    }
    let status = fields(object, "status");
    let current = list(status.remove("currentMetrics").unwrap_or_default());
    status.entry("currentReplicas").or_insert_with(|| 0.into());
    let conditions = list(status.remove("conditions").unwrap_or_default());
    if let Some(used) = current.iter().rev().map(|one| &one["resource"]).find(|one| one["name"] == "cpu")
        && !used["current"]["averageUtilization"].is_null()
    {
        status.insert(
            "currentCPUUtilizationPercentage".to_owned(),
            used["current"]["averageUtilization"].clone(),
        );
    }
    let others: Vec<Value> = others.iter().map(|metric| TARGET.to_v1(metric)).collect();
    let current: Vec<Value> = current.iter().map(|metric| CURRENT.to_v1(metric)).collect();
    let behavior = if behavior.is_null() { Vec::new() } else { vec![rules_in_go(&behavior)] };
    for (name, values) in [(METRICS, &others), (CURRENT_METRICS, &current), (CONDITIONS, &conditions)] {
        if !values.is_empty() {
            object["metadata"]["annotations"][name] = ordered(&Value::from(values.clone())).into();
        }
    }
    for rules in behavior {
        object["metadata"]["annotations"][BEHAVIOR] = ordered(&rules).into();
    }
}

fn to_v2(object: &mut Value, kept: &mut Map<String, Value>) {
    let mut said = |name: &str| -> Option<Value> { serde_json::from_str(kept.remove(name)?.as_str()?).ok() };
    let (metrics, behavior) = (said(METRICS), said(BEHAVIOR));
    let (current, conditions) = (said(CURRENT_METRICS), said(CONDITIONS));
    let spec = fields(object, "spec");
    let mut all: Vec<Value> = list(metrics.unwrap_or_default()).iter().map(|one| TARGET.to_v2(one)).collect();
    match spec.remove("targetCPUUtilizationPercentage") {
        Some(aim) if !aim.is_null() => {
            all.push(cpu("target", json!({"type": "Utilization", "averageUtilization": aim})));
        }
        _ if all.is_empty() => {
            all.push(cpu(
                "target",
                json!({"type": "Utilization", "averageUtilization": DEFAULT_UTILIZATION}),
            ));
        }
        _ => {}
    }
    spec.insert("metrics".to_owned(), all.into());
    if let Some(behavior) = behavior.as_ref().map(rules_of_go).filter(|rules| rules != &json!({})) {
        spec.insert("behavior".to_owned(), behavior);
    }
    let status = fields(object, "status");
    // Here it is left out where it is zero.
    if status.get("currentReplicas").is_some_and(|replicas| *replicas == 0) {
        status.remove("currentReplicas");
    }
    let used = status.remove("currentCPUUtilizationPercentage").filter(|used| !used.is_null());
    let current = match (current, used) {
        (Some(current), _) => list(current).iter().map(|one| CURRENT.to_v2(one)).collect::<Vec<_>>().into(),
        (None, Some(used)) => json!([cpu("current", json!({ "averageUtilization": used }))]),
        (None, None) => Value::Null,
    };
    status.insert("currentMetrics".to_owned(), current);
    if let Some(conditions) = conditions {
        status.insert("conditions".to_owned(), conditions);
    }
}

/// Takes the annotations away that stand for fields.
fn take_annotations(object: &mut Value) -> Map<String, Value> {
    let mut taken = Map::new();
    let annotations = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
    let Some(annotations) = annotations else { return taken };
    for name in [METRICS, CURRENT_METRICS, CONDITIONS, BEHAVIOR].into_iter().chain(TOLERANCES) {
        taken.extend(annotations.remove_entry(name));
    }
    if annotations.is_empty() {
        crate::object::set(object, "annotations", None);
    }
    taken
}

fn is_cpu_utilization(metric: &Value) -> bool {
    let resource = &metric["resource"];
    metric["type"] == "Resource"
        && resource["name"] == "cpu"
        && !resource["target"]["averageUtilization"].is_null()
}

fn cpu(part: &str, value: Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", part: value}})
}

/// The behaviour as the annotation has it: under the names of Go's fields, and with those that are not set.
fn rules_in_go(behavior: &Value) -> Value {
    let rules = |rules: &Value| match rules {
        Value::Null => Value::Null,
        rules => {
            let policy = |one: &Value| json!({"Type": one["type"], "Value": one["value"], "PeriodSeconds": one["periodSeconds"]});
            let policies = rules["policies"].as_array().map(|all| all.iter().map(policy).collect::<Vec<_>>());
            json!({
                "StabilizationWindowSeconds": rules["stabilizationWindowSeconds"], "SelectPolicy": rules["selectPolicy"],
                "Policies": policies, "Tolerance": rules["tolerance"],
            })
        }
    };
    json!({"ScaleUp": rules(&behavior["scaleUp"]), "ScaleDown": rules(&behavior["scaleDown"])})
}

/// The behaviour of an annotation.
fn rules_of_go(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (in_json(name), rules_of_go(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(all) => all.iter().map(rules_of_go).collect(),
        other => other.clone(),
    }
}

/// The name in JSON of a field of Go's.
fn in_json(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all,
        _ => Vec::new(),
    }
}

/// A part of the object, made if it is not there.
fn fields<'a>(object: &'a mut Value, name: &str) -> &'a mut Map<String, Value> {
    if !object[name].is_object() {
        object[name] = json!({});
    }
    match &mut object[name] {
        Value::Object(fields) => fields,
        _ => unreachable!("made an object above"),
    }
}

/// Autoscalers are stored in one form, and served in both.
pub(super) struct AutoscalerForms;

#[async_trait]
impl Convert for AutoscalerForms {
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError> {
        Ok(objects.into_iter().map(|object| convert_autoscaler(object, api_version)).collect())
    }

    fn convert_now(&self, object: &Value, api_version: &str) -> Result<Value, String> {
        Ok(convert_autoscaler(object.clone(), api_version))
    }
}

#[cfg(test)]
mod tests;
