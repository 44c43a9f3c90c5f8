//! Names that are made from other names, and read back.

use std::fmt;

/// A text with placeholders in braces, such as `{namespace}-{cell}`.
///
/// It is rendered with a value for each placeholder, and inverted for one of them when the others are known. Inversion
/// is exact because a template names each placeholder at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

/// Why a text is no name template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameTemplateError {
    /// A brace has no partner.
    #[error("'{template}' has an unpaired brace; write placeholders as {{name}}")]
    Brace {
        /// The text.
        template: String,
    },
    /// A placeholder is none of those that have a value here.
    #[error("'{template}' names {{{placeholder}}}; known are {known}")]
    Unknown {
        /// The text.
        template: String,
        /// The placeholder that has no value.
        placeholder: String,
        /// Those that have one.
        known: String,
    },
    /// A placeholder stands twice.
    #[error("'{template}' names {{{placeholder}}} twice; once is enough to read a name back")]
    Twice {
        /// The text.
        template: String,
        /// The placeholder.
        placeholder: String,
    },
    /// The placeholder that tells objects apart is missing.
    #[error("'{template}' must name {{{placeholder}}}, otherwise different objects would get one name")]
    Missing {
        /// The text.
        template: String,
        /// The placeholder.
        placeholder: String,
    },
}

impl NameTemplate {
    /// Reads a template; `known` are the placeholders that it may name, `required` the one that it must.
    pub fn parse(template: &str, known: &[&str], required: &str) -> Result<Self, NameTemplateError> {
        let brace = || NameTemplateError::Brace { template: template.to_owned() };
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = template;
        while !rest.is_empty() {
            let Some(open) = rest.find(['{', '}']) else {
                parts.push(Part::Text(rest.to_owned()));
                break;
            };
            if rest.as_bytes()[open] == b'}' {
                return Err(brace());
            }
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or_else(brace)? + open;
            let placeholder = &rest[open + 1..close];
            if !known.contains(&placeholder) {
                return Err(NameTemplateError::Unknown {
                    template: template.to_owned(),
                    placeholder: placeholder.to_owned(),
                    known: known.iter().map(|k| format!("{{{k}}}")).collect::<Vec<_>>().join(", "),
                });
            }
            let part = Part::Placeholder(placeholder.to_owned());
            if parts.contains(&part) {
                return Err(NameTemplateError::Twice {
                    template: template.to_owned(),
                    placeholder: placeholder.to_owned(),
                });
            }
            parts.push(part);
            rest = &rest[close + 1..];
        }
        if !parts.contains(&Part::Placeholder(required.to_owned())) {
            return Err(NameTemplateError::Missing {
                template: template.to_owned(),
                placeholder: required.to_owned(),
            });
        }
        Ok(Self { parts })
    }

    /// The name that the template makes; `value` gives each placeholder's text.
    pub fn render<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Placeholder(placeholder) => name.push_str(value(placeholder)),
            }
        }
        name
    }

    /// The value of `wanted` for which the template makes `rendered`, when all other placeholders have `value`; `None`
    /// when there is no such value, or only the empty one.
    pub fn invert<'r, 'a>(
        &self,
        rendered: &'r str,
        wanted: &str,
        value: impl Fn(&str) -> &'a str,
    ) -> Option<&'r str> {
        let at = self.parts.iter().position(|p| matches!(p, Part::Placeholder(name) if name == wanted))?;
        let side = |parts: &[Part]| Self { parts: parts.to_vec() }.render(&value);
        let middle = rendered
            .strip_prefix(side(&self.parts[..at]).as_str())?
            .strip_suffix(side(&self.parts[at + 1..]).as_str())?;
        (!middle.is_empty()).then_some(middle)
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Placeholder(placeholder) => write!(f, "{{{placeholder}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_and_read_back() {
        let template =
            NameTemplate::parse("{namespace}-{cell}", &["namespace", "cell"], "namespace").unwrap();
        let value = |p: &str| if p == "cell" { "rz00a" } else { "bank" };
        assert_eq!(template.render(value), "bank-rz00a");
        assert_eq!(template.invert("bank-rz00a", "namespace", value), Some("bank"));
        assert_eq!(template.invert("bank-rz01a", "namespace", value), None);
        assert_eq!(template.to_string(), "{namespace}-{cell}");
    }

    #[test]
    fn bad_templates_say_what_to_write() {
        let parse = |t| NameTemplate::parse(t, &["name", "cell"], "name").map_err(|e| e.to_string());
        assert_eq!(
            parse("a{name").unwrap_err(),
            "'a{name' has an unpaired brace; write placeholders as {name}"
        );
        assert!(parse("a}name").is_err());
        assert_eq!(
            parse("{zone}-{name}").unwrap_err(),
            "'{zone}-{name}' names {zone}; known are {name}, {cell}"
        );
        assert!(parse("{name}{name}").unwrap_err().contains("twice"));
        assert!(parse("{cell}").unwrap_err().contains("must name {name}"));
    }
}
