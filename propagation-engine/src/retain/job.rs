//! A Job's selector, and the labels of its pods that go with it. Neither can change once the Job exists.

use serde_json::Value;

use super::fields::{Field, When, at, set};

/// The selector, which the API server makes of the Job's uid.
pub(super) const SELECTOR: &[Field] = &[Field { path: &["spec", "selector"], when: When::Empty }];

/// The labels that the API server gives to a Job's pods. Source: <https://kubernetes.io/docs/reference/labels-annotations-taints/>.
const POD_LABELS: [&str; 4] =
    ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"];

/// Whether a Job brings a selector of its own; then nothing is the member's.
pub(super) fn chooses_its_selector(job: &Value) -> bool {
    at(job, &["spec", "manualSelector"]).and_then(Value::as_bool) == Some(true)
}

/// The labels of a live Job's pods that the API server gave.
pub(super) fn pod_labels(live: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    let labels = at(live, &["spec", "template", "metadata", "labels"]);
    POD_LABELS.into_iter().filter_map(move |key| Some((key, labels?.get(key)?.as_str()?)))
}

/// Gives a label back to a Job's pods, unless the template says another.
pub(super) fn restore_pod_label(desired: &mut Value, key: &str, value: &str) {
    let path = ["spec", "template", "metadata", "labels", key];
    if at(desired, &path).is_none_or(Value::is_null) {
        set(desired, &path, value.into());
    }
}
