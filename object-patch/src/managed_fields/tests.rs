use serde_json::json;

use super::*;

fn entry(manager: &str, operation: &str, time: &str) -> Value {
    json!({
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {format!("f:{manager}"): {}}},
    })
}

#[test]
fn entries_are_written_in_order() {
    let list = json!([
        entry("b", "Apply", "2026-01-01T00:00:00Z"),
        entry("a", "Apply", "2026-01-02T00:00:00Z"),
        entry("a", "Update", "2026-01-01T00:00:00Z"),
        entry("c", "Update", "2026-01-01T00:00:00Z"),
    ]);
    let mut shuffled = list.as_array().unwrap().clone();
    shuffled.reverse();
    assert_eq!(ManagedFields::parse(&Value::Array(shuffled)).unwrap().to_value(), list);
}

#[test]
fn what_is_no_entry_is_refused() {
    for (field, value, expected) in [
        ("operation", json!("Patch"), "operation must be `Apply` or `Update`"),
        ("apiVersion", json!(""), "apiVersion must not be empty"),
        ("fieldsType", json!(null), "missing fieldsType in managed fields entry 0"),
        ("fieldsType", json!("FieldsV2"), "invalid fieldsType \"FieldsV2\" in managed fields entry 0"),
        ("fieldsV1", json!([]), "error decoding set: a node of fieldsV1 is an object, not array"),
    ] {
        let mut entry = entry("a", "Update", "2026-01-01T00:00:00Z");
        entry[field] = value;
        assert_eq!(ManagedFields::parse(&json!([entry])).unwrap_err().to_string(), expected);
    }
    assert!(ManagedFields::parse(&json!("x")).is_err());
    assert!(ManagedFields::parse(&json!(["x"])).is_err());
}

#[test]
fn the_oldest_updates_are_put_together() {
    let update =
        |number: usize| entry(&format!("m{number:02}"), "Update", &format!("2026-01-{number:02}T00:00:00Z"));
    let mut list: Vec<_> = (1..=12).map(update).collect();
    list.push(entry("applier", "Apply", "2025-01-01T00:00:00Z"));
    let mut managed = ManagedFields::parse(&Value::Array(list)).unwrap();
    managed.cap();
    let names: Vec<_> = managed.entries.keys().map(|manager| manager.name.as_str()).collect();
    let kept = ["ancient-changes", "applier", "m04", "m05", "m06", "m07", "m08", "m09", "m10", "m11", "m12"];
    assert_eq!(names, kept);
    let ancient = managed.entries.values().next().unwrap();
    assert_eq!(ancient.fields, FieldSet::of_fields(&[&["data", "m01"], &["data", "m02"], &["data", "m03"]]));
    assert_eq!(ancient.time.as_deref(), Some("2026-01-03T00:00:00Z"));
}

#[test]
fn times_are_kept_when_nothing_else_changes() {
    let object = |data: &str, time: &str| json!({"metadata": {"managedFields": [entry("a", "Update", time)]}, "data": {"a": data}});
    let old = object("1", "2026-01-01T00:00:00Z");
    let mut same = object("1", "2026-01-02T00:00:00Z");
    keep_times(&old, &mut same);
    assert_eq!(same, old);
    let mut other = object("2", "2026-01-02T00:00:00Z");
    keep_times(&old, &mut other);
    assert_eq!(other, object("2", "2026-01-02T00:00:00Z"));
    let mut nothing = json!(null);
    keep_times(&json!([]), &mut nothing);
    assert_eq!(nothing, json!(null));
}
