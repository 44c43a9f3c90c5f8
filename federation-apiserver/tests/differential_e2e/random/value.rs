//! Values at random, of a schema or beside it.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::schema::NAMES;

/// A value that a schema mostly allows: once in a while something in it is of another type, unknown, or null.
pub(super) fn value(dice: &mut Dice, schema: &Value) -> Value {
    Maker { dice, wrong: Some(20) }.value(schema)
}

/// A value that a schema allows.
pub(super) fn valid(dice: &mut Dice, schema: &Value) -> Value {
    Maker { dice, wrong: None }.value(schema)
}

struct Maker<'a> {
    dice: &'a mut Dice,
    /// Once in so many values, one is wrong.
    wrong: Option<usize>,
}

impl Maker<'_> {
    fn value(&mut self, schema: &Value) -> Value {
        if self.wrong.is_some_and(|times| self.dice.once_in(times)) {
            return self.anything();
        }
        if self.wrong.is_some() && schema["nullable"] == true && self.dice.once_in(4) {
            return Value::Null;
        }
        if let Some(all) = schema["enum"].as_array() {
            return self.dice.one_of(all).clone();
        }
        if schema["x-kubernetes-embedded-resource"] == true {
            return self.embedded(schema);
        }
        match schema["type"].as_str() {
            Some("string") => self.text(schema),
            Some("integer") if schema["multipleOf"] == 2 => json!(2 * self.dice.value(0_i64..4)),
            Some("integer") => json!(self.dice.value(-1_i64..10)),
            Some("number") => self.dice.one_of(&[json!(1), json!(1.5), json!(-0.25), json!(1e21)]).clone(),
            Some("boolean") => json!(self.dice.once_in(2)),
            Some("array") => self.list(schema),
            Some("object") => self.object(schema),
            _ if schema["x-kubernetes-int-or-string"] == true => {
                self.dice.one_of(&[json!(7), json!("50%")]).clone()
            }
            _ => self.anything(),
        }
    }

    fn text(&mut self, schema: &Value) -> Value {
        let fitting = if schema["pattern"].is_string() { ["a", "abc"] } else { ["xy", "long"] };
        json!(self.dice.one_of(&fitting))
    }

    fn anything(&mut self) -> Value {
        let all = [
            json!("text"),
            json!(12),
            json!(0.5),
            json!(true),
            json!([]),
            json!({}),
            json!({"a": 1, "u": {"b": [1, "x"]}}),
            json!(["a", "a"]),
            Value::Null,
        ];
        let beside = if self.wrong.is_some() { all.len() } else { all.len() - 1 };
        self.dice.one_of(&all[..beside]).clone()
    }

    fn embedded(&mut self, schema: &Value) -> Value {
        let mut value = json!({"apiVersion": "v1", "kind": "Inner", "metadata": {"name": "inner"}});
        if self.wrong.is_some() && self.dice.once_in(4) {
            value["metadata"] = json!({"name": "Not A Name", "labels": {"a": "b"}, "more": 1});
        }
        if schema["properties"]["spec"].is_object() {
            value["spec"] = self.value(&schema["properties"]["spec"]);
        }
        value
    }

    fn list(&mut self, schema: &Value) -> Value {
        let items = &schema["items"];
        let count = 1 + self.dice.below(2);
        let mut all: Vec<Value> = Vec::new();
        for index in 0..count {
            let mut item = self.value(items);
            if schema["x-kubernetes-list-type"] == "map" && item.is_object() {
                item["key"] = json!(["k", "l"][index]);
            }
            let twice = schema["x-kubernetes-list-type"] == "set" && all.contains(&item);
            if !twice || self.wrong.is_some_and(|times| self.dice.once_in(times)) {
                all.push(item);
            }
        }
        all.into()
    }

    fn object(&mut self, schema: &Value) -> Value {
        let mut fields = Map::new();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let most = schema["maxProperties"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).unwrap());
        let wrong = self.wrong.is_some();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.iter().any(|one| one == name);
            let keep = if is_required { !wrong || !self.dice.once_in(15) } else { self.dice.once_in(2) };
            let room = is_required || fields.len() + required.len() < most || wrong && self.dice.once_in(10);
            if keep && room {
                fields.insert(name.clone(), self.value(property));
            }
        }
        if schema["additionalProperties"].is_object() {
            for name in &NAMES[..2] {
                if fields.is_empty() || self.dice.once_in(2) {
                    fields.insert((*name).to_owned(), self.value(&schema["additionalProperties"]));
                }
            }
        }
        if wrong && self.dice.once_in(12) {
            fields.insert("unknown".to_owned(), self.anything());
        }
        fields.into()
    }
}
