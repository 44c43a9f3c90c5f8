//! What an update keeps of the member's object: values that the member allots, and that a template cannot know.
//!
//! Two steps, so that whole objects need not be remembered: [`extract`] takes what could be needed when an object is
//! seen, [`restore`] puts it into an update. KubeFed keeps Services' addresses and ports, ServiceAccounts' secrets and,
//! when asked, replicas; the rest is what its users' updates fail or flap for.

use serde_json::{Map, Value, json};

/// What kind of object it is, as far as retention differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RetainedKind {
    /// `Service`: addresses and ports.
    Service,
    /// `ServiceAccount`: token secrets.
    ServiceAccount,
    /// `Job`: the selector that the member made.
    Job,
    /// `PersistentVolumeClaim`: the volume that it is bound to.
    PersistentVolumeClaim,
    /// `PersistentVolume`: the claim that it is bound to.
    PersistentVolume,
    /// `Namespace`: its finalizers.
    Namespace,
    /// `ValidatingWebhookConfiguration`, `MutatingWebhookConfiguration`: injected CA bundles.
    WebhookConfiguration,
    /// Any other: replicas, when asked.
    #[default]
    Other,
}

/// Values kept; nothing is allocated where there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retained(Option<Box<Map<String, Value>>>);

impl RetainedKind {
    /// The kind of a type.
    pub fn of(group: &str, kind: &str) -> Self {
        match (group, kind) {
            ("", "Service") => Self::Service,
            ("", "ServiceAccount") => Self::ServiceAccount,
            ("", "PersistentVolumeClaim") => Self::PersistentVolumeClaim,
            ("", "PersistentVolume") => Self::PersistentVolume,
            ("", "Namespace") => Self::Namespace,
            ("batch", "Job") => Self::Job,
            ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
                Self::WebhookConfiguration
            }
            _ => Self::Other,
        }
    }

    /// Paths of values that an update takes over where the wanted object has none.
    fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Service => {
                &["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort", "/spec/loadBalancerClass", "/spec/ipFamilies", "/spec/ipFamilyPolicy"]
            }
            Self::ServiceAccount => &["/secrets"],
            Self::Job => &["/spec/selector"],
            Self::PersistentVolumeClaim => &["/spec/volumeName", "/spec/storageClassName", "/spec/volumeMode"],
            Self::PersistentVolume => &["/spec/claimRef"],
            Self::Namespace => &["/spec/finalizers"],
            Self::WebhookConfiguration | Self::Other => &[],
        }
    }
}

/// Labels that the job controller gives to a Job's pods, and that its selector matches.
const JOB_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];
const JOB_POD_LABELS: &str = "/spec/template/metadata/labels";

/// Takes what an update of this object could need.
pub fn extract(kind: &RetainedKind, live: &Value) -> Retained {
    let mut kept = Map::new();
    for path in kind.paths() {
        if let Some(value) = live.pointer(path).filter(|v| !is_empty(v)) {
            kept.insert((*path).to_owned(), value.clone());
        }
    }
    match kind {
        RetainedKind::Service => {
            let ports: Vec<Value> = live
                .pointer("/spec/ports")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|p| p.get("nodePort").and_then(Value::as_u64).is_some_and(|n| n > 0))
                .map(|p| json!({"id": port_id(p), "nodePort": p["nodePort"]}))
                .collect();
            if !ports.is_empty() {
                kept.insert("ports".to_owned(), ports.into());
            }
        }
        RetainedKind::Job => {
            let labels: Map<String, Value> = live
                .pointer(JOB_POD_LABELS)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter(|(k, _)| JOB_LABELS.contains(&k.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            if !labels.is_empty() {
                kept.insert(JOB_POD_LABELS.to_owned(), labels.into());
            }
        }
        RetainedKind::WebhookConfiguration => {
            let bundles: Map<String, Value> = webhooks(live)
                .filter_map(|w| Some((w.get("name")?.as_str()?.to_owned(), w.pointer("/clientConfig/caBundle")?.clone())))
                .collect();
            if !bundles.is_empty() {
                kept.insert("caBundles".to_owned(), bundles.into());
            }
        }
        RetainedKind::Other => {
            if let Some(replicas) = live.pointer("/spec/replicas") {
                kept.insert("/spec/replicas".to_owned(), replicas.clone());
            }
        }
        _ => {}
    }
    Retained((!kept.is_empty()).then(|| Box::new(kept)))
}

/// Puts what was kept into an update.
pub fn restore(kind: &RetainedKind, desired: &mut Value, retained: &Retained, retain_replicas: bool) {
    let Some(kept) = retained.0.as_deref() else { return };
    for path in kind.paths() {
        let Some(value) = kept.get(*path) else { continue };
        // KubeFed: a Service's addresses are always the member's; they cannot change.
        let always = *kind == RetainedKind::Service && path.starts_with("/spec/clusterIP");
        if always || desired.pointer(path).is_none_or(is_empty) {
            set(desired, path, value.clone());
        }
    }
    match kind {
        RetainedKind::Service => {
            let ports = kept.get("ports").and_then(Value::as_array);
            for port in desired.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
                let id = port_id(port);
                let found = ports.into_iter().flatten().find(|p| p["id"] == id);
                if let (Some(found), Value::Object(port)) = (found, port)
                    && port.get("nodePort").is_none_or(is_empty)
                {
                    port.insert("nodePort".to_owned(), found["nodePort"].clone());
                }
            }
        }
        RetainedKind::Job => {
            let manual = desired.pointer("/spec/manualSelector").and_then(Value::as_bool).unwrap_or(false);
            for (key, value) in kept.get(JOB_POD_LABELS).and_then(Value::as_object).into_iter().flatten() {
                if manual {
                    break;
                }
                if desired.pointer(JOB_POD_LABELS).is_none_or(|l| l.get(key).is_none()) {
                    let token = key.replace('~', "~0").replace('/', "~1");
                    set(desired, &format!("{JOB_POD_LABELS}/{token}"), value.clone());
                }
            }
        }
        RetainedKind::WebhookConfiguration => {
            let bundles = kept.get("caBundles").and_then(Value::as_object);
            for webhook in desired.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
                let bundle = webhook.get("name").and_then(Value::as_str).and_then(|n| bundles?.get(n)).cloned();
                if let (Some(bundle), Some(Value::Object(config))) = (bundle, webhook.get_mut("clientConfig"))
                    && config.get("caBundle").is_none_or(is_empty)
                {
                    config.insert("caBundle".to_owned(), bundle);
                }
            }
        }
        RetainedKind::Other if retain_replicas => {
            if let Some(replicas) = kept.get("/spec/replicas") {
                set(desired, "/spec/replicas", replicas.clone());
            }
        }
        _ => {}
    }
}

