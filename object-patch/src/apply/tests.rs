use serde_json::json;
use structural_schema::SchemaRef;

use super::*;
use crate::field_set::FieldSet;
use crate::resource::{Forms, OneForm};
use crate::track_update::track_update;

const TIME: &str = "2026-01-01T00:00:00Z";

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data})
}

fn applied(live: Option<&Value>, data: Value, manager: &str, force: bool) -> Result<Value, ApplyError> {
    let ignored = FieldSet::new();
    let resource =
        Resource { api_version: "v1", kind: "ConfigMap", forms: &OneForm(None), ignored: &ignored };
    let writer = Writer { manager, subresource: "", time: TIME };
    apply(live, &config(data), &resource, &writer, force)
}

#[test]
fn what_is_not_applied_any_more_goes_unless_another_owns_it() {
    let live = applied(None, json!({"a": "1", "b": "1", "c": "1"}), "one", false).unwrap();
    let live = applied(Some(&live), json!({"b": "1"}), "two", false).unwrap();
    let live = applied(Some(&live), json!({"c": "1"}), "one", false).unwrap();
    assert_eq!(live["data"], json!({"b": "1", "c": "1"}));
    let live = applied(Some(&live), json!({"c": "1"}), "two", false).unwrap();
    assert_eq!(live["data"], json!({"c": "1"}));
}

#[test]
fn conflicts_are_refused_or_taken() {
    let live = applied(None, json!({"a": "1", "b": "1"}), "one", false).unwrap();
    let mut live = applied(Some(&live), json!({"b": "1"}), "two", false).unwrap();
    let text = |live: &Value, data: Value| applied(Some(live), data, "three", false).unwrap_err().to_string();
    assert_eq!(
        text(&live, json!({"a": "2"})),
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    assert_eq!(
        text(&live, json!({"a": "2", "b": "2"})),
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.a\n- .data.b\n\
         conflicts with \"two\":\n- .data.b"
    );

    let ignored = FieldSet::new();
    let resource =
        Resource { api_version: "v1", kind: "ConfigMap", forms: &OneForm(None), ignored: &ignored };
    let mut updated = live.clone();
    updated["data"]["c"] = json!("1");
    let writer = Writer { manager: "four", subresource: "status", time: TIME };
    track_update(Some(&live), &mut updated, &resource, &writer);
    live = updated;
    assert_eq!(
        text(&live, json!({"c": "2"})),
        "Apply failed with 1 conflict: conflict with \"four\" with subresource \"status\" using v1: .data.c"
    );

    let live = applied(Some(&live), json!({"a": "2", "b": "2"}), "three", true).unwrap();
    assert_eq!(live["data"], json!({"a": "2", "b": "2", "c": "1"}));
    let managers: Vec<_> =
        ManagedFields::of(&live).unwrap().entries.into_keys().map(|manager| manager.name).collect();
    assert_eq!(managers, ["four", "one", "three", "two"], "they still own data itself");
}

#[test]
fn an_object_that_was_not_tracked_has_its_fields_owned_from_before() {
    let mut live = config(json!({"a": "1"}));
    live["metadata"]["uid"] = json!("1");
    let error = applied(Some(&live), json!({"a": "2"}), "one", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
}

#[test]
fn what_is_no_configuration_is_refused() {
    let ignored = FieldSet::new();
    let resource =
        Resource { api_version: "v1", kind: "ConfigMap", forms: &OneForm(None), ignored: &ignored };
    let writer = Writer { manager: "one", subresource: "", time: TIME };
    let text = |config: Value| apply(None, &config, &resource, &writer, false).unwrap_err().to_string();
    assert_eq!(text(json!({})), "invalid object type: /, Kind=");
    assert_eq!(text(json!("x")), "invalid object type: /, Kind=");
    let mut owned = config(json!({}));
    owned["metadata"]["managedFields"] = json!([]);
    assert_eq!(text(owned), "metadata.managedFields must be nil");
    let deep = (0..=crate::MAX_DEPTH).fold(json!(1), |inner, _| json!({"a": inner}));
    assert_eq!(text(config(deep)), "the value is nested deeper than 120 levels");
}

/// Two forms of one object: in `v2`, `data` is called `content`. What `v3` was is not known any more.
struct TwoForms;

impl Forms for TwoForms {
    fn schema(&self, _: &str) -> Option<SchemaRef<'_>> {
        None
    }

    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<Value>, String> {
        let (from, to) = match api_version {
            "v1" => ("content", "data"),
            "v2" => ("data", "content"),
            _ => return Ok(None),
        };
        let mut object = object.clone();
        object["apiVersion"] = json!(api_version);
        if let Some(content) = object.as_object_mut().and_then(|object| object.remove(from)) {
            object[to] = content;
        }
        Ok(Some(object))
    }
}

#[test]
fn owners_in_two_forms_of_one_object_respect_each_other() {
    let ignored = FieldSet::new();
    let apply_in = |live: Option<&Value>, api_version: &str, field: &str, content: Value, manager: &str| {
        let resource = Resource { api_version, kind: "Thing", forms: &TwoForms, ignored: &ignored };
        let mut config = json!({"apiVersion": api_version, "kind": "Thing", "metadata": {"name": "x"}});
        config[field] = content;
        let live = live.map(|live| TwoForms.convert(live, api_version).unwrap().unwrap());
        apply(live.as_ref(), &config, &resource, &Writer { manager, subresource: "", time: TIME }, false)
    };
    let live = apply_in(None, "v1", "data", json!({"a": "1", "b": "1"}), "one").unwrap();
    let error = apply_in(Some(&live), "v2", "content", json!({"a": "2"}), "two").unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    let live = apply_in(Some(&live), "v2", "content", json!({"a": "1"}), "two").unwrap();
    assert_eq!(live["content"], json!({"a": "1", "b": "1"}));

    // The first one goes on in the second form, and gives up what it owned in the first.
    let mut live = apply_in(Some(&live), "v2", "content", json!({"c": "1"}), "one").unwrap();
    assert_eq!(live["content"], json!({"a": "1", "c": "1"}));

    live["metadata"]["managedFields"][0]["apiVersion"] = json!("v3");
    let live = apply_in(Some(&live), "v2", "content", json!({"d": "1"}), "three").unwrap();
    assert_eq!(ManagedFields::of(&live).unwrap().entries.len(), 2);
}
