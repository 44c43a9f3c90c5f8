//! YAML that people read or write. The only module that names the YAML library, so that it can be changed here alone.

use federation_apiserver::body::{Parsed, Yaml};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// YAML for an API server. What is given twice is noted, and no error.
pub const SERVED: Yaml = Yaml {
    read: |bytes| {
        Parsed::read(serde_yaml::Deserializer::from_slice(bytes)).map_err(|error| error.to_string())
    },
    write: |value| print(value).map_err(|error| error.to_string()),
};

/// Why a text is no YAML, or not the YAML that was expected; with line and column.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct YamlError(#[from] serde_yaml::Error);

/// Reads one document.
///
/// # Errors
/// It is not YAML, not of the type, or more than one document.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    Ok(serde_yaml::from_str(text)?)
}

/// Reads a stream of documents; empty ones are left out.
///
/// # Errors
/// One is not YAML, or not of the type.
pub fn parse_stream<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, YamlError> {
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = <serde_yaml::Value as serde::Deserialize>::deserialize(document)?;
        if !value.is_null() {
            documents.push(serde_yaml::from_value(value)?);
        }
    }
    Ok(documents)
}

/// Writes one document, with a line end and without a `---`.
///
/// # Errors
/// The value cannot be written as YAML, such as a map whose keys are maps.
pub fn print(value: &impl Serialize) -> Result<String, YamlError> {
    Ok(serde_yaml::to_string(value)?)
}

/// Writes a stream of documents, each after a `---` line: what `kubectl apply -f -` reads.
///
/// # Errors
/// As for [`print()`].
pub fn print_stream(values: &[impl Serialize]) -> Result<String, YamlError> {
    values.iter().map(|value| Ok(format!("---\n{}", print(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_stream_reads_back_as_it_was_written() {
        let documents = vec![json!({"a": [1, "x: y"]}), json!({"b": null, "c": "no", "d": "1.0"})];
        let text = print_stream(&documents).unwrap();
        assert_eq!(parse_stream::<Value>(&text).unwrap(), documents);
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(parse_stream::<Value>("---\n---\na: 1\n---\n# nothing\n").unwrap(), [json!({"a": 1})]);
    }

    #[test]
    fn an_api_server_is_told_what_is_given_twice() {
        let parsed = (SERVED.read)(b"a: 1\nb: {c: 1, c: 2}\na: 3\n").unwrap();
        assert_eq!(parsed.value, json!({"a": 3, "b": {"c": 2}}));
        assert_eq!(parsed.duplicates, ["b.c", "a"]);
        assert_eq!((SERVED.write)(&json!({"b": "1", "a": [true]})).unwrap(), "a:\n- true\nb: '1'\n");
        assert!((SERVED.read)(b"a: [").is_err());
    }

    #[test]
    fn errors_say_where() {
        let error = parse::<Value>("a: 1\nb: [").unwrap_err().to_string();
        assert!(error.contains("line"), "{error}");
    }
}
