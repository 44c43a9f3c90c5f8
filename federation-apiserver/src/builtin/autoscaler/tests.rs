use serde_json::json;

use super::*;

#[test]
fn both_ways_change_nothing() {
    let metric = |kind: &str, source: &str, value: Value| json!({"type": kind, source: value});
    let named = json!({"name": "m", "selector": {"matchLabels": {"a": "b"}}});
    let v2 = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a", "annotations": {"other": "kept"}},
        "spec": {
            "maxReplicas": 9, "minReplicas": 1, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "metrics": [
                metric("Resource", "resource", json!({"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}})),
                metric("ContainerResource", "containerResource",
                    json!({"name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 7}})),
                metric("Object", "object", json!({"describedObject": {"kind": "Service", "name": "s"}, "metric": named,
                    "target": {"type": "Value", "value": "3"}})),
                metric("Object", "object", json!({"describedObject": {"kind": "Service", "name": "s"}, "metric": named,
                    "target": {"type": "AverageValue", "averageValue": "3"}})),
                metric("Pods", "pods", json!({"metric": named, "target": {"type": "AverageValue", "averageValue": "3"}})),
                metric("External", "external", json!({"metric": named, "target": {"type": "Value", "value": "3"}})),
                metric("Resource", "resource", json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}})),
            ],
            "behavior": {"scaleDown": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}},
        },
        "status": {
            "currentReplicas": 2, "desiredReplicas": 3,
            "currentMetrics": [
                metric("Resource", "resource", json!({"name": "cpu", "current": {"averageUtilization": 5, "averageValue": "50m"}})),
                metric("Pods", "pods", json!({"metric": named, "current": {"averageValue": "3"}})),
            ],
            "conditions": [{"type": "AbleToScale", "status": "True", "reason": "r", "message": "m"}],
        },
    });
    let v1 = convert_autoscaler(v2.clone(), V1);
    assert_eq!(v1["spec"]["targetCPUUtilizationPercentage"], 70);
    assert_eq!(v1["status"]["currentCPUUtilizationPercentage"], 5);
    assert!(v1["spec"]["metrics"].is_null() && v1["spec"]["behavior"].is_null());
    assert_eq!(convert_autoscaler(v1.clone(), "autoscaling/v2"), v2);
    assert_eq!(convert_autoscaler(v1.clone(), V1), v1);
}

#[test]
fn an_autoscaler_of_v1_aims_at_the_cpu() {
    let spec = json!({"maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "web"}});
    let v1 = json!({"apiVersion": V1, "metadata": {"name": "a"}, "spec": spec});
    let v2 = convert_autoscaler(v1, "autoscaling/v2");
    assert_eq!(v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], DEFAULT_UTILIZATION);
    assert_eq!(v2["status"], json!({"currentMetrics": null}));
}

#[test]
fn annotations_are_written_as_go_writes_them() {
    let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 60}}});
    let v2 =
        json!({"apiVersion": "autoscaling/v2", "metadata": {}, "spec": {"metrics": [memory]}, "status": {}});
    let v1 = convert_autoscaler(v2, V1);
    let wanted = r#"[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]"#;
    assert_eq!(v1["metadata"]["annotations"][METRICS], wanted);
}
