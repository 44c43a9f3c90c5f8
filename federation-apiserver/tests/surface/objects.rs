//! Objects that are accepted: one or more of each stored kind.

use serde_json::{Value, json};

fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    for (field, value) in rest.as_object().unwrap() {
        if field == "metadata" {
            for (field, value) in value.as_object().unwrap() {
                object["metadata"][field] = value.clone();
            }
        } else {
            object[field] = value.clone();
        }
    }
    object
}

fn containers() -> Value {
    json!([
        {"name": "a", "image": "nginx", "ports": [{"containerPort": 80}], "env": [
            {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
         "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "250m"}},
         "livenessProbe": {"httpGet": {"port": 80}}, "readinessProbe": {"grpc": {"port": 1}},
         "volumeMounts": [{"name": "cm", "mountPath": "/cm"}]},
        {"name": "b", "image": "host:5000/nginx:1.2", "args": [], "command": null},
    ])
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}, "annotations": {}}, "spec": {
        "containers": containers(),
        "initContainers": [{"name": "i", "image": "nginx:latest"}],
        "serviceAccountName": "robot",
        "volumes": [
            {"name": "e"},
            {"name": "cm", "configMap": {"name": "x"}},
            {"name": "s", "secret": {"secretName": "x"}},
            {"name": "h", "hostPath": {"path": "/x"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}},
        ],
        "nodeSelector": {"disk": "ssd"},
    }})
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "web"}})
}

fn job_template() -> Value {
    json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "nginx:1"}]}})
}

