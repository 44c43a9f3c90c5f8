//! Whether a definition's names are free.

use serde_json::Value;

/// The first name that another definition of the group holds, as a reason and a message.
pub(super) fn conflict(names: &Value, group: &Value, others: &[&Value]) -> Option<(&'static str, String)> {
    let same_group = || others.iter().filter(|other| other["spec"]["group"] == *group);
    let resources = || {
        same_group().flat_map(|other| {
            let accepted = &other["status"]["acceptedNames"];
            let short = accepted["shortNames"].as_array().into_iter().flatten();
            [&accepted["plural"], &accepted["singular"]].into_iter().chain(short)
        })
    };
    let kinds = || {
        same_group().flat_map(|other| {
            let accepted = &other["status"]["acceptedNames"];
            [&accepted["kind"], &accepted["listKind"]]
        })
    };
    let taken = |name: &Value, mut by: Box<dyn Iterator<Item = &Value> + '_>| {
        name.as_str().is_some_and(|name| !name.is_empty()) && by.any(|other| other == name)
    };
    let in_use = |name: &Value| format!("{name} is already in use");
    for (field, reason) in [("plural", "PluralConflict"), ("singular", "SingularConflict")] {
        if taken(&names[field], Box::new(resources())) {
            return Some((reason, in_use(&names[field])));
        }
    }
    for name in names["shortNames"].as_array().into_iter().flatten() {
        if taken(name, Box::new(resources())) {
            return Some(("ShortNamesConflict", in_use(name)));
        }
    }
    for (field, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        if taken(&names[field], Box::new(kinds())) {
            return Some((reason, in_use(&names[field])));
        }
    }
    None
}
