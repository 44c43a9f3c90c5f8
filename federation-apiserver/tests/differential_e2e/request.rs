//! How requests are written.
//!
//! A request is a paragraph: its method and path, then headers and directives, then a body.
//!
//! ```text
//! MERGE /api/v1/namespaces/a/configmaps/b?dryRun=All
//! User-Agent: someone
//! @keep version /metadata/resourceVersion
//! {"data":{"k":"v"}}
//! ```
//!
//! `JSONPATCH`, `MERGE`, `STRATEGIC` and `APPLY` are `PATCH` with the media type. `$version` stands for what was kept of
//! an earlier answer of the same server. Lines that begin with `#` are comments.
//!
//! | Directive | |
//! | --- | --- |
//! | `@keep NAME POINTER` | keeps a text of the answer |
//! | `@lines N` | reads so many lines of the answer, and no more |
//! | `@until CODE` | is sent again until the answer has this code |
//! | `@has TEXT` | is sent again until the answer has this text |
//! | `@tag TEXT` | is a part of the label, by which `meant.rs` knows the request |
//! | `@pad N` | `$PAD` in the body stands for so many letters |

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Where it is in its file.
    pub(crate) line: usize,
    /// Its first line.
    pub(crate) title: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) keep: Vec<(String, String)>,
    pub(crate) lines: Option<usize>,
    pub(crate) until: Option<u16>,
    pub(crate) has: Option<String>,
    pub(crate) body: String,
}

/// Reads a file of requests.
pub(crate) fn parse(text: &str) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut paragraph: Vec<(usize, &str)> = Vec::new();
    for (number, line) in text.lines().chain([""]).enumerate() {
        if !line.is_empty() {
            paragraph.push((number + 1, line));
            continue;
        }
        paragraph.retain(|(_, line)| !line.starts_with('#'));
        if let Some((number, _)) = paragraph.first() {
            let lines: Vec<&str> = paragraph.iter().map(|(_, line)| *line).collect();
            requests.push(one(*number, &lines));
        }
        paragraph.clear();
    }
    requests
}

fn one(line: usize, lines: &[&str]) -> Request {
    let (method, path) = lines[0].split_once(' ').unwrap_or_else(|| panic!("{line}: no method and path"));
    let patch = match method {
        "JSONPATCH" => Some("application/json-patch+json"),
        "MERGE" => Some("application/merge-patch+json"),
        "STRATEGIC" => Some("application/strategic-merge-patch+json"),
        "APPLY" => Some("application/apply-patch+yaml"),
        _ => None,
    };
    let mut request = Request {
        line,
        title: lines[0].to_owned(),
        method: if patch.is_some() { "PATCH" } else { method }.to_owned(),
        path: path.to_owned(),
        ..Request::default()
    };
    let mut pad = 0;
    let mut rest = &lines[1..];
    while let Some((first, others)) = rest.split_first() {
        if let Some(directive) = first.strip_prefix('@') {
            let (name, value) = directive.split_once(' ').unwrap_or((directive, ""));
            match name {
                "keep" => {
                    let (name, pointer) = value.split_once(' ').unwrap();
                    request.keep.push((name.to_owned(), pointer.to_owned()));
                }
                "lines" => request.lines = Some(value.parse().unwrap()),
                "until" => request.until = Some(value.parse().unwrap()),
                "tag" => {
                    request.title.push_str(" #");
                    request.title.push_str(value);
                }
                "has" => request.has = Some(value.to_owned()),
                "pad" => pad = value.parse().unwrap(),
                other => panic!("{line}: no directive {other}"),
            }
        } else if let Some((name, value)) = header(first) {
            request.headers.push((name.to_owned(), value.to_owned()));
        } else {
            break;
        }
        rest = others;
    }
    request.body = rest.join("\n").replace("$PAD", &"x".repeat(pad));
    let mut default = |name: &str, value: &str| {
        if !request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
    };
    default("User-Agent", "table/1");
    if let Some(media_type) = patch {
        default("Content-Type", media_type);
    } else if !rest.is_empty() {
        default("Content-Type", "application/json");
    }
    request
}

fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(": ")?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then_some((name, value))
}
