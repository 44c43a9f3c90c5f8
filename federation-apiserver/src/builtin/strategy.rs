//! What a server sets and keeps in a built-in object when it is created or updated, whoever writes it
//! (`PrepareForCreate` and `PrepareForUpdate` in `k8s.io/kubernetes/pkg/registry`, and the mutating admission that is
//! on by default).

use serde_json::{Map, Value, json};

use super::defaults::set_defaults;
use super::generation::{Generation, bumps_generation};
use super::kind::Kind;

/// How often a DaemonSet's template has changed; no longer a field, but still counted.
const TEMPLATES: &str = "deprecated.daemonset.template.generation";
const PVC_PROTECTION: &str = "kubernetes.io/pvc-protection";
const PV_PROTECTION: &str = "kubernetes.io/pv-protection";

/// Prepares a new object that has its name and uid: the status is the server's, generations begin at 1, and what the
/// kind fills in itself is filled in. The defaults are set after that.
pub fn prepare_create(kind: &Kind, object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    if kind.has("status") {
        fields.remove("status");
    }
    let generation = Generation::of(kind);
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("generation");
        if generation != Generation::None {
            metadata.insert("generation".to_owned(), 1.into());
        }
    }
    match kind.kind {
        "Secret" => merge_string_data(fields),
        "Namespace" => add_text(fields, "/spec", "finalizers", "kubernetes"),
        "Pod" => prepare_pod(fields),
        "Job" => select_by_uid(fields),
        "DaemonSet" => count_templates(fields, 1),
        "Role" | "ClusterRole" => no_rules_are_null(fields),
        "PersistentVolumeClaim" => add_text(fields, "/metadata", "finalizers", PVC_PROTECTION),
        "PersistentVolume" => add_text(fields, "/metadata", "finalizers", PV_PROTECTION),
        _ => {}
    }
    set_defaults(kind, object);
}

/// Prepares an update: through the object's own path (`subresource` is empty) the status stays as it is, through
/// `status` everything else does, and through `finalize` everything but the finalizers of a namespace.
///
/// The generation is the old one, or one more where the change counts.
pub fn prepare_update(kind: &Kind, subresource: &str, object: &mut Value, old: &Value) {
    let Some(fields) = object.as_object_mut() else { return };
    match subresource {
        "status" => {
            keep_all_but(fields, old, &["status", "metadata"]);
            // Of a Deployment, the status does not change labels; of a Pod, not whose it is.
            let kept = match kind.kind {
                "Deployment" => Some("labels"),
                "Pod" => Some("ownerReferences"),
                _ => None,
            };
            if let (Some(kept), Some(Value::Object(metadata))) = (kept, fields.get_mut("metadata")) {
                keep(metadata, &old["metadata"], kept);
            }
            if let ("Pod", Some(Value::Object(status))) = (kind.kind, fields.get_mut("status"))
                && status.get("qosClass").is_none_or(|class| class == "")
            {
                keep(status, &old["status"], "qosClass");
            }
        }
        "finalize" => keep(fields, old, "status"),
        _ => {
            if kind.has("status") {
                keep(fields, old, "status");
            }
            match kind.kind {
                "Secret" => {
                    merge_string_data(fields);
                    if fields.get("type").is_none_or(|kind| kind == "") {
                        keep(fields, old, "type");
                    }
                }
                "Namespace" => keep(fields, old, "spec"),
                "Role" | "ClusterRole" => no_rules_are_null(fields),
                "DaemonSet" => {
                    let before = &old["metadata"]["annotations"][TEMPLATES];
                    let before = before.as_str().and_then(|count| count.parse().ok()).unwrap_or(0);
                    let template = |spec: Option<&Value>| spec.and_then(|spec| spec.get("template")).cloned();
                    let changed = template(fields.get("spec")) != template(old.get("spec"));
                    count_templates(fields, before + i64::from(changed));
                }
                _ => {}
            }
        }
    }
    set_defaults(kind, object);
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64);
    // Only what is wanted has generations, and the status says nothing of that.
    let bumped = subresource != "status" && bumps_generation(kind, object, old);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        match before {
            Some(before) => metadata.insert("generation".to_owned(), (before + i64::from(bumped)).into()),
            None => metadata.remove("generation"),
        };
    }
}

fn keep(fields: &mut Map<String, Value>, old: &Value, name: &str) {
    match old.get(name) {
        Some(value) => fields.insert(name.to_owned(), value.clone()),
        None => fields.remove(name),
    };
}

fn keep_all_but(fields: &mut Map<String, Value>, old: &Value, changeable: &[&str]) {
    fields.retain(|name, _| changeable.contains(&name.as_str()));
    for (name, value) in old.as_object().into_iter().flatten() {
        if !changeable.contains(&name.as_str()) {
            fields.insert(name.clone(), value.clone());
        }
    }
}

