//! What no two servers have in common, replaced by what they have: times, uids, versions, tokens.

use std::collections::HashMap;

use serde_json::Value;

use crate::request::Request;
use crate::server::Answer;

/// What was seen of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    /// What was kept, by its name.
    kept: HashMap<String, String>,
    /// Versions and uids of objects, in the order in which they appeared.
    versions: HashMap<String, usize>,
    uids: HashMap<String, usize>,
}

impl Masks {
    /// A text with what was kept.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut names: Vec<_> = self.kept.keys().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        names.iter().fold(text.to_owned(), |text, name| text.replace(&format!("${name}"), &self.kept[*name]))
    }

    /// Keeps what is to be kept of an answer, and masks it.
    pub(crate) fn mask(&mut self, request: &Request, mut answer: Answer) -> Answer {
        for (name, pointer) in &request.keep {
            let value = match answer.body.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => "nothing".to_owned(),
            };
            self.kept.insert(name.clone(), value);
        }
        self.value(&mut answer.body, "");
        for (_, value) in &mut answer.headers {
            *value = self.text(value);
        }
        answer
    }

    fn value(&mut self, value: &mut Value, field: &str) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| self.value(one, field)),
            Value::Object(map) => {
                if map.get("type").is_some_and(|kind| kind == "BOOKMARK") {
                    // How far a watch is depends on what else is written.
                    for place in ["/metadata", "/rows/0/object/metadata"] {
                        let metadata = map.get_mut("object").and_then(|object| object.pointer_mut(place));
                        if let Some(version) = metadata.and_then(|one| one.get_mut("resourceVersion")) {
                            *version = "<resourceVersion>".into();
                        }
                    }
                }
                let is_list = map.contains_key("items") || map.contains_key("rows");
                if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut)
                    && is_list
                {
                    // The version of a whole store, in which others write as well.
                    metadata.retain(|field, value| field != "continue" || *value != "");
                    for field in ["resourceVersion", "continue"] {
                        if let Some(text) = metadata.get_mut(field) {
                            *text = format!("<{field}>").into();
                        }
                    }
                }
                map.iter_mut().for_each(|(field, value)| self.value(value, field));
                // The order of the first depends on the clock; that of the second is any.
                for list in ["managedFields", "causes"] {
                    if let Some(Value::Array(all)) = map.get_mut(list) {
                        all.sort_by_cached_key(|one| {
                            let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
                            ["manager", "operation", "subresource", "apiVersion", "field", "message"]
                                .map(text)
                        });
                    }
                }
            }
            Value::String(text) => {
                *text = match field {
                    "resourceVersion" => ordinal(&mut self.versions, text, "version"),
                    "uid" => ordinal(&mut self.uids, text, "uid"),
                    _ => self.text(text),
                };
            }
            _ => {}
        }
    }

    fn text(&self, text: &str) -> String {
        if text.parse::<jiff::Timestamp>().is_ok() {
            return "<time>".to_owned();
        }
        if text.strip_suffix('s').is_some_and(|age| age.parse::<u8>().is_ok()) {
            return "<age>".to_owned();
        }
        let mut text = text.to_owned();
        for (uid, ordinal) in &self.uids {
            text = text.replace(uid, &format!("<uid {ordinal}>"));
        }
        for (name, value) in self.kept.iter().filter(|(_, value)| value.len() > 5) {
            text = text.replace(value, &format!("${name}"));
        }
        if let Some((before, _)) = text.split_once(", current: ") {
            text = format!("{before}, current: <version>");
        }
        text = generated(&text);
        // An object as a text: its fields are in another order.
        text = without(&text, "patch: Invalid value: \"{", "}\": ");
        text = without(&text, "Invalid value: \"{", "}\": ");
        // The key in the store.
        text = without(&text, "Key: /", ", ");
        text = without(&text, "ResourceVersion in record (", ")");
        let text = sorted(&text, "strict decoding error: ", "");
        sorted(&text, " is invalid: [", "]")
    }
}

fn ordinal(seen: &mut HashMap<String, usize>, text: &str, what: &str) -> String {
    if text.starts_with('<') || text.is_empty() {
        return text.to_owned();
    }
    let next = seen.len() + 1;
    format!("<{what} {}>", seen.entry(text.to_owned()).or_insert(next))
}

/// A text in which a name that the server made is as the next one.
fn generated(text: &str) -> String {
    let Some((before, rest)) = text.split_once("gen-") else { return text.to_owned() };
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    format!("{before}gen-…{}", &rest[end..])
}

/// A text without what is between two others.
fn without(text: &str, from: &str, to: &str) -> String {
    let parts = text.split_once(from).and_then(|(before, rest)| Some((before, rest.split_once(to)?.1)));
    parts.map_or(text.to_owned(), |(before, after)| format!("{before}{from}…{to}{after}"))
}

/// A text with a list in it, whose order is any.
fn sorted(text: &str, from: &str, to: &str) -> String {
    let Some((before, all)) = text.split_once(from) else { return text.to_owned() };
    let mut all: Vec<&str> = all.strip_suffix(to).unwrap_or(all).split(", ").collect();
    all.sort_unstable();
    format!("{before}{from}{}{to}", all.join(", "))
}
