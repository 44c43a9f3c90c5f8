//! The part of JSONPath that printer columns use: `.spec.a`, `.a[0]`, `.a[*].b`, `.a['b']`, `.a\.b`,
//! `.a[?(@.type=="Ready")].status`.

use serde_json::Value;

/// A compiled path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// An element; negative counts from the end.
    Index(i64),
    All,
    Filter {
        path: JsonPath,
        test: Test,
    },
    /// The value and everything in it.
    Descend,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    Compare(Comparison, Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a path; `None` for what is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Descend);
                rest = after;
                if !rest.starts_with('[') {
                    rest = name(rest, &mut steps)?;
                }
            } else if let Some(after) = rest.strip_prefix('.') {
                rest =
                    if after.is_empty() || after.starts_with('[') { after } else { name(after, &mut steps)? };
            } else if let Some(after) = rest.strip_prefix('[') {
                let end = closing(after)?;
                steps.extend(bracket(after[..end].trim())?);
                rest = &after[end + 1..];
            } else if steps.is_empty() {
                rest = name(rest, &mut steps)?;
            } else {
                return None;
            }
        }
        Some(Self { steps })
    }

    /// The first value that the path leads to.
    pub(super) fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.all(value).into_iter().next()
    }

    fn all<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.follow(value)).collect();
        }
        found
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name.as_str()).into_iter().collect(),
            Self::Index(index) => {
                let length = value.as_array().map_or(0, Vec::len);
                let at =
                    if *index < 0 { length.checked_sub(usize_of(-index)) } else { Some(usize_of(*index)) };
                at.and_then(|at| value.get(at)).into_iter().collect()
            }
            Self::All => children(value),
            Self::Filter { path, test } => {
                children(value).into_iter().filter(|one| test.holds(path.first(one))).collect()
            }
            Self::Descend => {
                let mut found = vec![value];
                found.extend(children(value).into_iter().flat_map(|child| self.follow(child)));
                found
            }
        }
    }
}

fn usize_of(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Object(all) => all.values().collect(),
        _ => Vec::new(),
    }
}

impl Test {
    fn holds(&self, found: Option<&Value>) -> bool {
        let Some(found) = found else { return false };
        let Self::Compare(comparison, wanted) = self else { return true };
        let order = match (found, wanted) {
            (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        };
        match comparison {
            Comparison::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

/// A field's name up to the next dot or bracket; a backslash keeps what follows it.
fn name<'a>(text: &'a str, steps: &mut Vec<Step>) -> Option<&'a str> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            c => name.push(c),
        }
    }
    match name.as_str() {
        "" => return None,
        "*" => steps.push(Step::All),
        _ => steps.push(Step::Field(name)),
    }
    Some(&text[end..])
}

/// Where the bracket that is open closes; brackets in quotes and within do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Vec<Step>> {
    if inside == "*" {
        return Some(vec![Step::All]);
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return filter_step(filter.trim()).map(|step| vec![step]);
    }
    if let Some(name) = unquoted(inside) {
        // As in kubectl, a dot within the quotes divides as one outside does.
        return JsonPath::parse(&format!(".{name}")).map(|path| path.steps);
    }
    inside.parse().ok().map(|index| vec![Step::Index(index)])
}

fn filter_step(text: &str) -> Option<Step> {
    let operators = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = operators
        .into_iter()
        .filter_map(|(operator, comparison)| Some((text.find(operator)?, operator, comparison)))
        .min_by_key(|(at, operator, _)| (*at, std::cmp::Reverse(operator.len())));
    let path = |text: &str| JsonPath::parse(text.trim().strip_prefix('@')?);
    let Some((at, operator, comparison)) = found else {
        return Some(Step::Filter { path: path(text)?, test: Test::Exists });
    };
    let wanted = text[at + operator.len()..].trim();
    let wanted = match unquoted(wanted) {
        Some(text) => Value::from(text),
        None => serde_json::from_str(wanted).ok()?,
    };
    Some(Step::Filter { path: path(&text[..at])?, test: Test::Compare(comparison, wanted) })
}

fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths() {
        let object = json!({"spec": {"a": 1, "b.c": 2, "l": [{"n": "x"}, {"n": "y"}]}, "status": {"conditions": [
            {"type": "A", "status": "False", "n": 3}, {"type": "Ready", "status": "True", "n": 5}]}});
        for (path, expected) in [
            (".spec.a", json!(1)),
            ("$.spec.a", json!(1)),
            ("spec.a", json!(1)),
            (r".spec.b\.c", json!(2)),
            (r".spec['b\.c']", json!(2)),
            (".spec['a']", json!(1)),
            (".spec.l[1].n", json!("y")),
            (".spec.l[-1].n", json!("y")),
            (".spec.l[*].n", json!("x")),
            ("..n", json!("x")),
            (r#".status.conditions[?(@.type=="Ready")].status"#, json!("True")),
            (".status.conditions[?(@.type == 'Ready')].status", json!("True")),
            (".status.conditions[?(@.n>=4)].type", json!("Ready")),
            (".status.conditions[?(@.status)].type", json!("A")),
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().first(&object), Some(&expected), "{path}");
        }
        for path in [
            ".spec.none",
            ".spec['b.c']",
            ".spec.l[9]",
            ".spec.a.b",
            ".status.conditions[?(@.type==\"X\")].status",
        ] {
            assert_eq!(JsonPath::parse(path).unwrap().first(&object), None, "{path}");
        }
        for path in [".a[", ".a[x]", "..", ".a[?(@.b==x)]"] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
    }
}
