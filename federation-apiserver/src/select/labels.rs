//! Label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.

mod parse;

use std::fmt;

use serde_json::{Map, Value};

use super::SelectorError;

/// A compiled label selector; the empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// One requirement; an object has to meet all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl LabelSelector {
    /// Reads the text of a `labelSelector` parameter.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { requirements: parse::requirements(text)? })
    }

    /// The selector of a `metav1.LabelSelector`: `matchLabels` and `matchExpressions`. Absent (null) selects nothing;
    /// empty selects everything. An operator that is not known selects nothing.
    pub fn of_object(selector: &Value) -> Option<Self> {
        let mut requirements = Vec::new();
        let selector = selector.as_object()?;
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let values = vec![value.as_str()?.to_owned()];
            requirements.push(Requirement { key: key.clone(), operator: Operator::Equals, values });
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let operator = match expression["operator"].as_str()? {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            let values = expression["values"].as_array();
            let values = values.map(|all| all.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            let key = expression["key"].as_str()?.to_owned();
            requirements.push(Requirement { key, operator, values: values.unwrap_or_default() });
        }
        Some(Self { requirements })
    }

    /// Whether it selects every object.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object's labels meet every requirement.
    pub fn matches(&self, object: &Value) -> bool {
        self.is_empty() || self.matches_labels(object.pointer("/metadata/labels").and_then(Value::as_object))
    }

    /// Whether these labels meet every requirement.
    pub fn matches_labels(&self, labels: Option<&Map<String, Value>>) -> bool {
        self.matches_by(|key| labels?.get(key)?.as_str())
    }

    /// Whether the labels that are looked up so meet every requirement.
    pub fn matches_by<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|one| one.matches(label(&one.key)))
    }
}

/// The selector in the syntax of requests, by key.
impl fmt::Display for LabelSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_key: Vec<_> = self.requirements.iter().collect();
        by_key.sort_by(|a, b| a.key.cmp(&b.key));
        for (index, requirement) in by_key.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let mut values: Vec<_> = self.values.iter().map(String::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        match self.operator {
            Operator::Equals => write!(formatter, "{key}={values}"),
            Operator::NotEquals => write!(formatter, "{key}!={values}"),
            Operator::In => write!(formatter, "{key} in ({values})"),
            Operator::NotIn => write!(formatter, "{key} notin ({values})"),
            Operator::Exists => write!(formatter, "{key}"),
            Operator::DoesNotExist => write!(formatter, "!{key}"),
            Operator::GreaterThan => write!(formatter, "{key}>{values}"),
            Operator::LessThan => write!(formatter, "{key}<{values}"),
        }
    }
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let listed = || value.is_some_and(|value| self.values.iter().any(|one| one == value));
        match self.operator {
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Equals | Operator::In => listed(),
            Operator::NotEquals | Operator::NotIn => !listed(),
            Operator::GreaterThan => self.compared(value).is_some_and(|(is, limit)| is > limit),
            Operator::LessThan => self.compared(value).is_some_and(|(is, limit)| is < limit),
        }
    }

    fn compared(&self, value: Option<&str>) -> Option<(i64, i64)> {
        Some((value?.parse().ok()?, self.values.first()?.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn selects(selector: &str, labels: Value) -> bool {
        LabelSelector::parse(selector).unwrap().matches(&json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn requirements() {
        let labels = || json!({"app": "web", "tier": "front", "size": "5", "empty": ""});
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            ("app=other", false),
            ("app!=other", true),
            ("none!=x", true),
            ("app", true),
            ("!app", false),
            ("!none", true),
            ("app in (web,db)", true),
            ("app in (db)", false),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("size>4", true),
            ("size>5", false),
            ("size<6,app=web", true),
            ("tier>1", false),
            ("empty=", true),
            ("empty=,app=web", true),
            ("empty in ()", true),
            ("empty in (a,)", true),
            ("app=web,tier=back", false),
            ("in in (in)", false),
            (" app = web , tier in ( front , x ) ", true),
        ] {
            assert_eq!(selects(selector, labels()), expected, "{selector}");
        }
        assert!(!LabelSelector::parse("a").unwrap().matches(&json!({"metadata": {}})));
    }

    #[test]
    fn errors_in_the_words_of_kube_apiserver() {
        let long = "a".repeat(64);
        for (selector, expected) in [
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("a in", "unable to parse requirement: found '' expected: '('"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a=!", "unable to parse requirement: found '!', expected: identifier"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            (
                "a>b",
                "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap_err().0, expected, "{selector}");
        }
        let text = LabelSelector::parse("A_/b=c").unwrap_err().0;
        assert!(
            text.starts_with(
                "unable to parse requirement: <nil>: Invalid value: \"A_/b\": prefix part a low"
            )
        );
        let text = LabelSelector::parse(&format!("a={long}")).unwrap_err().0;
        assert!(text.starts_with("unable to parse requirement: values[0][a]: Invalid value: "), "{text}");
        assert!(text.ends_with("must be no more than 63 bytes"), "{text}");
    }

    #[test]
    fn requirements_in_objects() {
        let labels = json!({"a": "1"});
        for (key, operator, values, matches) in [
            ("a", "In", &["1", "2"][..], true),
            ("a", "In", &["2"], false),
            ("b", "In", &["1"], false),
            ("a", "NotIn", &["1"], false),
            ("b", "NotIn", &["1"], true),
            ("a", "Exists", &[], true),
            ("b", "Exists", &[], false),
            ("a", "DoesNotExist", &[], false),
            ("b", "DoesNotExist", &[], true),
            ("a", "Gt", &["0"], false),
        ] {
            let requirement = json!({"key": key, "operator": operator, "values": values});
            let selector = LabelSelector::of_object(&json!({"matchExpressions": [requirement]}));
            let is = selector.is_some_and(|selector| selector.matches_labels(labels.as_object()));
            assert_eq!(is, matches, "{key} {operator} {values:?}");
        }
    }

    #[test]
    fn selectors_in_objects() {
        let selector =
            json!({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]});
        let selector = LabelSelector::of_object(&selector).unwrap();
        assert!(selector.matches(&json!({"metadata": {"labels": {"a": "b", "c": ""}}})));
        assert!(!selector.matches(&json!({"metadata": {"labels": {"a": "b"}}})));
        assert_eq!(selector.to_string(), "a=b,c");
        assert!(LabelSelector::of_object(&json!({})).unwrap().is_empty());
        assert_eq!(LabelSelector::of_object(&Value::Null), None);
    }
}
