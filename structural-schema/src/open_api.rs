//! Values against the keywords of OpenAPI: what a schema asks of types, texts, numbers, lists and objects.
//!
//! The order of the checks, which of several errors is told, and the texts are those of kube-apiserver's validator.
//! Schemas are walked along with the value; a value without errors costs no allocation.

mod numbers;
mod ratchet;
mod scalars;
mod types;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::correlate::{OldElements, old_field};
use crate::field_error::FieldError;
use crate::go_text::{Encoder, json, quote};
use crate::keywords::Keywords;
use crate::node::{Additional, SchemaRef};
use crate::path::{NIL, Path};

/// Checks a value. `old` is what it was before an update. `base` is the field that the value stands in, as a part of
/// an object that is validated by itself: the texts name fields within it, the errors' fields begin with it.
pub(crate) fn validate(
    schema: SchemaRef<'_>,
    value: &Value,
    old: Option<&Value>,
    base: Option<&str>,
) -> Vec<FieldError> {
    let mut check = Check { base, findings: Vec::new() };
    check.ratcheted(schema, value, old, &Path::Root);
    let mut told = HashSet::new();
    let mut findings = check.findings;
    findings.retain(|finding| told.insert(finding.text.clone()));
    findings.into_iter().map(|finding| finding.error).collect()
}

/// An error, and the text by which it is told from others: the same is told once.
struct Finding {
    text: String,
    error: FieldError,
}

/// How many checks a value went through with success. Of several schemas that a value fails, the one with the most is
/// taken to be the one that was meant.
type Matches = usize;

