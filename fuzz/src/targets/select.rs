//! Selectors.

use federation_apiserver::select::{FieldSelector, LabelSelector, SelectableFields};
use serde_json::json;

/// What is printed is read as the same.
pub(crate) fn labels(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(selector) = LabelSelector::parse(&text) else { return };
    let printed = selector.to_string();
    let again = LabelSelector::parse(&printed).expect("what is printed can be read");
    assert_eq!(again.to_string(), printed);
    for labels in [json!({}), json!({"a": "b", "in": "in", "n": "5"})] {
        let object = json!({"metadata": {"labels": labels}});
        assert_eq!(selector.matches(&object), again.matches(&object), "{printed}");
    }
}

/// Who asks for one name gets only that.
pub(crate) fn fields(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let selectable = SelectableFields::of_custom_resource(true, [".spec.size"]);
    let Ok(selector) = FieldSelector::parse(&text, &selectable) else { return };
    let object = |name: &str| json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"size": 1}});
    if let Some(name) = selector.name() {
        assert!(!selector.matches(&object(&format!("{name}x"))));
    }
    let _ = selector.matches(&object("a"));
}
