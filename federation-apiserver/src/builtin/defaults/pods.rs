//! Defaults of pods and of what they are made of.

use serde_json::{Map, Value, json};

use super::{Fields, object, set, set_number, text};
use crate::builtin::quantity;

pub(super) fn of_type(kind: &str) -> Option<fn(&mut Fields)> {
    Some(match kind {
        "Pod" => pod,
        "PodSpec" => pod_spec,
        "Container" | "EphemeralContainer" => container,
        "Probe" => probe,
        "HTTPGetAction" => http_get,
        "Volume" => volume,
        "SecretVolumeSource"
        | "ConfigMapVolumeSource"
        | "DownwardAPIVolumeSource"
        | "ProjectedVolumeSource" => volume_mode,
        "HostPathVolumeSource" => host_path,
        "ServiceAccountTokenProjection" => token_projection,
        "ObjectFieldSelector" => field_selector,
        "ResourceRequirements" => resources,
        "GRPCAction" => grpc,
        _ => return None,
    })
}

/// The specification of a pod itself, not of one that is yet to be made from a template.
fn pod(object_: &mut Fields) {
    let Some(spec) = object(object_, "spec") else { return };
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or(false);
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            requests_from_limits(container);
            let ports = container.get_mut("ports").and_then(Value::as_array_mut);
            for port in ports.into_iter().flatten().filter(|_| host_network) {
                if let (Some(number), Some(port)) = (port["containerPort"].as_i64(), port.as_object_mut()) {
                    set_number(port, "hostPort", number);
                }
            }
        }
    }
    set(spec, "enableServiceLinks", true);
}

fn requests_from_limits(container: &mut Value) {
    let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
    let requests = resources.entry("requests").or_insert_with(|| Value::Object(Map::new()));
    if let Some(requests) = requests.as_object_mut() {
        for (name, amount) in limits {
            requests.entry(name).or_insert(amount);
        }
    }
}

fn pod_spec(spec: &mut Fields) {
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "restartPolicy", "Always");
    set(spec, "securityContext", json!({}));
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "schedulerName", "default-scheduler");
    // The deprecated name of the same field is always written beside it.
    let account = text(spec, "serviceAccountName").to_owned();
    let account = if account.is_empty() { text(spec, "serviceAccount").to_owned() } else { account };
    if !account.is_empty() {
        spec.insert("serviceAccount".to_owned(), account.clone().into());
        spec.insert("serviceAccountName".to_owned(), account.into());
    }
}

fn container(container: &mut Fields) {
    let policy = if is_latest(text(container, "image")) { "Always" } else { "IfNotPresent" };
    set(container, "imagePullPolicy", policy);
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
}

/// Whether an image's reference has the tag `latest`, or neither tag nor digest.
fn is_latest(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains('@') {
        return false;
    }
    // What cannot be read as a reference has no tag, and what has no tag is pulled when it is not there.
    !image.is_empty() && name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn probe(probe: &mut Fields) {
    set_number(probe, "timeoutSeconds", 1);
    set_number(probe, "periodSeconds", 10);
    set_number(probe, "successThreshold", 1);
    set_number(probe, "failureThreshold", 3);
}

fn http_get(action: &mut Fields) {
    set(action, "path", "/");
    set(action, "scheme", "HTTP");
}

fn grpc(action: &mut Fields) {
    action.entry("service").or_insert_with(|| Value::from(""));
}

fn volume(volume: &mut Fields) {
    if volume.keys().all(|field| field == "name") {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    if let Some(image) = volume.get_mut("image").and_then(Value::as_object_mut) {
        let policy = if is_latest(text(image, "reference")) { "Always" } else { "IfNotPresent" };
        set(image, "pullPolicy", policy);
    }
}

fn volume_mode(source: &mut Fields) {
    set(source, "defaultMode", 0o644);
}

fn host_path(source: &mut Fields) {
    source.entry("type").or_insert_with(|| Value::from(""));
}

fn token_projection(source: &mut Fields) {
    set(source, "expirationSeconds", 3600);
}

fn field_selector(selector: &mut Fields) {
    set(selector, "apiVersion", "v1");
}

/// Amounts are kept in thousandths; what is finer rounds up.
fn resources(resources: &mut Fields) {
    for list in ["limits", "requests"] {
        for amount in resources.get_mut(list).and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(rounded) = amount.1.as_str().and_then(quantity::rounded_to_milli) {
                *amount.1 = Value::from(rounded);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_latest;

    #[test]
    fn tags() {
        for image in ["nginx", "nginx:latest", "host:5000/a/nginx", "a/b:latest"] {
            assert!(is_latest(image), "{image}");
        }
        for image in ["nginx:1", "host:5000/nginx:1", "nginx@sha256:abc", "nginx:latest@sha256:abc", ""] {
            assert!(!is_latest(image), "{image}");
        }
    }
}