/// `stringData` is written only: its texts become `data`.
pub(super) fn merge_string_data(fields: &mut Map<String, Value>) {
    use base64::Engine as _;
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if let Some(data) = data.as_object_mut() {
        for (key, text) in texts {
            let text = text.as_str().unwrap_or_default();
            data.insert(key, base64::engine::general_purpose::STANDARD.encode(text).into());
        }
    }
}

/// Adds a text to a list that lacks it; `within` is a pointer to the list's object.
fn add_text(fields: &mut Map<String, Value>, within: &str, list: &str, text: &str) {
    let within = fields.entry(within.trim_start_matches('/')).or_insert_with(|| Value::Object(Map::new()));
    if let Some(within) = within.as_object_mut() {
        let list = within.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut().filter(|list| !list.iter().any(|one| one == text)) {
            list.push(text.into());
        }
    }
}

/// A role without rules is stored as one with null; who sent an empty list owns it nevertheless.
fn no_rules_are_null(fields: &mut Map<String, Value>) {
    if fields.get("rules").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        fields.insert("rules".to_owned(), Value::Null);
    }
}

fn count_templates(fields: &mut Map<String, Value>, count: i64) {
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Some(annotations) = nested(metadata, &["annotations"]) {
        annotations.insert(TEMPLATES.to_owned(), count.to_string().into());
    }
}

fn prepare_pod(fields: &mut Map<String, Value>) {
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("priority").or_insert_with(|| 0.into());
        spec.entry("preemptionPolicy").or_insert_with(|| "PreemptLowerPriority".into());
        let tolerations = spec.entry("tolerations").or_insert_with(|| Value::Array(Vec::new()));
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
            let tolerated = |one: &Value| {
                let matches = |name: &str, value: &str| {
                    one[name].as_str().is_none_or(|is| is == value || is.is_empty())
                };
                matches("key", key) && matches("effect", "NoExecute")
            };
            if let Some(all) = tolerations.as_array_mut().filter(|all| !all.iter().any(tolerated)) {
                all.push(json!({
                    "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
                }));
            }
        }
    }
    let class = quality_of_service(fields.get("spec").unwrap_or(&Value::Null));
    fields.insert("status".to_owned(), json!({"phase": "Pending", "qosClass": class}));
}

/// `Guaranteed` when every container has limits for cpu and memory that its requests equal, `BestEffort` when none
/// has either, else `Burstable`.
fn quality_of_service(spec: &Value) -> &'static str {
    let lists = ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array());
    let containers: Vec<&Value> = lists.flatten().collect();
    let amount = |container: &Value, list: &str, name: &str| {
        let text = container["resources"][list][name].as_str()?;
        super::quantity::nanos(text).filter(|amount| *amount > 0)
    };
    let counted = ["cpu", "memory"];
    let any = |container: &&Value| {
        let of = |list: &str| counted.iter().any(|name| amount(container, list, name).is_some());
        of("limits") || of("requests")
    };
    if !containers.iter().any(any) {
        return "BestEffort";
    }
    let all = containers.iter().all(|container| {
        counted.iter().all(|name| {
            let limit = amount(container, "limits", name);
            limit.is_some()
                && amount(container, "requests", name).is_none_or(|request| Some(request) == limit)
        })
    });
    if all { "Guaranteed" } else { "Burstable" }
}

/// A Job whose selector is not its author's selects its pods by its uid.
fn select_by_uid(fields: &mut Map<String, Value>) {
    let metadata =
        |name: &str| fields.get("metadata").and_then(|m| m[name].as_str()).unwrap_or_default().to_owned();
    let (name, uid) = (metadata("name"), metadata("uid"));
    let had_labels =
        fields.get("metadata").and_then(|m| m["labels"].as_object()).is_some_and(|l| !l.is_empty());
    let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let empty = || Value::Object(Map::new());
    let template = spec.entry("template").or_insert_with(empty);
    if let Some(labels) = nested(template, &["metadata", "labels"]) {
        for (key, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            labels.entry(key).or_insert_with(|| value.clone().into());
        }
    }
    let labels = template.pointer("/metadata/labels").cloned();
    let selector = spec.entry("selector").or_insert_with(empty);
    if let Some(labels) = nested(selector, &["matchLabels"]) {
        labels.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| uid.into());
    }
    // The labels of the template are the job's where it has none of its own.
    if let (false, Some(labels), Some(metadata)) =
        (had_labels, labels, fields.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert("labels".to_owned(), labels);
    }
}

/// The object at the end of a path, made where it is absent.
fn nested<'a>(mut value: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    for name in path {
        value = value.as_object_mut()?.entry(*name).or_insert_with(|| Value::Object(Map::new()));
    }
    value.as_object_mut()
}
