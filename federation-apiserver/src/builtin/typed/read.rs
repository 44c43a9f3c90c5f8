//! Reading a value as its type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use structural_schema::go_text::json_kind;

use super::TypeError;
use super::shape::{Shape, Types};
use crate::builtin::defaults::is_always_written;
use crate::builtin::kind::Kind;
use crate::builtin::{quantity, schemas};

/// An object that was read as its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The object as the type writes it.
    pub object: Value,
    /// The paths of the fields that the type does not have, such as `spec.containers[0].imagee`, in order. They are
    /// not in the object any more.
    pub unknown: Vec<String>,
}

/// Reads an object as its kind's type.
///
/// `kind`, `apiVersion` and `metadata` are read like all fields. The first value that does not fit is the error.
pub fn read(kind: &Kind, object: Value) -> Result<Read, TypeError> {
    read_definition(kind, &kind.definition(), object)
}

/// Reads what a subresource takes, such as a `TokenRequest`, by its definition's name.
pub fn read_definition(kind: &Kind, definition: &str, object: Value) -> Result<Read, TypeError> {
    let types = schemas::types(kind.group_version);
    let Some((types, shape)) = types.and_then(|types| Some((types, types.get(definition)?))) else {
        return Ok(Read { object, unknown: Vec::new() });
    };
    let mut reader = Reader { types, fields: Vec::new(), inside: "", unknown: Vec::new() };
    let object = reader.value(shape, object, "")?.unwrap_or(Value::Null);
    Ok(Read { object, unknown: reader.unknown })
}

struct Reader<'a> {
    types: &'a Types,
    /// The fields on the way here: what an error names.
    fields: Vec<String>,
    /// The innermost struct's name.
    inside: &'a str,
    unknown: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The value as its type writes it; `None` where that is absence.
    fn value(&mut self, shape: &'a Shape, value: Value, path: &str) -> Result<Option<Value>, TypeError> {
        if value.is_null() && !matches!(shape, Shape::Any) {
            return Ok(None);
        }
        Ok(Some(match (shape, value) {
            (Shape::Struct(index), Value::Object(object)) => self.object(*index, object, path)?,
            (Shape::Map(values), Value::Object(object)) => {
                let mut read = Map::new();
                for (key, value) in object {
                    let path = format!("{path}.{key}");
                    read.insert(key, self.value(values, value, &path)?.unwrap_or_else(|| zero(values)));
                }
                Value::Object(read)
            }
            (Shape::List(items), Value::Array(values)) => {
                let mut read = Vec::with_capacity(values.len());
                for (index, value) in values.into_iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    read.push(self.value(items, value, &path)?.unwrap_or_else(|| zero(items)));
                }
                Value::Array(read)
            }
            (Shape::Any, value)
            | (Shape::Text | Shape::IntOrString, value @ Value::String(_))
            | (Shape::Bool, value @ Value::Bool(_))
            | (Shape::Number, value @ Value::Number(_)) => value,
            (Shape::Bytes, Value::String(text)) => base64(&text)?,
            (Shape::Integer(bits), Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|n| *bits == 64 || i32::try_from(n).is_ok());
                if !fits {
                    return Err(self.unfit(shape, &format!("number {number}")));
                }
                Value::Number(number)
            }
            (Shape::IntOrString, Value::Number(number)) => {
                if number.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
                    return Err(self.unfit(shape, &format!("number {number}")));
                }
                Value::Number(number)
            }
            (Shape::Quantity, value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Value::from(quantity::canonical(&text).map_err(|why| TypeError(why.to_owned()))?)
            }
            (Shape::Time, Value::String(text)) => time(&text, "2006-01-02T15:04:05Z07:00")?,
            (Shape::MicroTime, Value::String(text)) => time(&text, "2006-01-02T15:04:05.000000Z07:00")?,
            (shape, value) => return Err(self.unfit(shape, json_kind(&value))),
        }))
    }

    fn object(&mut self, index: usize, object: Map<String, Value>, path: &str) -> Result<Value, TypeError> {
        let this = self.types.of_struct(index);
        let outside = std::mem::replace(&mut self.inside, name(&this.name));
        let mut read = Map::new();
        for (key, value) in object {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let Some(field) = this.fields.get(&key) else {
                self.unknown.push(path);
                continue;
            };
            self.fields.push(key.clone());
            let value = self.value(&field.shape, value, &path)?;
            self.fields.pop();
            let written = field.required || is_always_written(&this.name, &key);
            let kept = value.filter(|value| written || !is_empty(&field.shape, value));
            if let Some(value) = kept {
                read.insert(key, value);
            }
        }
        self.inside = outside;
        Ok(Value::Object(read))
    }

    fn unfit(&self, shape: &Shape, found: &str) -> TypeError {
        let wanted = shape.go(self.types);
        let fields = self.fields.join(".");
        TypeError(format!(
            "json: cannot unmarshal {found} into Go struct field {}.{fields} of type {wanted}",
            self.inside
        ))
    }
}

fn name(definition: &str) -> &str {
    definition.rsplit('.').next().unwrap_or(definition)
}

/// Maps and lists that hold nothing are not written.
fn is_empty(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Map(_), Value::Object(object)) => object.is_empty(),
        (Shape::List(_), Value::Array(values)) => values.is_empty(),
        _ => false,
    }
}

