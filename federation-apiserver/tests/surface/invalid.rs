//! Objects and changes that are refused.

use serde_json::{Value, json};

fn object(api_version: &str, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    for (field, value) in rest.as_object().unwrap() {
        object[field] = value.clone();
    }
    object
}

fn config_map(rest: Value) -> Value {
    object("v1", "ConfigMap", rest)
}

fn secret(rest: Value) -> Value {
    object("v1", "Secret", rest)
}

fn deployment(spec: Value) -> Value {
    object("apps/v1", "Deployment", json!({"spec": spec}))
}

fn with_pod(pod: Value) -> Value {
    let labels = json!({"a": "b"});
    deployment(
        json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}),
    )
}

fn with_container(container: Value) -> Value {
    let mut whole = json!({"name": "c", "image": "i"});
    for (field, value) in container.as_object().unwrap() {
        whole[field] = value.clone();
    }
    with_pod(json!({"containers": [whole]}))
}

fn service(spec: Value) -> Value {
    object("v1", "Service", json!({"spec": spec}))
}

fn role(rule: Value) -> Value {
    object("rbac.authorization.k8s.io/v1", "Role", json!({"rules": [rule]}))
}

fn binding(role: Value, subject: Value) -> Value {
    object("rbac.authorization.k8s.io/v1", "RoleBinding", json!({"roleRef": role, "subjects": [subject]}))
}

fn webhook(change: Value) -> Value {
    let mut whole = json!({"name": "a.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://example.com/x"}});
    for (field, value) in change.as_object().unwrap() {
        if value.is_null() {
            whole.as_object_mut().unwrap().remove(field);
        } else {
            whole[field] = value.clone();
        }
    }
    object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", json!({"webhooks": [whole]}))
}

fn ingress(spec: Value) -> Value {
    object("networking.k8s.io/v1", "Ingress", json!({"spec": spec}))
}

