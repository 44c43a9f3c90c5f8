//! The document of OpenAPI 2 as client-go's `OpenAPISchema` asks for it: in protobuf, by the messages of gnostic's
//! `OpenAPIv2.proto` (<https://github.com/google/gnostic-models>), as far as [`super::v2`] makes use of them.
//!
//! The tables say where each keyword goes. What a table does not name is left out, except extensions (`x-…`), which
//! every message has a place for.

use serde_json::{Map, Value};

/// A message: its fields by their keyword, and the number of its extensions.
struct Message {
    fields: &'static [(&'static str, u32, Form)],
    extensions: Option<u32>,
}

/// How a value is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// Absent when false, as everything is that has proto3's default.
    Flag,
    Integer,
    Number,
    /// Any JSON, as text: an `Any`, which gnostic reads as YAML.
    Any,
    Message(&'static Message),
    /// One field for each of many. One alone counts as many.
    Each(&'static Form),
    /// One `Named…` (name = 1, value = 2) for each member of an object.
    Named(&'static Form),
    /// A message with this one field, which is there also when it has its default: wrappers, and the choices of a oneof.
    Within(u32, &'static Form),
    /// A form that depends on the value.
    Choice(fn(&Value) -> &'static Form),
}

use Form::{Any, Choice, Each, Flag, Integer, Named, Number, Text, Within};

const TEXTS: Form = Each(&Text);
static A_SCHEMA: Form = Form::Message(&SCHEMA);

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Text),
        ("info", 2, Form::Message(&INFO)),
        ("paths", 8, Within(2, &Named(&Form::Message(&PATH)))),
        ("definitions", 9, Within(1, &Named(&A_SCHEMA))),
        ("securityDefinitions", 13, Within(1, &Named(&Within(2, &Form::Message(&API_KEY))))),
    ],
    extensions: Some(16),
};

static INFO: Message = Message {
    fields: &[("title", 1, Text), ("version", 2, Text), ("description", 3, Text)],
    extensions: Some(7),
};

static API_KEY: Message = Message {
    fields: &[("type", 1, Text), ("name", 2, Text), ("in", 3, Text), ("description", 4, Text)],
    extensions: Some(5),
};

static PATH: Message = Message {
    fields: &[
        ("get", 2, Form::Message(&OPERATION)),
        ("put", 3, Form::Message(&OPERATION)),
        ("post", 4, Form::Message(&OPERATION)),
        ("delete", 5, Form::Message(&OPERATION)),
        ("options", 6, Form::Message(&OPERATION)),
        ("head", 7, Form::Message(&OPERATION)),
        ("patch", 8, Form::Message(&OPERATION)),
        ("parameters", 9, PARAMETERS),
    ],
    extensions: Some(10),
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, TEXTS),
        ("summary", 2, Text),
        ("description", 3, Text),
        ("operationId", 5, Text),
        ("produces", 6, TEXTS),
        ("consumes", 7, TEXTS),
        ("parameters", 8, PARAMETERS),
        // Of each code: a response, not a reference to one.
        ("responses", 9, Within(1, &Named(&Within(1, &Form::Message(&RESPONSE))))),
        ("schemes", 10, TEXTS),
        ("deprecated", 11, Flag),
    ],
    extensions: Some(13),
};

static RESPONSE: Message =
    Message { fields: &[("description", 1, Text), ("schema", 2, Within(1, &A_SCHEMA))], extensions: Some(5) };

/// Each is a parameter, not a reference to one: in the body or not, and then where.
const PARAMETERS: Form = Each(&Within(1, &Choice(parameter)));

fn parameter(value: &Value) -> &'static Form {
    match value["in"].as_str() {
        Some("body") => const { &Within(1, &Form::Message(&BODY)) },
        Some("header") => const { &Within(2, &Within(1, &Form::Message(&IN_HEADER_OR_PATH))) },
        Some("formData") => const { &Within(2, &Within(2, &Form::Message(&IN_QUERY_OR_FORM))) },
        Some("query") => const { &Within(2, &Within(3, &Form::Message(&IN_QUERY_OR_FORM))) },
        _ => const { &Within(2, &Within(4, &Form::Message(&IN_HEADER_OR_PATH))) },
    }
}