/// All of them, in an order in which each can be created.
pub(crate) fn all() -> Vec<Value> {
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}});
    vec![
        // Before there are limits to be added to them.
        object("v1", "Pod", "lone", json!({"spec": template()["spec"]})),
        object(
            "v1",
            "Pod",
            "best",
            json!({"spec": {"containers": [{"name": "a", "image": "nginx:1"}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]}}),
        ),
        object("v1", "Namespace", "team", json!({"metadata": {"labels": {"a": "b"}}})),
        object("v1", "ConfigMap", "full", json!({"data": {"a": "b"}, "binaryData": {"c": "YWJj"}})),
        object(
            "v1",
            "ConfigMap",
            "empty",
            json!({"data": {}, "metadata": {"labels": {}, "annotations": null}}),
        ),
        object("v1", "ConfigMap", "fixed", json!({"data": {"a": null}, "immutable": true})),
        object("v1", "Secret", "plain", json!({"stringData": {"a": "b"}, "data": {"c": "ZA=="}})),
        object("v1", "Secret", "typed", json!({"type": "example.com/x"})),
        object("v1", "ServiceAccount", "robot", json!({"imagePullSecrets": [{"name": "x"}]})),
        object(
            "v1",
            "Event",
            "old",
            json!({"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "Because", "message": "hello\n", "type": "Normal", "source": {"component": "me", "host": "h"},
            "firstTimestamp": "2020-01-01T00:00:00Z", "lastTimestamp": "2020-01-02T00:00:00Z", "count": 3}),
        ),
        object(
            "events.k8s.io/v1",
            "Event",
            "new",
            json!({"regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "Because", "note": "hello", "type": "Normal", "action": "Do", "reportingController": "example.com/x",
            "reportingInstance": "y", "eventTime": "2020-01-01T00:00:00.000000Z"}),
        ),
        object(
            "coordination.k8s.io/v1",
            "Lease",
            "held",
            json!({"spec": {"holderIdentity": "me",
            "renewTime": "2020-01-01T02:00:00.500000+02:00", "leaseDurationSeconds": 15}}),
        ),
        object("rbac.authorization.k8s.io/v1", "Role", "none", json!({})),
        object(
            "rbac.authorization.k8s.io/v1",
            "Role",
            "a:b",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"],
            "verbs": ["get"], "resourceNames": []}]}),
        ),
        object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "aggregate",
            json!({"aggregationRule": {
            "clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}),
        ),
        object(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "bound",
            json!({"roleRef": {"kind": "Role", "name": "none"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"},
                {"kind": "ServiceAccount", "name": "robot", "namespace": "default"}]}),
        ),
        object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "bound",
            json!({"roleRef": {"kind": "ClusterRole",
            "name": "aggregate", "apiGroup": "rbac.authorization.k8s.io"}}),
        ),
        object(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "v",
            json!({"webhooks": [{
            "name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "s", "namespace": "n"}},
            "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}]}]}),
        ),
        object(
            "admissionregistration.k8s.io/v1",
            "MutatingWebhookConfiguration",
            "m",
            json!({"webhooks": [{
            "name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://example.com/x"}}]}),
        ),
        object("scheduling.k8s.io/v1", "PriorityClass", "high", json!({"value": 100})),
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            "fast",
            json!({"provisioner": "example.com/x", "parameters": {}}),
        ),
        object(
            "v1",
            "PersistentVolume",
            "disk",
            json!({"spec": {"capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "hostPath": {"path": "/x"}, "storageClassName": "fast"}}),
        ),
        object("v1", "PersistentVolumeClaim", "claim", json!({"spec": claim})),
        object(
            "v1",
            "LimitRange",
            "limits",
            json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"},
            "min": {"memory": "1Mi"}, "default": {"cpu": 1}}]}}),
        ),
        object("v1", "ResourceQuota", "quota", json!({"spec": {"hard": {"pods": 100, "limits.cpu": "500"}}})),
        object(
            "v1",
            "Node",
            "worker",
            json!({"metadata": {"labels": {"node-role.kubernetes.io/worker": ""}}}),
        ),
        object(
            "v1",
            "Service",
            "web",
            json!({"spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}}),
        ),
        object(
            "v1",
            "Service",
            "headless",
            json!({"spec": {"clusterIP": "None", "selector": {"app": "web"}}}),
        ),
        object(
            "v1",
            "Service",
            "outside",
            json!({"spec": {"type": "NodePort", "ports": [
            {"name": "a", "port": 80, "targetPort": "http"}, {"name": "b", "port": 53, "protocol": "UDP"}]}}),
        ),
        object(
            "v1",
            "Service",
            "balanced",
            json!({"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP",
            "ports": [{"port": 443}]}}),
        ),
        object(
            "v1",
            "Service",
            "alias",
            json!({"spec": {"type": "ExternalName", "externalName": "example.com"}}),
        ),
        object(
            "v1",
            "Endpoints",
            "web",
            json!({"subsets": [{"addresses": [{"ip": "10.1.1.1"}, {"ip": "10.1.1.2"}],
            "ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]}]}),
        ),
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "web",
            json!({"addressType": "IPv4", "ports": [{"port": 80}],
            "endpoints": [{"addresses": ["10.1.1.1"]}]}),
        ),
        object(
            "networking.k8s.io/v1",
            "IngressClass",
            "public",
            json!({"spec": {"controller": "example.com/x",
            "parameters": {"kind": "K", "name": "n", "apiGroup": "example.com"}}}),
        ),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            "web",
            json!({"spec": {"ingressClassName": "public", "tls": [{}], "rules": [
            {"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
        ),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "deny",
            json!({"spec": {"podSelector": {}, "ingress": []}}),
        ),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "some",
            json!({"spec": {"podSelector": selector(),
            "egress": [{"ports": [{"port": 53}], "to": [{"namespaceSelector": {}}]}]}}),
        ),
        object(
            "apps/v1",
            "Deployment",
            "web",
            json!({"spec": {"selector": selector(), "template": template()}}),
        ),
        object(
            "apps/v1",
            "Deployment",
            "recreate",
            json!({"spec": {"replicas": 0, "strategy": {"type": "Recreate"},
            "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, "template": template()}}),
        ),
        object(
            "apps/v1",
            "ReplicaSet",
            "web",
            json!({"spec": {"selector": selector(), "template": template()}}),
        ),
        object(
            "apps/v1",
            "StatefulSet",
            "web",
            json!({"spec": {"serviceName": "web", "selector": selector(),
            "template": template(), "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}}),
        ),
        object(
            "apps/v1",
            "StatefulSet",
            "by-hand",
            json!({"spec": {"serviceName": "web", "selector": selector(),
            "updateStrategy": {"type": "OnDelete"}, "template": template()}}),
        ),
        object(
            "apps/v1",
            "DaemonSet",
            "web",
            json!({"spec": {"selector": selector(), "template": template()}}),
        ),
        object(
            "apps/v1",
            "ControllerRevision",
            "web-1",
            json!({"revision": 1, "data": {"a": null, "b": {}}}),
        ),
        object("batch/v1", "Job", "once", json!({"spec": {"template": job_template()}})),
        object(
            "batch/v1",
            "Job",
            "often",
            json!({"metadata": {"labels": {"own": "label"}},
            "spec": {"parallelism": 3, "template": job_template()}}),
        ),
        object(
            "batch/v1",
            "CronJob",
            "nightly",
            json!({"spec": {"schedule": "0 3 * * *", "timeZone": "Etc/UTC",
            "jobTemplate": {"spec": {"template": job_template()}}}}),
        ),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "web",
            json!({"spec": {"maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        ),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "many",
            json!({"spec": {"maxReplicas": 3, "minReplicas": 2,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}},
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "0.5"}}},
            {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": 5}}},
            {"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "1k"}}}]}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            json!({"spec": {"minAvailable": "50%", "selector": selector()}}),
        ),
    ]
}

/// A definition with two versions, one of which has columns of its own.
pub(crate) fn definition() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}});
    let column = |name: &str, kind: &str, path: &str| json!({"name": name, "type": kind, "jsonPath": path});
    object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "widgets.example.com",
        json!({"spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
                "shortNames": ["wd"], "categories": ["all"]},
            "versions": [
                {"name": "v1beta1", "served": true, "storage": false, "schema": schema, "subresources": {"status": {}}},
                {"name": "v1", "served": true, "storage": true, "schema": schema,
                 "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas"}},
                 "additionalPrinterColumns": [
                    column("Text", "string", ".spec.text"),
                    column("Number", "integer", ".spec.number"),
                    column("Real", "number", ".spec.number"),
                    column("On", "boolean", ".spec.on"),
                    column("Since", "date", ".spec.since"),
                    column("Object", "string", ".spec.object"),
                    column("First", "string", ".spec.list[0].name"),
                    column("Last", "string", ".spec.list[-1].name"),
                    column("Each", "string", ".spec.list[*].name"),
                    column("Found", "string", ".spec.list[?(@.name==\"b\")].value"),
                    column("Dotted", "string", r".spec.dotted\.name"),
                    column("Quoted", "string", ".spec['dotted.name']"),
                    json!({"name": "Wide", "type": "string", "jsonPath": ".spec.text", "priority": 1, "format": "byte",
                        "description": "A text."}),
                 ]},
            ],
        }}),
    )
}