fn autoscaler(spec: Value) -> Value {
    let mut whole = json!({"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    object("autoscaling/v2", "HorizontalPodAutoscaler", json!({"spec": whole}))
}

/// What cannot be created.
pub(crate) fn created() -> Vec<Value> {
    let long = "a".repeat(64);
    let pod = || json!({"containers": [{"name": "c", "image": "i"}]});
    let job = |spec: Value| {
        let mut whole = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}});
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        object("batch/v1", "Job", json!({"spec": whole}))
    };
    vec![
        // Metadata.
        config_map(json!({"metadata": {"name": "A_b"}})),
        config_map(json!({"metadata": {"name": "a/b"}})),
        config_map(json!({"metadata": {"name": "x", "labels": {"a b": "c"}}})),
        config_map(json!({"metadata": {"name": "x", "labels": {"a": "c d"}}})),
        config_map(json!({"metadata": {"name": "x", "labels": {(long.as_str()): long}}})),
        config_map(
            json!({"metadata": {"name": "x", "labels": {"/a": "", "B/": "", "Ex.com/a": "", "a/b/c": ""}}}),
        ),
        config_map(json!({"metadata": {"name": "x", "annotations": {"A b": "c"}}})),
        config_map(json!({"metadata": {"name": "x", "annotations": {"a": "b".repeat(300_000)}}})),
        config_map(json!({"metadata": {"name": "x", "finalizers": ["a b"]}})),
        config_map(json!({"metadata": {"name": "x", "finalizers": ["orphan", "foregroundDeletion"]}})),
        config_map(
            json!({"metadata": {"name": "x", "ownerReferences": [{"apiVersion": "", "kind": "", "name": "", "uid": ""}]}}),
        ),
        config_map(json!({"metadata": {"name": "x", "labels": {"a": 1}}})),
        object("v1", "Namespace", json!({"metadata": {"name": "a.b"}})),
        object("rbac.authorization.k8s.io/v1", "Role", json!({"metadata": {"name": "a%b"}})),
        // Configuration.
        config_map(json!({"data": {"a b": "c"}})),
        config_map(json!({"data": {"..": "c", "..a": "d", "": "e"}})),
        config_map(json!({"data": {"a": "c"}, "binaryData": {"a": "YQ=="}})),
        config_map(json!({"data": {"a": "b".repeat(1_100_000)}})),
        config_map(json!({"data": ["a"]})),
        secret(json!({"data": {"a": "%%"}})),
        secret(json!({"data": {"a b": "YQ=="}})),
        secret(json!({"type": "kubernetes.io/tls"})),
        secret(json!({"type": "kubernetes.io/basic-auth"})),
        secret(json!({"type": "kubernetes.io/ssh-auth"})),
        secret(json!({"type": "kubernetes.io/dockerconfigjson"})),
        secret(json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": ""}})),
        secret(json!({"type": "kubernetes.io/service-account-token"})),
        object(
            "coordination.k8s.io/v1",
            "Lease",
            json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
        ),
        object("coordination.k8s.io/v1", "Lease", json!({"spec": {"renewTime": "2020-01-01T00:00:00Z"}})),
        object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            json!({"value": 2_000_000_000, "preemptionPolicy": "Often"}),
        ),
        // RBAC.
        role(json!({"apiGroups": [""], "resources": ["pods"]})),
        role(json!({"verbs": ["get"]})),
        role(json!({"verbs": ["get"], "nonResourceURLs": ["/x"]})),
        role(json!({"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]})),
        binding(json!({"kind": "Role", "name": ""}), json!({"kind": "User", "name": "u"})),
        binding(json!({"kind": "Rule", "name": "x", "apiGroup": "y"}), json!({"kind": "User", "name": "u"})),
        binding(json!({"kind": "Role", "name": "x"}), json!({"kind": "Robot", "name": "u"})),
        binding(json!({"kind": "Role", "name": "x"}), json!({"kind": "User", "name": "", "apiGroup": "z"})),
        binding(
            json!({"kind": "Role", "name": "x"}),
            json!({"kind": "ServiceAccount", "name": "A", "apiGroup": "z"}),
        ),
        // Admission webhooks.
        webhook(json!({"name": "a.b"})),
        webhook(json!({"name": "A b"})),
        webhook(json!({"sideEffects": null})),
        webhook(json!({"sideEffects": "Some"})),
        webhook(json!({"admissionReviewVersions": []})),
        webhook(json!({"admissionReviewVersions": ["v2", "v2"]})),
        webhook(json!({"clientConfig": {}})),
        webhook(json!({"clientConfig": {"url": "http://u@example.com/x?q#f"}})),
        webhook(json!({"clientConfig": {"service": {"name": "", "namespace": "", "port": 0, "path": "x"}}})),
        webhook(json!({"timeoutSeconds": 31, "failurePolicy": "Maybe", "matchPolicy": "Almost"})),
        webhook(json!({"rules": [{}]})),
        webhook(
            json!({"rules": [{"operations": ["*", "MAKE"], "apiGroups": ["*", "a"], "apiVersions": ["*", "v1"], "resources": ["x"], "scope": "All"}]}),
        ),
        webhook(
            json!({"namespaceSelector": {"matchExpressions": [{"key": "a b", "operator": "In"}, {"key": "c", "operator": "Is"}]}}),
        ),
        // Workloads.
        deployment(json!({"template": {"spec": pod()}})),
        deployment(json!({"selector": {}, "template": {"spec": pod()}})),
        deployment(
            json!({"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "c"}}, "spec": pod()}}),
        ),
        deployment(json!({"selector": {"matchLabels": {"a": "b"}}})),
        deployment(
            json!({"replicas": -1, "minReadySeconds": -1, "revisionHistoryLimit": -1, "progressDeadlineSeconds": 0,
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()}}),
        ),
        deployment(json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}},
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()}})),
        deployment(json!({"strategy": {"rollingUpdate": {"maxSurge": "x%", "maxUnavailable": "101%"}},
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()}})),
        deployment(json!({"strategy": {"type": "Recreate", "rollingUpdate": {}},
            "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()}})),
        deployment(json!({"replicas": "3"})),
        deployment(json!({"replicas": 1.5})),
        with_pod(json!({"containers": []})),
        with_pod(json!({"containers": [{}]})),
        with_pod(json!({"containers": [{"name": "A", "image": "i"}]})),
        with_pod(json!({"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]})),
        with_pod(json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "i"}]})),
        with_pod(
            json!({"restartPolicy": "Maybe", "dnsPolicy": "Mine", "containers": [{"name": "a", "image": "i"}]}),
        ),
        with_pod(json!({"activeDeadlineSeconds": 0, "containers": [{"name": "a", "image": "i"}]})),
        with_pod(
            json!({"hostname": "A", "nodeName": "B", "serviceAccountName": "C", "containers": [{"name": "a", "image": "i"}]}),
        ),
        with_pod(
            json!({"volumes": [{"name": ""}, {"name": "a"}, {"name": "a"}], "containers": [{"name": "a", "image": "i"}]}),
        ),
        with_container(json!({"imagePullPolicy": "Later", "terminationMessagePolicy": "None"})),
        with_container(
            json!({"ports": [{"containerPort": 0}, {"containerPort": 70000, "hostPort": 70000, "protocol": "X", "name": "A"}]}),
        ),
        with_container(
            json!({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]}),
        ),
        with_container(json!({"env": [{"name": ""}, {"name": "a=b"}]})),
        with_container(json!({"volumeMounts": [{"name": "v", "mountPath": ""}]})),
        with_container(json!({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}})),
        with_container(json!({"resources": {"limits": {"cpu": "x"}}})),
        object(
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "podManagementPolicy": "Any",
            "template": {"metadata": {"labels": {"a": "c"}}, "spec": pod()}}}),
        ),
        object("apps/v1", "DaemonSet", json!({"spec": {"selector": {}, "template": {"spec": pod()}}})),
        job(json!({"parallelism": -1, "completions": -1, "backoffLimit": -1})),
        job(json!({"template": {"spec": pod()}})),
        job(json!({"completionMode": "Indexed", "parallelism": 1})),
        object(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "", "concurrencyPolicy": "Some", "jobTemplate": {"spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
        ),
        object(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "* * *", "jobTemplate": {"spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
        ),
        // Network.
        service(json!({})),
        service(json!({"ports": [{"port": 0}]})),
        service(json!({"ports": [{"port": 1}, {"port": 1}]})),
        service(
            json!({"ports": [{"port": 1, "name": "A"}, {"port": 2, "name": "b", "protocol": "X"}, {"port": 3, "name": "b"}]}),
        ),
        service(json!({"type": "Mine", "ports": [{"port": 1}]})),
        service(json!({"type": "ExternalName"})),
        service(json!({"ports": [{"port": 1, "nodePort": 30001}]})),
        service(
            json!({"ports": [{"port": 1, "targetPort": "A"}], "sessionAffinity": "Some", "selector": {"a b": "c"}}),
        ),
        ingress(json!({})),
        ingress(json!({"rules": [{"host": "10.1.1.1"}, {"host": "A"}]})),
        ingress(json!({"rules": [{"http": {"paths": []}}]})),
        ingress(json!({"rules": [{"http": {"paths": [{"backend": {}}]}}]})),
        ingress(json!({"rules": [{"http": {"paths": [{"path": "x", "pathType": "Exact", "backend": {}}]}}]})),
        ingress(json!({"rules": [{"http": {"paths": [{"path": "/a//b/..", "pathType": "Prefix",
            "backend": {"service": {"name": "", "port": {}}}}]}}]})),
        ingress(json!({"defaultBackend": {"service": {"name": "a", "port": {"name": "A", "number": 1}}}})),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": {"a b": ""}},
            "ingress": [{"ports": [{"port": 0, "protocol": "X"}], "from": [{}]}], "policyTypes": ["Sideways"]}}),
        ),
        autoscaler(json!({"maxReplicas": 0})),
        autoscaler(json!({"maxReplicas": 2, "minReplicas": 3})),
        autoscaler(json!({"maxReplicas": -2, "minReplicas": -3})),
        autoscaler(json!({"scaleTargetRef": {"kind": "", "name": ""}})),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": -1, "maxUnavailable": "101%"}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": "x", "unhealthyPodEvictionPolicy": "Some"}}),
        ),
    ]
}