static BODY: Message = Message {
    fields: &[
        ("description", 1, Text),
        ("name", 2, Text),
        ("in", 3, Text),
        ("required", 4, Flag),
        ("schema", 5, Form::Message(&SCHEMA)),
    ],
    extensions: Some(6),
};

static IN_HEADER_OR_PATH: Message = Message {
    fields: &[
        ("required", 1, Flag),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("type", 5, Text),
        ("format", 6, Text),
        ("uniqueItems", 19, Flag),
    ],
    extensions: Some(22),
};

static IN_QUERY_OR_FORM: Message = Message {
    fields: &[
        ("required", 1, Flag),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("allowEmptyValue", 5, Flag),
        ("type", 6, Text),
        ("format", 7, Text),
        ("uniqueItems", 20, Flag),
    ],
    extensions: Some(23),
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Text),
        ("format", 2, Text),
        ("title", 3, Text),
        ("description", 4, Text),
        ("default", 5, Any),
        ("multipleOf", 6, Number),
        ("maximum", 7, Number),
        ("exclusiveMaximum", 8, Flag),
        ("minimum", 9, Number),
        ("exclusiveMinimum", 10, Flag),
        ("maxLength", 11, Integer),
        ("minLength", 12, Integer),
        ("pattern", 13, Text),
        ("maxItems", 14, Integer),
        ("minItems", 15, Integer),
        ("uniqueItems", 16, Flag),
        ("maxProperties", 17, Integer),
        ("minProperties", 18, Integer),
        ("required", 19, TEXTS),
        ("enum", 20, Each(&Any)),
        ("additionalProperties", 21, Choice(additional_properties)),
        ("type", 22, Within(1, &TEXTS)),
        ("items", 23, Within(1, &A_SCHEMA)),
        ("allOf", 24, Each(&A_SCHEMA)),
        ("properties", 25, Within(1, &Named(&A_SCHEMA))),
        ("readOnly", 27, Flag),
        ("externalDocs", 29, Form::Message(&EXTERNAL_DOCUMENT)),
        ("example", 30, Any),
    ],
    extensions: Some(31),
};

fn additional_properties(value: &Value) -> &'static Form {
    if value.is_boolean() { &Within(2, &Flag) } else { const { &Within(1, &A_SCHEMA) } }
}

static EXTERNAL_DOCUMENT: Message =
    Message { fields: &[("description", 1, Text), ("url", 2, Text)], extensions: Some(3) };

/// Writes a document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    message(&DOCUMENT, document)
}

fn message(of: &Message, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(object) = value.as_object() else { return out };
    for (keyword, number, form) in of.fields {
        if let Some(value) = object.get(*keyword) {
            field(&mut out, *number, *form, value, false);
        }
    }
    if let Some(number) = of.extensions {
        let extensions: Map<String, Value> = object
            .iter()
            .filter(|(keyword, _)| keyword.starts_with("x-"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        field(&mut out, number, Named(&Any), &extensions.into(), false);
    }
    out
}

/// Writes a field, or as many of it as there are. One with proto3's default is left out, unless its presence tells.
fn field(out: &mut Vec<u8>, number: u32, form: Form, value: &Value, presence: bool) {
    match form {
        Text => {
            let text = value.as_str().unwrap_or_default();
            if presence || !text.is_empty() {
                bytes(out, number, text.as_bytes());
            }
        }
        Flag => {
            let flag = value == &Value::Bool(true);
            if presence || flag {
                key(out, number, 0);
                out.push(flag.into());
            }
        }
        Integer => {
            let integer = value.as_i64().unwrap_or_default();
            if presence || integer != 0 {
                key(out, number, 0);
                varint(out, integer.cast_unsigned());
            }
        }
        Number => {
            let float = value.as_f64().unwrap_or_default();
            if presence || float != 0.0 {
                key(out, number, 1);
                out.extend(float.to_le_bytes());
            }
        }
        // Its field `yaml`; JSON is YAML.
        Any => within(out, number, 2, Text, &Value::String(format!("{value}\n"))),
        Form::Message(of) => bytes(out, number, &message(of, value)),
        Each(form) => match value {
            Value::Array(all) => all.iter().for_each(|one| field(out, number, *form, one, true)),
            one => field(out, number, *form, one, true),
        },
        Named(form) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                let mut named = Vec::new();
                bytes(&mut named, 1, name.as_bytes());
                field(&mut named, 2, *form, value, false);
                bytes(out, number, &named);
            }
        }
        Within(inner, form) => within(out, number, inner, *form, value),
        Choice(of) => field(out, number, *of(value), value, presence),
    }
}