/// What null is in a map or list.
fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::Struct(_) => Value::Object(Map::new()),
        Shape::Text | Shape::Bytes => Value::from(""),
        Shape::Bool => Value::from(false),
        Shape::Integer(_) | Shape::Number | Shape::IntOrString => Value::from(0),
        Shape::Quantity => Value::from("0"),
        Shape::Any | Shape::Map(_) | Shape::List(_) | Shape::Time | Shape::MicroTime => Value::Null,
    }
}

/// Base64 as Go reads it (with line breaks) and writes it (without).
fn base64(text: &str) -> Result<Value, TypeError> {
    let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    match STANDARD.decode(&clean) {
        Ok(bytes) => Ok(Value::from(STANDARD.encode(bytes))),
        Err(error) => {
            let byte = match error {
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => clean.len(),
            };
            Err(TypeError(format!("illegal base64 data at input byte {byte}")))
        }
    }
}

/// A time in UTC, in seconds or microseconds as its type has them.
fn time(text: &str, layout: &str) -> Result<Value, TypeError> {
    let micro = layout.contains(".000000");
    let wrong = |what: &str, wanted: &str| {
        TypeError(format!("parsing time {text:?} as {layout:?}: cannot parse {what:?} as {wanted:?}"))
    };
    let parsed: Timestamp = text.parse().map_err(|_| wrong(text, "2006"))?;
    let fraction = text.get(19..).unwrap_or_default();
    // Go reads as many digits as its layout has.
    let digits = fraction.strip_prefix('.').map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if micro && digits != Some(6) {
        return Err(wrong(fraction, ".000000"));
    }
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(Value::from(parsed.strftime(format).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::find;
    use serde_json::json;

    fn read_as(plural: &str, group: &str, object: Value) -> Result<Read, TypeError> {
        read(find(group, "v1", plural).unwrap(), object)
    }

    #[test]
    fn what_is_empty_or_null_goes_and_what_is_unknown_is_named() {
        let object = json!({
            "metadata": {"name": "a", "labels": {}, "annotations": null, "foo": 1, "creationTimestamp": null},
            "data": {"a": null}, "spec": {"x": [1]}, "immutable": null,
        });
        let read = read_as("configmaps", "", object).unwrap();
        assert_eq!(read.object, json!({"metadata": {"name": "a"}, "data": {"a": ""}}));
        assert_eq!(read.unknown, ["metadata.foo", "spec"]);
    }

    #[test]
    fn unknown_fields_are_named_by_their_place_in_lists() {
        let object =
            json!({"spec": {"template": {"spec": {"containers": [{}, {"imagee": 1}], "volumes": []}}}});
        let read = read_as("deployments", "apps", object).unwrap();
        assert_eq!(read.unknown, ["spec.template.spec.containers[1].imagee"]);
        assert_eq!(read.object, json!({"spec": {"template": {"spec": {"containers": [{}, {}]}}}}));
    }

    #[test]
    fn amounts_and_times_have_one_spelling() {
        let object = json!({"spec": {"template": {"spec": {"containers": [
            {"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}]}}}});
        let read = read_as("deployments", "apps", object).unwrap();
        let limits = &read.object["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"];
        assert_eq!(limits, &json!({"cpu": "500m", "memory": "1Gi"}));
        let lease = json!({"spec": {"renewTime": "2020-01-01T02:00:00.500000+02:00"}});
        let read = read_as("leases", "coordination.k8s.io", lease).unwrap();
        assert_eq!(read.object["spec"]["renewTime"], "2020-01-01T00:00:00.500000Z");
    }

    #[test]
    fn what_does_not_fit_is_refused_in_the_words_of_go() {
        let container = |container: Value| json!({"spec": {"template": {"spec": {"containers": container}}}});
        for (plural, group, object, expected) in [
            (
                "deployments",
                "apps",
                json!({"spec": {"replicas": "x"}}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                "deployments",
                "apps",
                json!({"spec": {"replicas": 1.5}}),
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                "deployments",
                "apps",
                container(json!({})),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
            ),
            (
                "deployments",
                "apps",
                json!({"metadata": {"labels": {"a": 1}}}),
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
            ),
            (
                "deployments",
                "apps",
                json!({"metadata": {"labels": []}}),
                "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
            ),
            (
                "deployments",
                "apps",
                json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": true}}}}),
                "json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
            ),
            (
                "deployments",
                "apps",
                container(json!([{"resources": {"limits": {"cpu": true}}}])),
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
            ("secrets", "", json!({"data": {"a": "%%"}}), "illegal base64 data at input byte 0"),
            (
                "secrets",
                "",
                json!({"data": {"a": 5}}),
                "json: cannot unmarshal number into Go struct field Secret.data of type []uint8",
            ),
            (
                "secrets",
                "",
                json!({"metadata": {"creationTimestamp": "x"}}),
                "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"",
            ),
            (
                "leases",
                "coordination.k8s.io",
                json!({"spec": {"renewTime": "2020-01-01T00:00:00Z"}}),
                "parsing time \"2020-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"",
            ),
        ] {
            assert_eq!(read_as(plural, group, object).unwrap_err().0, expected);
        }
    }
}
