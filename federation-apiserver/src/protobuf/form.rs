//! Messages that are no objects in JSON: each writes itself in its own way.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Malformed;

/// What a message is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object.
    Object,
    /// Text, with seconds.
    Time,
    /// Text, with microseconds.
    MicroTime,
    /// A number or text.
    IntOrString,
    /// True, false or an object.
    SchemaOrBool,
    /// A list, which may be empty.
    Items,
    /// Whatever the first of these fields holds that is there.
    Either(&'static [&'static str]),
}

impl Form {
    /// The form of a definition.
    pub(super) fn of(definition: &str) -> Self {
        match definition.rsplit('.').next().unwrap_or_default() {
            "Time" => Self::Time,
            "MicroTime" => Self::MicroTime,
            "IntOrString" => Self::IntOrString,
            "Quantity" => Self::Either(&["string"]),
            "RawExtension" | "FieldsV1" | "JSON" => Self::Either(&["raw"]),
            "ExtraValue" => Self::Items,
            "JSONSchemaPropsOrArray" => Self::Either(&["jSONSchemas", "schema"]),
            "JSONSchemaPropsOrStringArray" => Self::Either(&["property", "schema"]),
            "JSONSchemaPropsOrBool" => Self::SchemaOrBool,
            _ => Self::Object,
        }
    }

    /// The value of a message with these fields.
    pub(super) fn value(self, mut fields: Map<String, Value>) -> Result<Value, Malformed> {
        let number = |name: &str| fields.get(name).and_then(Value::as_i64);
        Ok(match self {
            Self::Object => Value::Object(fields),
            // The zero time, which is no time, is an empty message.
            Self::Time | Self::MicroTime if fields.is_empty() => Value::Null,
            Self::Time => time(number("seconds").unwrap_or(0), 0, "%Y-%m-%dT%H:%M:%SZ")?,
            Self::MicroTime => {
                let (seconds, nanos) = (number("seconds").unwrap_or(0), number("nanos").unwrap_or(0));
                time(seconds, nanos, "%Y-%m-%dT%H:%M:%S.%6fZ")?
            }
            Self::IntOrString => match number("type").unwrap_or(0) {
                0 => fields.remove("intVal").unwrap_or_else(|| 0.into()),
                1 => fields.remove("strVal").unwrap_or_else(|| "".into()),
                _ => return Err(Malformed::IntOrString),
            },
            Self::SchemaOrBool => match fields.remove("schema") {
                Some(schema) => schema,
                None => fields.remove("allows").unwrap_or(Value::Bool(false)),
            },
            Self::Items => fields.remove("items").unwrap_or_else(|| Value::Array(Vec::new())),
            Self::Either(names) => names.iter().find_map(|name| fields.remove(*name)).unwrap_or(Value::Null),
        })
    }
}

/// The first and last second that have four digits for the year, as the API's times do.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

fn time(seconds: i64, nanos: i64, format: &str) -> Result<Value, Malformed> {
    let wrong = || Malformed::Time(seconds);
    let nanos = i32::try_from(nanos).map_err(|_| wrong())?;
    let time = Timestamp::new(seconds, nanos)
        .ok()
        .filter(|time| (FIRST_SECOND..=LAST_SECOND).contains(&time.as_second()))
        .ok_or_else(wrong)?;
    Ok(time.strftime(format).to_string().into())
}
