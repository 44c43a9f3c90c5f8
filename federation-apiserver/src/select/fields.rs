//! Field selectors: `metadata.name=a,spec.type!=b`.

use std::borrow::Cow;

use serde_json::Value;

use super::SelectorError;

/// A field by which a built-in kind's objects can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectableField {
    /// Its name in a selector, such as `spec.type`.
    pub label: &'static str,
    /// Where its value is, as a JSON pointer.
    pub pointer: &'static str,
    /// Where its value is when it is empty there.
    pub otherwise: Option<&'static str>,
    /// The value of an object that has none.
    pub absent: &'static str,
}

impl SelectableField {
    /// A field that is empty where it is absent.
    pub const fn at(label: &'static str, pointer: &'static str) -> Self {
        Self { label, pointer, otherwise: None, absent: "" }
    }

    /// `metadata.name`.
    pub const NAME: Self = Self::at("metadata.name", "/metadata/name");
    /// `metadata.namespace`.
    pub const NAMESPACE: Self = Self::at("metadata.namespace", "/metadata/namespace");
    /// What built-in kinds have that declare nothing of their own, cluster-scoped ones as well.
    pub const METADATA: &'static [Self] = &[Self::NAME, Self::NAMESPACE];
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What is answered when a field cannot be selected by; resources differ in their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `field label not supported: x`.
    NotSupported,
    /// `"x" is not a known field selector: only "metadata.name", "metadata.namespace"`.
    NotKnown,
    /// `field label "x" not supported for Job`.
    NotSupportedFor(&'static str),
}

/// The fields by which a resource's objects can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectableFields {
    fields: Vec<Field>,
    refusal: Refusal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    label: String,
    pointer: String,
    otherwise: Option<&'static str>,
    absent: &'static str,
}

impl Field {
    fn value<'a>(&self, object: &'a Value) -> Cow<'a, str> {
        let at = |pointer: &str| object.pointer(pointer).and_then(text).filter(|text| !text.is_empty());
        at(&self.pointer).or_else(|| self.otherwise.and_then(at)).unwrap_or(Cow::Borrowed(self.absent))
    }
}

impl From<&SelectableField> for Field {
    fn from(field: &SelectableField) -> Self {
        Self {
            label: field.label.to_owned(),
            pointer: field.pointer.to_owned(),
            otherwise: field.otherwise,
            absent: field.absent,
        }
    }
}

impl SelectableFields {
    /// Those of a built-in kind; any other is answered with `refusal`.
    pub fn new(fields: &[SelectableField], refusal: Refusal) -> Self {
        Self { fields: fields.iter().map(Field::from).collect(), refusal }
    }

    /// Those of a custom resource: its metadata's, and what its definition declares, by `jsonPath` (`.spec.color`).
    pub fn of_custom_resource<'a>(namespaced: bool, json_paths: impl IntoIterator<Item = &'a str>) -> Self {
        let metadata = if namespaced { SelectableField::METADATA } else { &[SelectableField::NAME] };
        let mut all = Self::new(metadata, Refusal::NotSupported);
        all.fields.extend(json_paths.into_iter().map(|path| Field {
            label: path.trim_start_matches('.').to_owned(),
            pointer: path.replace('.', "/"),
            otherwise: None,
            absent: "",
        }));
        all
    }

    fn find(&self, label: &str) -> Result<&Field, SelectorError> {
        let found = self.fields.iter().find(|field| field.label == label);
        found.ok_or_else(|| {
            SelectorError(match self.refusal {
                Refusal::NotSupported => format!("field label not supported: {label}"),
                Refusal::NotKnown => format!(
                    "\"{label}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                ),
                Refusal::NotSupportedFor(kind) => format!("field label \"{label}\" not supported for {kind}"),
            })
        })
    }
}

