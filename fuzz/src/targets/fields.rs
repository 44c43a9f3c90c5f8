//! Who owns what.

use object_patch::{FieldSet, ManagedFields};
use serde_json::{Value, json};

/// What is written is read as the same; sets are an algebra.
pub(crate) fn managed_fields(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    if let Ok(set) = FieldSet::from_fields_v1(&value) {
        let written = set.to_fields_v1();
        let again = FieldSet::from_fields_v1(&written).expect("what is written can be read");
        assert_eq!(again.to_fields_v1(), written);
        assert_eq!(set.union(&set), set);
        assert_eq!(set.intersection(&set), set);
        assert!(set.difference(&set).is_empty());
        let _ = set.paths();
    }
    let object = json!({"metadata": {"managedFields": [
        {"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": value},
    ]}});
    if let Ok(managed) = ManagedFields::of(&object) {
        let mut written = json!({"metadata": {}});
        managed.put_into(&mut written);
        let again = ManagedFields::of(&written).expect("what is written can be read");
        assert_eq!(again.to_value(), managed.to_value());
    }
}