fn webhooks(object: &Value) -> impl Iterator<Item = &Value> {
    object.get("webhooks").and_then(Value::as_array).into_iter().flatten()
}

/// What tells a Service's port from the others. A protocol that is not said is TCP; KubeFed overlooks that, and loses
/// the port.
fn port_id(port: &Value) -> Value {
    let protocol = port.get("protocol").cloned().filter(|p| !is_empty(p)).unwrap_or_else(|| "TCP".into());
    json!([port.get("name"), protocol, port.get("port")])
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(_) => false,
    }
}

/// Sets a value at a JSON pointer, making objects on the way; left alone where something else is in the way.
fn set(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    let mut tokens = path.split('/').skip(1).map(|t| t.replace("~1", "/").replace("~0", "~")).peekable();
    while let Some(token) = tokens.next() {
        let Value::Object(map) = at else { return };
        if tokens.peek().is_none() {
            map.insert(token, value);
            return;
        }
        let next = map.entry(token).or_insert_with(|| json!({}));
        if next.is_null() {
            *next = json!({});
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(group: &str, kind: &str, live: Value, mut desired: Value, replicas: bool) -> Value {
        let kind = RetainedKind::of(group, kind);
        restore(&kind, &mut desired, &extract(&kind, &live), replicas);
        desired
    }

    #[test]
    fn a_service_keeps_what_the_member_allotted() {
        let live = json!({"spec": {
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 31000,
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "nodePort": 30080}, {"name": "dns", "protocol": "UDP", "port": 53, "nodePort": 30053}]}});
        let desired = json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 81}, {"name": "dns", "protocol": "TCP", "port": 53}]}});
        assert_eq!(
            updated("", "Service", live, desired, false),
            json!({"spec": {
                "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "healthCheckNodePort": 31000,
                "ports": [{"name": "http", "port": 80, "targetPort": 81, "nodePort": 30080}, {"name": "dns", "protocol": "TCP", "port": 53}]}})
        );
    }

    #[test]
    fn replicas_are_kept_only_when_asked() {
        let (live, desired) = (json!({"spec": {"replicas": 7}}), json!({"spec": {"replicas": 2}}));
        assert_eq!(updated("apps", "Deployment", live.clone(), desired.clone(), false), desired);
        assert_eq!(updated("apps", "Deployment", live, desired, true)["spec"]["replicas"], 7);
    }

    #[test]
    fn a_job_keeps_its_selector_and_pod_labels() {
        let live = json!({"spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"metadata": {"labels": {"controller-uid": "u", "app": "a"}}}}});
        let desired = json!({"spec": {"template": {"spec": {}}}});
        assert_eq!(
            updated("batch", "Job", live, desired, false),
            json!({"spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "template": {"spec": {}, "metadata": {"labels": {"controller-uid": "u"}}}}})
        );
    }

    #[test]
    fn what_the_template_says_wins_where_it_may() {
        let live = json!({"spec": {"volumeName": "pv1", "storageClassName": "slow"}});
        let desired = json!({"spec": {"storageClassName": "fast"}});
        assert_eq!(
            updated("", "PersistentVolumeClaim", live, desired, false),
            json!({"spec": {"storageClassName": "fast", "volumeName": "pv1"}})
        );
        let live = json!({"secrets": [{"name": "token"}]});
        assert_eq!(updated("", "ServiceAccount", live, json!({}), false), json!({"secrets": [{"name": "token"}]}));
    }
}
