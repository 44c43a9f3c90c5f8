//! What tells the elements of lists apart.

use serde_json::Value;
use structural_schema::go_text::quote;

use super::Type;
use super::kind::Relation;
use crate::field_set::PathElement;

/// The path element of a list's element; an error says what kind of element cannot have one.
pub(super) fn path_element(
    list: Type<'_>,
    relation: &Relation<'_>,
    element: &Value,
) -> Result<PathElement, String> {
    match relation {
        Relation::Atomic => Err("invalid indexing of non-associative list".to_owned()),
        Relation::Keyed(keys) => keyed(list, keys, element),
        Relation::Set => match element {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
            Value::Null => {
                Err("associative list without keys has an element that's an explicit null".to_owned())
            }
            scalar => Ok(PathElement::Value(scalar.clone())),
        },
    }
}

fn keyed(list: Type<'_>, keys: &[&str], element: &Value) -> Result<PathElement, String> {
    let fields = match element {
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        Value::Object(fields) => fields,
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let items = list.items();
    let value = |key: &str| fields.get(key).or_else(|| items.default_of(key)).cloned();
    let mut found: Vec<(String, Value)> =
        keys.iter().filter_map(|key| Some(((*key).to_owned(), value(key)?))).collect();
    if found.is_empty() && !keys.is_empty() {
        let keys: Vec<_> = keys.iter().map(|key| quote(key)).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values \
             for any key fields)",
            keys.join(" "),
        ));
    }
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(PathElement::Key(found))
}
