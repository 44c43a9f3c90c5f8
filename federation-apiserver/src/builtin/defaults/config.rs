//! Defaults of namespaces, secrets, nodes, limits, roles' bindings, priorities and admission webhooks.

use serde_json::{Map, Value, json};

use super::{Fields, is_empty, object, set, text};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn of_type(kind: &str) -> Option<fn(&mut Fields)> {
    Some(match kind {
        "Namespace" => namespace,
        "NamespaceStatus" => namespace_status,
        "Secret" => secret,
        "NodeStatus" => node_status,
        "LimitRangeItem" => limits,
        "ClusterRoleBinding" | "RoleBinding" => binding,
        "Subject" => subject,
        "PriorityClass" => priority,
        "ValidatingWebhook" => webhook,
        "MutatingWebhook" => mutating_webhook,
        "RuleWithOperations" => rule,
        "ServiceReference" => service_reference,
        _ => return None,
    })
}

fn namespace(object_: &mut Fields) {
    let Some(metadata) = object(object_, "metadata") else { return };
    let name = text(metadata, "name").to_owned();
    if !name.is_empty()
        && let Some(labels) = object(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
}

fn namespace_status(status: &mut Fields) {
    set(status, "phase", "Active");
}

fn secret(secret: &mut Fields) {
    set(secret, "type", "Opaque");
}

fn node_status(status: &mut Fields) {
    if let (true, Some(capacity)) = (is_empty(status, "allocatable"), status.get("capacity").cloned()) {
        status.insert("allocatable".to_owned(), capacity);
    }
}

/// A container's limit defaults to the largest allowed, its request to its limit, then to the smallest allowed.
fn limits(item: &mut Fields) {
    if text(item, "type") != "Container" {
        return;
    }
    let amounts = |item: &Fields, name: &str| item.get(name).and_then(Value::as_object).cloned();
    for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")] {
        let Some(from) = amounts(item, from) else { continue };
        let to = item.entry(to).or_insert_with(|| Value::Object(Map::new()));
        if let Some(to) = to.as_object_mut() {
            for (name, amount) in from {
                to.entry(name).or_insert(amount);
            }
        }
    }
}

fn binding(binding: &mut Fields) {
    if let Some(role) = object(binding, "roleRef") {
        set(role, "apiGroup", RBAC);
    }
}

fn subject(subject: &mut Fields) {
    if matches!(text(subject, "kind"), "User" | "Group") {
        set(subject, "apiGroup", RBAC);
    }
}

fn priority(class: &mut Fields) {
    set(class, "preemptionPolicy", "PreemptLowerPriority");
}

fn webhook(webhook: &mut Fields) {
    set(webhook, "failurePolicy", "Fail");
    set(webhook, "matchPolicy", "Equivalent");
    set(webhook, "namespaceSelector", json!({}));
    set(webhook, "objectSelector", json!({}));
    set(webhook, "timeoutSeconds", 10);
}

fn mutating_webhook(fields: &mut Fields) {
    webhook(fields);
    set(fields, "reinvocationPolicy", "Never");
}

fn rule(rule: &mut Fields) {
    set(rule, "scope", "*");
}

fn service_reference(service: &mut Fields) {
    set(service, "port", 443);
}
