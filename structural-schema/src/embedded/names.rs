//! The forms of names that metadata is checked for, with Kubernetes' descriptions.

use std::sync::LazyLock;

use regex::Regex;

#[expect(clippy::unwrap_used, reason = "constants that the tests compile")]
fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})$")).unwrap()
}

const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const LABEL_1123: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

static LABEL_1035_WHOLE: LazyLock<Regex> = LazyLock::new(|| whole(LABEL_1035));
static LABEL_1123_WHOLE: LazyLock<Regex> = LazyLock::new(|| whole(LABEL_1123));
static SUBDOMAIN_WHOLE: LazyLock<Regex> = LazyLock::new(|| whole(SUBDOMAIN));
static QUALIFIED_WHOLE: LazyLock<Regex> = LazyLock::new(|| whole(QUALIFIED));
static LABEL_VALUE_WHOLE: LazyLock<Regex> = LazyLock::new(|| whole(LABEL_VALUE));

fn described(what: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{what} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}

fn too_long(text: &str, most: usize, problems: &mut Vec<String>) {
    if text.len() > most {
        problems.push(format!("must be no more than {most} bytes"));
    }
}

/// A label of RFC 1035.
pub(super) fn label_1035(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    too_long(text, 63, &mut problems);
    if !LABEL_1035_WHOLE.is_match(text) {
        let what = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                    alphabetic character, and end with an alphanumeric character";
        problems.push(described(what, LABEL_1035, &["my-name", "abc-123"]));
    }
    problems
}

/// A label of RFC 1123: a namespace.
pub(super) fn label_1123(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    too_long(text, 63, &mut problems);
    if !LABEL_1123_WHOLE.is_match(text) {
        if SUBDOMAIN_WHOLE.is_match(text) {
            problems.push("must not contain dots".to_owned());
        } else {
            let what = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                        must start and end with an alphanumeric character";
            problems.push(described(what, LABEL_1123, &["my-name", "123-abc"]));
        }
    }
    problems
}

/// A label's key, or a finalizer.
pub(super) fn qualified_name(text: &str) -> Vec<String> {
    const WHAT: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                        alphanumeric character";
    let mut problems = Vec::new();
    let description = || described(WHAT, QUALIFIED, &["MyName", "my.name", "123-abc"]);
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_owned());
            } else if !SUBDOMAIN_WHOLE.is_match(prefix) {
                let what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                            '.', and must start and end with an alphanumeric character";
                problems.push(format!("prefix part {}", described(what, SUBDOMAIN, &["example.com"])));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                description()
            )];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 bytes".to_owned());
    }
    if !QUALIFIED_WHOLE.is_match(name) {
        problems.push(format!("name part {}", description()));
    }
    problems
}

/// A label's value.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    too_long(text, 63, &mut problems);
    if !LABEL_VALUE_WHOLE.is_match(text) {
        let what = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                    must start and end with an alphanumeric character";
        problems.push(described(what, LABEL_VALUE, &["MyValue", "my_value", "12345"]));
    }
    problems
}

/// A name that can be a segment of a path; `prefix` if something will be added to it.
pub(super) fn path_segment(text: &str, prefix: bool) -> Vec<String> {
    if !prefix && matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"]
        .iter()
        .filter(|bad| text.contains(**bad))
        .map(|bad| format!("may not contain '{bad}'"))
        .collect()
}
