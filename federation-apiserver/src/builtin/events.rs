//! The two forms of an event: the core group's, in which it is stored, and that of `events.k8s.io`.

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::conversion::Convert;
use crate::status::ApiError;

/// A field's name in the core group, and in `events.k8s.io`. All others have one name.
const NAMES: [(&str, &str); 7] = [
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("involvedObject", "regarding"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
];

/// An event as an `apiVersion` has it: `v1` or `events.k8s.io/v1`. An event that is in that form stays as it is.
///
/// Both ways together change nothing (`k8s.io/kubernetes/pkg/apis/events/v1/conversion.go`).
pub fn convert_event(event: Value, api_version: &str) -> Value {
    let Value::Object(mut fields) = event else { return event };
    let to_core = api_version == "v1";
    let renamed = |name: String| {
        let found = NAMES.iter().find(|(core, other)| name == if to_core { *other } else { *core });
        found.map_or(
            name.clone(),
            |(core, other)| if to_core { (*core).to_owned() } else { (*other).to_owned() },
        )
    };
    if fields.get("apiVersion").is_none_or(|now| now != api_version) {
        fields = fields.into_iter().map(|(name, value)| (renamed(name), value)).collect::<Map<_, _>>();
        fields.insert("apiVersion".to_owned(), api_version.into());
    }
    Value::Object(fields)
}

/// Events are stored in one form, and served in both.
pub(super) struct EventForms;

#[async_trait]
impl Convert for EventForms {
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError> {
        Ok(objects.into_iter().map(|event| convert_event(event, api_version)).collect())
    }

    fn convert_now(&self, object: &Value, api_version: &str) -> Result<Value, String> {
        Ok(convert_event(object.clone(), api_version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_ways_change_nothing() {
        let core = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"},
            "message": "m", "reason": "r", "count": 2, "firstTimestamp": null, "reportingComponent": "c", "source": {}});
        let other = convert_event(core.clone(), "events.k8s.io/v1");
        assert_eq!(other["regarding"], json!({"kind": "Pod"}));
        assert_eq!(
            (&other["note"], &other["deprecatedCount"], &other["reportingController"]),
            (&json!("m"), &json!(2), &json!("c"))
        );
        assert_eq!(convert_event(other.clone(), "v1"), core);
        assert_eq!(convert_event(other.clone(), "events.k8s.io/v1"), other);
    }
}
