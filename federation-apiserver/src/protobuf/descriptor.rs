//! How messages are laid out.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::form::Form;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Bytes,
    /// Bytes that are a JSON document.
    Json,
    Bool,
    Int32,
    Int64,
    Double,
    /// A message, as an index of [`Messages`].
    Message(usize),
    List(Box<Type>),
    /// `map[string]T`.
    Map(Box<Type>),
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in JSON; empty where its own fields are the parent's.
    pub(super) name: String,
    pub(super) kind: Type,
    /// A zero that was sent is written in JSON: the field is a pointer or is never left out.
    pub(super) keeps_zero: bool,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// What it is in JSON.
    pub(super) form: Form,
    /// By number, in order.
    fields: Vec<(u64, Field)>,
}

impl Message {
    pub(super) fn field(&self, number: u64) -> Option<&Field> {
        let at = self.fields.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.fields[at].1)
    }
}

/// All messages.
#[derive(Debug)]
pub(super) struct Messages {
    all: Vec<Message>,
    by_definition: HashMap<String, usize>,
}

/// What is packed: fields (number, name, type) by the names of definitions.
type Packed = BTreeMap<String, Vec<(u64, String, String)>>;

impl Messages {
    /// Those that are packed in the program.
    pub(super) fn packed() -> &'static Self {
        static MESSAGES: LazyLock<Messages> = LazyLock::new(|| Messages::of(&unpack()));
        &MESSAGES
    }

    pub(super) fn find(&self, definition: &str) -> Option<&Message> {
        self.by_definition.get(definition).map(|index| self.get(*index))
    }

    pub(super) fn get(&self, index: usize) -> &Message {
        &self.all[index]
    }

    fn of(packed: &Packed) -> Self {
        let names = packed.keys().cloned().enumerate().map(|(index, name)| (name, index));
        let by_definition = names.collect();
        let field = |(number, name, spelled): &(u64, String, String)| {
            let (spelled, keeps_zero) = match spelled.strip_prefix('*') {
                Some(rest) => (rest, true),
                None => (spelled.as_str(), false),
            };
            let kind = read_type(spelled, &by_definition)?;
            Some((*number, Field { name: name.clone(), kind, keeps_zero }))
        };
        let message = |(name, fields): (&String, &Vec<_>)| {
            let mut fields: Vec<_> = fields.iter().filter_map(field).collect();
            fields.sort_unstable_by_key(|(number, _)| *number);
            Message { form: Form::of(name), fields }
        };
        let all = packed.iter().map(message).collect();
        Self { all, by_definition }
    }
}

/// A type as Go spells it.
fn read_type(spelled: &str, messages: &HashMap<String, usize>) -> Option<Type> {
    if let Some(items) = spelled.strip_prefix("[]") {
        return Some(Type::List(Box::new(read_type(items, messages)?)));
    }
    if let Some(values) = spelled.strip_prefix("map[string]") {
        return Some(Type::Map(Box::new(read_type(values, messages)?)));
    }
    Some(match spelled {
        "string" => Type::Text,
        "bytes" => Type::Bytes,
        "json" => Type::Json,
        "bool" => Type::Bool,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "double" => Type::Double,
        name => Type::Message(*messages.get(name)?),
    })
}

/// What is packed was packed by this project; the tests unpack all of it.
fn unpack() -> Packed {
    let bytes: &[u8] = include_bytes!("../../schemas/protobuf.json.gz");
    let mut text = Vec::new();
    match GzDecoder::new(bytes).read_to_end(&mut text) {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Packed::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::KINDS;

    #[test]
    fn every_kind_is_described_and_every_field_has_a_known_type() {
        let (packed, messages) = (unpack(), Messages::packed());
        for kind in KINDS {
            assert!(messages.find(&kind.definition()).is_some(), "{}", kind.definition());
        }
        for (name, fields) in packed {
            assert_eq!(messages.find(&name).unwrap().fields.len(), fields.len(), "{name}");
        }
    }
}