struct Check<'b> {
    base: Option<&'b str>,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Reports an error of a field: its text begins with the path, unless it is told only as an error's kind.
    fn report(&mut self, path: &Path<'_>, text: String, error: impl FnOnce(String, &str) -> FieldError) {
        let dotted = path.dotted();
        let field = match (self.base, dotted.is_empty()) {
            (None, true) => NIL.to_owned(),
            (None, false) => dotted.clone(),
            (Some(base), true) => base.to_owned(),
            (Some(base), false) => format!("{base}.{dotted}"),
        };
        let text = format!("{dotted} in body {text}");
        let error = error(field, &text);
        self.findings.push(Finding { text, error });
    }

    /// Reports an error that belongs to no field.
    fn report_whole(&mut self, text: String) {
        let error = FieldError::invalid_text(self.base.unwrap_or(NIL), "", &text);
        self.findings.push(Finding { text, error });
    }

    fn check(
        &mut self,
        schema: SchemaRef<'_>,
        value: &Value,
        old: Option<&Value>,
        path: &Path<'_>,
    ) -> Matches {
        let node = schema.node();
        let keywords = node.keywords.as_deref();
        if value.is_null() {
            let matches = self.check_type(node, value, path);
            self.check_values(keywords, value, path);
            return matches;
        }
        // One for this schema, one for its combinations, and two for each kind of check that applies.
        let mut matches = 2;
        if types::is_typed(node) {
            matches += self.check_type(node, value, path) + 1;
        }
        matches += 1 + keywords.map_or(0, |keywords| self.check_combinations(schema, keywords, value, path));
        match value {
            Value::String(text) => {
                matches += 1;
                if let Some(keywords) = keywords {
                    self.check_text(keywords, text, path);
                    if let Some((format, kind)) = keywords.format.as_ref().and_then(|f| Some((f, f.string?)))
                    {
                        matches += 1;
                        if !kind.holds(text) {
                            self.report_type(path, &format.name, text);
                        }
                    }
                }
            }
            Value::Number(number) => {
                matches += 2;
                self.check_number(node, number, path);
            }
            Value::Array(elements) => matches += 2 + self.check_list(schema, elements, old, path),
            _ => {}
        }
        self.check_values(keywords, value, path);
        if let Value::Object(fields) = value {
            matches += 1 + self.check_object(schema, fields, old, path);
        }
        matches
    }

    fn check_combinations(
        &mut self,
        schema: SchemaRef<'_>,
        keywords: &Keywords,
        value: &Value,
        path: &Path<'_>,
    ) -> Matches {
        let mut matches = 0;
        if !keywords.any_of.is_empty() {
            matches += self.check_any_of(schema, keywords, value, path);
        }
        if !keywords.one_of.is_empty() {
            matches += self.check_one_of(schema, keywords, value, path);
        }
        if !keywords.all_of.is_empty() {
            let mut valid = 0;
            for id in &keywords.all_of {
                let before = self.findings.len();
                matches += self.check(schema.at(*id), value, None, path);
                valid += usize::from(self.findings.len() == before);
            }
            if valid != keywords.all_of.len() {
                let none = if valid == 0 { ". None validated" } else { "" };
                let place = quote(&path.dotted());
                self.report_whole(format!("{place} must validate all the schemas (allOf){none}"));
            }
        }
        if let Some(id) = keywords.not
            && self.apart(schema.at(id), value, path).1.is_empty()
        {
            self.report_whole(format!("{} must not validate the schema (not)", quote(&path.dotted())));
        }
        matches
    }

    /// Checks a value and keeps the findings apart.
    fn apart(&mut self, schema: SchemaRef<'_>, value: &Value, path: &Path<'_>) -> (Matches, Vec<Finding>) {
        let before = self.findings.len();
        let matches = self.check(schema, value, None, path);
        (matches, self.findings.split_off(before))
    }

    fn check_any_of(
        &mut self,
        schema: SchemaRef<'_>,
        keywords: &Keywords,
        value: &Value,
        path: &Path<'_>,
    ) -> Matches {
        let mut best: Option<(Matches, Vec<Finding>)> = None;
        for id in &keywords.any_of {
            let (matches, findings) = self.apart(schema.at(*id), value, path);
            if findings.is_empty() {
                return matches;
            }
            if best.as_ref().is_none_or(|(most, _)| matches > *most) {
                best = Some((matches, findings));
            }
        }
        self.report_whole(format!("{} must validate at least one schema (anyOf)", quote(&path.dotted())));
        self.take_best(best)
    }

    fn check_one_of(
        &mut self,
        schema: SchemaRef<'_>,
        keywords: &Keywords,
        value: &Value,
        path: &Path<'_>,
    ) -> Matches {
        let mut best: Option<(Matches, Vec<Finding>)> = None;
        let mut first_valid = None;
        let mut valid = 0;
        for id in &keywords.one_of {
            let (matches, findings) = self.apart(schema.at(*id), value, path);
            if findings.is_empty() {
                valid += 1;
                first_valid = first_valid.or(Some(matches));
                best = None;
            } else if valid == 0 && best.as_ref().is_none_or(|(most, _)| matches > *most) {
                best = Some((matches, findings));
            }
        }
        if let (1, Some(matches)) = (valid, first_valid) {
            return matches;
        }
        let found = match valid {
            0 => "Found none valid".to_owned(),
            several => format!("Found {several} valid alternatives"),
        };
        let place = quote(&path.dotted());
        self.report_whole(format!("{place} must validate one and only one schema (oneOf). {found}"));
        self.take_best(best)
    }

    fn take_best(&mut self, best: Option<(Matches, Vec<Finding>)>) -> Matches {
        let (matches, findings) = best.unwrap_or_default();
        self.findings.extend(findings);
        matches
    }

    fn check_list(
        &mut self,
        schema: SchemaRef<'_>,
        elements: &[Value],
        old: Option<&Value>,
        path: &Path<'_>,
    ) -> Matches {
        let mut matches = 0;
        if let Some(items) = schema.items() {
            let olds = OldElements::of(schema, old);
            for (index, element) in elements.iter().enumerate() {
                let old = olds.as_ref().and_then(|olds| olds.get(element));
                matches += self.ratcheted(items, element, old, &Path::Index(path, index));
            }
        }
        if let Some(keywords) = schema.node().keywords.as_deref() {
            self.check_length(keywords, elements, path);
        }
        matches
    }

    fn check_length(&mut self, keywords: &Keywords, elements: &[Value], path: &Path<'_>) {
        let count = elements.len();
        if let Some(min) = keywords.min_items.filter(|min| is_below(count, *min)) {
            let text = format!("should have at least {min} items");
            self.report(path, text, |field, text| FieldError::invalid(field, &Value::from(count), text));
        }
        if let Some(max) = keywords.max_items.filter(|max| is_above(count, *max)) {
            let text = format!("should have at most {max} items");
            self.report(path, text, |field, _| FieldError::too_many(field, count, max));
        }
        if keywords.unique_items {
            let mut seen = HashSet::with_capacity(count);
            if !elements.iter().all(|element| seen.insert(json(element, Encoder::Standard))) {
                let text = "shouldn't contain duplicates".to_owned();
                self.report(path, text, |field, text| FieldError::invalid_text(field, "", text));
            }
        }
    }

    fn check_object(
        &mut self,
        schema: SchemaRef<'_>,
        fields: &Map<String, Value>,
        old: Option<&Value>,
        path: &Path<'_>,
    ) -> Matches {
        let node = schema.node();
        if let Some(keywords) = node.keywords.as_deref() {
            self.check_size(keywords, fields.len(), path);
        }
        if node.additional_forbidden {
            for name in fields.keys().filter(|name| !node.properties.contains_key(*name)) {
                self.report_forbidden(path, name);
            }
        }
        let mut matches = 0;
        if let Additional::Of(id) = node.additional {
            let values = schema.at(id);
            for (name, field) in fields.iter().filter(|(name, _)| !node.properties.contains_key(*name)) {
                let old = old_field(schema, old, name);
                matches += self.ratcheted(values, field, old, &Path::Key(path, name));
            }
        }
        if !node.properties.is_empty() {
            for (name, field) in fields {
                let Some(property) = schema.property(name) else { continue };
                // What the type says of itself does not come from the old object: both are of one version.
                let is_type = matches!(path, Path::Root) && matches!(name.as_str(), "apiVersion" | "kind");
                let old = if is_type { None } else { old_field(schema, old, name) };
                matches += self.ratcheted(property, field, old, &Path::Field(path, name));
            }
        }
        for name in node.required.iter().filter(|name| !fields.contains_key(*name)) {
            let path = Path::Field(path, name);
            self.report(&path, "is required".to_owned(), |field, _| FieldError::required(field, ""));
        }
        matches
    }

    fn check_size(&mut self, keywords: &Keywords, count: usize, path: &Path<'_>) {
        if let Some(min) = keywords.min_properties.filter(|min| is_below(count, *min)) {
            let text = format!("should have at least {min} properties");
            self.report(path, text, |field, text| FieldError::invalid(field, &Value::from(count), text));
        }
        if let Some(max) = keywords.max_properties.filter(|max| is_above(count, *max)) {
            let text = format!("should have at most {max} properties");
            self.report(path, text, |field, _| FieldError::too_many(field, count, max));
        }
    }

    fn report_forbidden(&mut self, path: &Path<'_>, name: &str) {
        let text = format!("{}.{name} in body is a forbidden property", path.dotted());
        self.report(path, String::new(), |field, _| FieldError::invalid_text(field, name, &text));
        if let Some(finding) = self.findings.last_mut() {
            finding.text = text;
        }
    }
}

fn is_below(count: usize, min: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| count < min)
}

fn is_above(count: usize, max: i64) -> bool {
    i64::try_from(count).is_ok_and(|count| count > max)
}
