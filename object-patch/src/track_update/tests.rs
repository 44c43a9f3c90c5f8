use super::*;
use crate::resource::OneForm;

const TIME: &str = "2026-01-01T00:00:00Z";

fn object(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data})
}

fn tracked(old: Option<&Value>, mut new: Value, manager: &str, subresource: &str) -> Value {
    let ignored = FieldSet::of_fields(&[&["status"]]);
    let resource =
        Resource { api_version: "v1", kind: "ConfigMap", forms: &OneForm(None), ignored: &ignored };
    track_update(old, &mut new, &resource, &Writer { manager, subresource, time: TIME });
    new
}

fn owned(object: &Value) -> Vec<(String, Value)> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let owned =
        entries.map(|entry| (entry["manager"].as_str().unwrap().to_owned(), entry["fieldsV1"].clone()));
    owned.collect()
}

#[test]
fn who_changes_a_field_owns_it() {
    let first = tracked(None, object(json!({"a": "1", "b": "1"})), "one", "");
    assert_eq!(owned(&first), [("one".to_owned(), json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}}))]);
    let second = tracked(Some(&first), object(json!({"a": "2", "c": "1"})), "two", "");
    assert_eq!(
        owned(&second),
        [
            ("one".to_owned(), json!({"f:data": {}})),
            ("two".to_owned(), json!({"f:data": {"f:a": {}, "f:c": {}}}))
        ]
    );
    let mut nothing_new = second.clone();
    nothing_new["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(tracked(Some(&second), nothing_new, "three", ""), second);
}

#[test]
fn ignored_fields_and_names_are_not_owned() {
    let mut new = object(json!({}));
    new["status"] = json!({"phase": "Up"});
    new["metadata"]["uid"] = json!("1");
    assert_eq!(owned(&tracked(None, new, "one", "")), [("one".to_owned(), json!({"f:data": {}}))]);
}

#[test]
fn managed_fields_can_be_taken_away() {
    let first = tracked(None, object(json!({"a": "1"})), "one", "");
    for sent in [json!([]), json!([{}])] {
        let mut new = object(json!({"a": "2"}));
        new["metadata"]["managedFields"] = sent;
        let untracked = tracked(Some(&first), new.clone(), "two", "");
        assert_eq!(owned(&untracked), []);
        assert_eq!(owned(&tracked(Some(&untracked), object(json!({"a": "3"})), "two", "")), []);
        // Not through a subresource.
        assert_eq!(owned(&tracked(Some(&first), new, "two", "status")).len(), 2);
    }
}

#[test]
fn managed_fields_that_cannot_be_read_are_as_if_none_were_sent() {
    let first = tracked(None, object(json!({"a": "1"})), "one", "");
    let mut new = object(json!({"a": "1"}));
    new["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    assert_eq!(owned(&tracked(Some(&first), new, "two", "")), owned(&first));
}