/// What cannot be changed: an object, and a merge patch.
pub(crate) fn updated() -> Vec<(Value, Value)> {
    let named = |mut object: Value, name: &str| {
        object["metadata"]["name"] = name.into();
        object
    };
    let pod = json!({"containers": [{"name": "c", "image": "i"}]});
    let workload = |kind: &str| {
        let labels = json!({"a": "b"});
        let spec = json!({"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}});
        object("apps/v1", kind, json!({"spec": spec}))
    };
    vec![
        (
            named(config_map(json!({"data": {"a": "b"}, "immutable": true})), "u1"),
            json!({"data": {"a": "c"}, "immutable": false}),
        ),
        (named(secret(json!({"stringData": {"a": "b"}})), "u2"), json!({"type": "other"})),
        (named(secret(json!({"immutable": true})), "u3"), json!({"data": {"a": "YQ=="}})),
        (named(config_map(json!({})), "u4"), json!({"metadata": {"labels": {"a b": ""}}})),
        (
            named(binding(json!({"kind": "Role", "name": "x"}), json!({"kind": "User", "name": "u"})), "u5"),
            json!({"roleRef": {"name": "y"}}),
        ),
        (named(workload("Deployment"), "u6"), json!({"spec": {"selector": {"matchLabels": {"a": "c"}}}})),
        (
            named(workload("Deployment"), "u7"),
            json!({"spec": {"selector": {"matchLabels": {"a": "c"}},
            "template": {"metadata": {"labels": {"a": "c"}}}}}),
        ),
        (named(workload("StatefulSet"), "u8"), json!({"spec": {"serviceName": "other"}})),
        (
            named(workload("DaemonSet"), "u9"),
            json!({"spec": {"selector": {"matchLabels": {"c": "d"}},
            "template": {"metadata": {"labels": {"c": "d"}}}}}),
        ),
        (
            named(object("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 5})), "u10"),
            json!({"value": 6}),
        ),
        (named(service(json!({"ports": [{"port": 80}]})), "u11"), json!({"spec": {"ports": []}})),
        (named(workload("ReplicaSet"), "u12"), json!({"spec": {"replicas": -1}})),
    ]
}
