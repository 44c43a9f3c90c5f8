//! The syntax of names, labels and keys. Each function gives what is wrong, in the words of kube-apiserver
//! (`k8s.io/apimachinery/pkg/util/validation` and `pkg/api/validate/content`); nothing when nothing is.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                          must start and end with an alphanumeric character";
const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' \
                              or '.', and must start and end with an alphanumeric character";
const DNS_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with \
                             an alphabetic character, and end with an alphanumeric character";
const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                         alphanumeric character";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
                                '_' or '.', and must start and end with an alphanumeric character";
const CONFIG_KEY_RULE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";

/// The longest label of DNS, label value and name part of a label key.
pub const LABEL_LENGTH: usize = 63;
/// The longest subdomain.
pub const SUBDOMAIN_LENGTH: usize = 253;

/// A label of DNS (RFC 1123), such as a namespace's name.
pub fn dns_label(value: &str) -> Vec<String> {
    let mut wrong = longer(value, LABEL_LENGTH, "characters");
    if !is_dns_label(value) {
        wrong.push(if is_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            expected(LABEL_RULE, LABEL, &["my-name", "123-abc"])
        });
    }
    wrong
}

/// A label of DNS as RFC 1035 has it, which begins with a letter: a Service's name.
pub fn dns_1035_label(value: &str) -> Vec<String> {
    let mut wrong = longer(value, LABEL_LENGTH, "characters");
    if !is_dns_label(value) || value.starts_with(|c: char| c.is_ascii_digit()) {
        wrong.push(expected(DNS_1035_RULE, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    wrong
}

/// A subdomain of DNS (RFC 1123): the name of most objects.
pub fn dns_subdomain(value: &str) -> Vec<String> {
    subdomain(value, "characters")
}

/// A name that can be one segment of a path: the name of RBAC's objects.
pub fn path_segment(value: &str) -> Vec<String> {
    if value == "." || value == ".." {
        return vec![format!("may not be '{value}'")];
    }
    let bad = ["/", "%"].into_iter().filter(|bad| value.contains(bad));
    bad.map(|bad| format!("may not contain '{bad}'")).collect()
}

/// A label's or annotation's key: a name with an optional subdomain before a slash.
pub fn label_key(value: &str) -> Vec<String> {
    let examples = ["MyName", "my.name", "123-abc"];
    let mut wrong = Vec::new();
    let parts: Vec<&str> = value.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(subdomain(prefix, "bytes").into_iter().map(|one| format!("prefix part {one}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                expected(NAME_RULE, NAME, &examples)
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    }
    wrong.extend(longer(name, LABEL_LENGTH, "bytes").into_iter().map(|one| format!("name part {one}")));
    if !is_name(name) {
        wrong.push(format!("name part {}", expected(NAME_RULE, NAME, &examples)));
    }
    wrong
}

/// A label's value.
pub fn label_value(value: &str) -> Vec<String> {
    let mut wrong = longer(value, LABEL_LENGTH, "bytes");
    if !value.is_empty() && !is_name(value) {
        wrong.push(expected(LABEL_VALUE_RULE, &format!("({NAME})?"), &["MyValue", "my_value", "12345"]));
    }
    wrong
}

/// A key of a ConfigMap or Secret.
pub fn config_key(value: &str) -> Vec<String> {
    let mut wrong = longer(value, SUBDOMAIN_LENGTH, "characters");
    if value.is_empty() || !value.bytes().all(is_name_byte) {
        wrong.push(expected(CONFIG_KEY_RULE, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    match value {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if value.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// A port's name (RFC 6335): at most 15 of a-z, 0-9 and '-', with a letter, no two hyphens side by side or at an end.
pub fn port_name(value: &str) -> Vec<String> {
    let mut wrong = longer(value, 15, "characters");
    if !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || value.is_empty() {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

fn subdomain(value: &str, unit: &str) -> Vec<String> {
    let mut wrong = longer(value, SUBDOMAIN_LENGTH, unit);
    if !is_subdomain(value) {
        wrong.push(expected(SUBDOMAIN_RULE, &format!("{LABEL}(\\.{LABEL})*"), &["example.com"]));
    }
    wrong
}

/// The rule, examples and the regular expression, as kube-apiserver joins them.
fn expected(rule: &str, expression: &str, examples: &[&str]) -> String {
    let shown: Vec<_> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{expression}')", shown.join(" or "))
}

fn longer(value: &str, most: usize, unit: &str) -> Vec<String> {
    if value.len() > most { vec![format!("must be no more than {most} {unit}")] } else { Vec::new() }
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_dns_label)
}

fn is_dns_label(value: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !value.is_empty() && value.bytes().all(inside) && !value.starts_with('-') && !value.ends_with('-')
}

fn is_name(value: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    value.bytes().all(is_name_byte) && value.starts_with(ends) && value.ends_with(ends)
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
}
