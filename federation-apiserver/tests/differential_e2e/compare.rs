//! Two answers side by side.

use std::fmt;

use serde_json::Value;

use crate::server::Answer;

/// One thing that is not the same.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Where: `code`, `header NAME`, or a pointer into the body.
    pub(crate) place: String,
    pub(crate) ours: Option<Value>,
    pub(crate) theirs: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let cut = |text: String| text.chars().take(600).collect::<String>();
        write!(
            f,
            "  {}\n    ours   {}\n    theirs {}",
            self.place,
            cut(text(&self.ours)),
            cut(text(&self.theirs))
        )
    }
}

/// All that is not the same.
pub(crate) fn differences(ours: &Answer, theirs: &Answer) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut add = |place: String, ours: Option<Value>, theirs: Option<Value>| {
        if ours != theirs {
            all.push(Difference { place, ours, theirs });
        }
    };
    add("code".to_owned(), Some(ours.code.into()), Some(theirs.code.into()));
    for name in ["content-type", "warning", "retry-after", "location"] {
        let values = |answer: &Answer| {
            let values = answer.headers.iter().filter(|(other, _)| other == name);
            let values: Vec<Value> = values.map(|(_, value)| value.as_str().into()).collect();
            (!values.is_empty()).then_some(Value::Array(values))
        };
        add(format!("header {name}"), values(ours), values(theirs));
    }
    bodies("", Some(&ours.body), Some(&theirs.body), &mut all);
    all
}

fn bodies(place: &str, ours: Option<&Value>, theirs: Option<&Value>, all: &mut Vec<Difference>) {
    match (ours, theirs) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let mut fields: Vec<_> = left.keys().chain(right.keys()).collect();
            fields.sort_unstable();
            fields.dedup();
            for field in fields {
                bodies(&format!("{place}/{field}"), left.get(field), right.get(field), all);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) if left.len() == right.len() => {
            for (i, (left, right)) in left.iter().zip(right).enumerate() {
                bodies(&format!("{place}/{i}"), Some(left), Some(right), all);
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => all.push(Difference {
            place: if place.is_empty() { "body".to_owned() } else { place.to_owned() },
            ours: ours.cloned(),
            theirs: theirs.cloned(),
        }),
    }
}