fn within(out: &mut Vec<u8>, number: u32, inner: u32, form: Form, value: &Value) {
    let mut wrapped = Vec::new();
    field(&mut wrapped, inner, form, value, true);
    bytes(out, number, &wrapped);
}

fn bytes(out: &mut Vec<u8>, number: u32, content: &[u8]) {
    key(out, number, 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn key(out: &mut Vec<u8>, number: u32, wire_type: u64) {
    varint(out, u64::from(number) << 3 | wire_type);
}

fn varint(out: &mut Vec<u8>, value: u64) {
    let (byte, rest) = ((value & 0x7f) as u8, value >> 7);
    out.push(if rest == 0 { byte } else { byte | 0x80 });
    if rest != 0 {
        varint(out, rest);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A field with bytes shorter than 128.
    fn of(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn keywords_go_where_the_proto_has_them() {
        assert_eq!(
            message(&INFO, &json!({"title": "K", "version": "1"})),
            [of(1, b"K"), of(2, b"1")].concat()
        );
        let schema = |value| message(&SCHEMA, &value);
        // Fields from 16 on have two bytes of key.
        let wide = |number: u16, content: &[u8]| {
            let [key, more] =
                [number << 3 & 0x7f | 0x82, number >> 4].map(|byte| u8::try_from(byte).unwrap());
            [&[key, more, u8::try_from(content.len()).unwrap()], content].concat()
        };
        assert_eq!(schema(json!({"type": "string"})), wide(22, &of(1, b"string")));
        assert_eq!(schema(json!({"items": {"title": "t"}})), wide(23, &of(1, &of(3, b"t"))));
        let named = of(1, &[of(1, b"a"), of(2, &of(2, b"f"))].concat());
        assert_eq!(schema(json!({"properties": {"a": {"format": "f"}}})), wide(25, &named));
        assert_eq!(schema(json!({"additionalProperties": false})), wide(21, &[0x10, 0]));
        assert_eq!(schema(json!({"additionalProperties": {}})), wide(21, &of(1, b"")));
        assert_eq!(schema(json!({"default": {"a": 1}})), of(5, &of(2, b"{\"a\":1}\n")));
        assert_eq!(
            schema(json!({"x-a": true})),
            wide(31, &[of(1, b"x-a"), of(2, &of(2, b"true\n"))].concat())
        );
        assert_eq!(schema(json!({"maxLength": 300, "minLength": 0})), [11 << 3, 0xac, 2]);
        assert_eq!(
            schema(json!({"minimum": 1.5, "unknown": 1})),
            [&[9 << 3 | 1][..], &1.5_f64.to_le_bytes()].concat()
        );
    }

    #[test]
    fn a_parameter_is_of_the_message_of_its_place() {
        let parameter = |place: &str| {
            let mut out = Vec::new();
            field(&mut out, 8, PARAMETERS, &json!([{"name": "n", "in": place}]), false);
            out
        };
        let place = |place: &str| [of(2, place.as_bytes()), of(4, b"n")].concat();
        assert_eq!(parameter("query"), of(8, &of(1, &of(2, &of(3, &place("query"))))));
        assert_eq!(parameter("path"), of(8, &of(1, &of(2, &of(4, &place("path"))))));
        assert_eq!(parameter("body"), of(8, &of(1, &of(1, &[of(2, b"n"), of(3, b"body")].concat()))));
    }
}
