//! `fieldPath` of a rule: fields and keys below the value that the rule is of.

use serde_json::{Map, Value};

/// The path in the form that errors show (`a.b[key]`), or why there is no such place in the schema.
pub(crate) fn normalized(path: &str, schema: &Map<String, Value>) -> Result<String, &'static str> {
    const NO_FIELD: &str = "does not refer to a valid field";
    let mut rest = path.trim();
    let mut schema = schema;
    let mut normal = String::new();
    while !rest.is_empty() {
        let name = if let Some(after) = rest.strip_prefix("['") {
            let (name, length) = quoted(after)?;
            rest = after[length..].strip_prefix(']').ok_or("expected ]")?;
            name
        } else {
            let after = rest.strip_prefix('.').ok_or("expected [ or .")?;
            let end = after.find(['.', '[', ']']).unwrap_or(after.len());
            rest = &after[end..];
            after[..end].to_owned()
        };
        let properties = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty());
        let (below, is_key) = match (properties, schema.get("additionalProperties")) {
            (Some(properties), _) => (properties.get(&name), false),
            (None, values) => (values, true),
        };
        schema = below.and_then(Value::as_object).ok_or(NO_FIELD)?;
        if is_key {
            normal.push('[');
            normal.push_str(&name);
            normal.push(']');
        } else {
            if !normal.is_empty() {
                normal.push('.');
            }
            normal.push_str(&name);
        }
    }
    Ok(normal)
}

/// The text of a single-quoted string whose opening quote has been read, and the length with the closing one.
fn quoted(text: &str) -> Result<(String, usize), &'static str> {
    let mut unquoted = String::new();
    let mut chars = text.char_indices();
    while let Some((index, char)) = chars.next() {
        match char {
            '\'' => return Ok((unquoted, index + 1)),
            '\\' => unquoted.push(match chars.next() {
                Some((_, 'a')) => '\u{7}',
                Some((_, 'b')) => '\u{8}',
                Some((_, 'f')) => '\u{c}',
                Some((_, 'n')) => '\n',
                Some((_, 'r')) => '\r',
                Some((_, 't')) => '\t',
                Some((_, 'v')) => '\u{b}',
                Some((_, char @ ('\'' | '\\'))) => char,
                _ => return Err("invalid escape char"),
            }),
            _ => unquoted.push(char),
        }
    }
    Err("unexpected end of JSON path")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_follow_the_schema() {
        let schema = json!({"properties": {"a": {"properties": {"b.c": {"type": "string"}}},
                            "m": {"additionalProperties": {"properties": {"x": {}}}}}});
        let schema = schema.as_object().unwrap();
        assert_eq!(normalized(".a['b.c']", schema), Ok("a.b.c".to_owned()));
        assert_eq!(normalized(".m['k'].x", schema), Ok("m[k].x".to_owned()));
        assert!(normalized(".a.c", schema).is_err());
        assert!(normalized("a", schema).is_err());
    }
}