/// A compiled field selector; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Reads the text of a `fieldSelector` parameter for a resource that can be selected by `selectable`.
    pub fn parse(text: &str, selectable: &SelectableFields) -> Result<Self, SelectorError> {
        // kube-apiserver sorts the terms, so that the first wrong one in that order is the one that is named.
        let mut parts = split_terms(text);
        parts.sort_unstable();
        let mut read = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (label, equal, value) = split_term(part).ok_or_else(|| {
                SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            read.push((label, equal, unescaped(value)?));
        }
        let mut terms = Vec::new();
        for (label, equal, value) in read {
            // An empty field with an empty value selects everything.
            if !label.is_empty() || !value.is_empty() {
                terms.push(Term { field: selectable.find(label)?.clone(), equal, value });
            }
        }
        Ok(Self { terms })
    }

    /// Whether it selects every object.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether an object meets every term.
    pub fn matches(&self, object: &Value) -> bool {
        self.terms.iter().all(|term| (term.field.value(object) == term.value) == term.equal)
    }

    /// The only name that an object can have to be selected.
    pub fn name(&self) -> Option<&str> {
        self.exact("metadata.name")
    }

    /// The only namespace that an object can be in to be selected.
    pub fn namespace(&self) -> Option<&str> {
        self.exact("metadata.namespace")
    }

    fn exact(&self, label: &str) -> Option<&str> {
        let term = self.terms.iter().find(|term| term.equal && term.field.label == label)?;
        Some(&term.value)
    }
}

/// The terms between commas; a comma behind a backslash is part of a value.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// Label, whether the value is to be equal, and value.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(index, _)| {
        let rest = &term[index..];
        let after = |operator: &str| rest.strip_prefix(operator);
        let (equal, value) = after("!=")
            .map(|value| (false, value))
            .or_else(|| after("==").or_else(|| after("=")).map(|value| (true, value)))?;
        Some((&term[..index], equal, value))
    })
}

fn unescaped(value: &str) -> Result<String, SelectorError> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    let bad = |sequence: &str| {
        SelectorError(format!("invalid field selector: invalid escape sequence: {sequence}"))
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                Some(other) => return Err(bad(&format!("\\{other}"))),
                None => return Err(bad("\\")),
            },
            ',' | '=' => {
                let code = c as u32;
                let text = format!("invalid field selector: unescaped character in value: {code}");
                return Err(SelectorError(text));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields() -> SelectableFields {
        SelectableFields::of_custom_resource(true, [".spec.color", ".spec.on"])
    }

    #[test]
    fn terms() {
        let object =
            json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"color": "r,=\\", "on": true}});
        for (selector, expected) in [
            ("", true),
            ("metadata.name=a", true),
            ("metadata.name==a,metadata.namespace=n", true),
            ("metadata.name!=a", false),
            ("spec.on=true", true),
            (r"spec.color=r\,\=\\", true),
            ("spec.color!=", true),
            (",metadata.name=a,", true),
        ] {
            assert_eq!(
                FieldSelector::parse(selector, &fields()).unwrap().matches(&object),
                expected,
                "{selector}"
            );
        }
        let selector = FieldSelector::parse("metadata.name=a,metadata.namespace!=b", &fields()).unwrap();
        assert_eq!((selector.name(), selector.namespace()), (Some("a"), None));
    }

    #[test]
    fn refusals() {
        let not_known =
            "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
        let jobs = SelectableFields { refusal: Refusal::NotSupportedFor("Job"), ..fields() };
        for (selector, fields, expected) in [
            ("spec.x=1", fields(), "field label not supported: spec.x"),
            ("spec.x=1", SelectableFields::new(SelectableField::METADATA, Refusal::NotKnown), not_known),
            ("spec.x=1", jobs, "field label \"spec.x\" not supported for Job"),
            ("nothing", fields(), "invalid selector: 'nothing'; can't understand 'nothing'"),
            (r"a=\x", fields(), r"invalid field selector: invalid escape sequence: \x"),
            ("a=b=c", fields(), "invalid field selector: unescaped character in value: 61"),
        ] {
            assert_eq!(FieldSelector::parse(selector, &fields).unwrap_err().0, expected, "{selector}");
        }
    }
}
