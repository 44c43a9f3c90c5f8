//! Where in an object a check is, kept on the stack: a path becomes text only when there is something to say about it.

use std::fmt::Write as _;

/// A path of an object's fields, the last step first.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The top.
    Root,
    /// A property.
    Field(&'a Path<'a>, &'a str),
    /// An entry of a map.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The form that OpenAPI's errors have: a map's keys look like fields, and the top is nothing.
    pub(crate) fn dotted(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, |text, key| {
            text.push('.');
            text.push_str(key);
        });
        text
    }

    /// The form of Kubernetes' field paths: a map's keys are in brackets, and the top is `<nil>`.
    pub(crate) fn field(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, |text, key| {
            text.push('[');
            text.push_str(key);
            text.push(']');
        });
        if text.is_empty() { NIL.to_owned() } else { text }
    }

    fn write(&self, text: &mut String, key: impl Fn(&mut String, &str) + Copy) {
        match self {
            Path::Root => {}
            Path::Field(parent, name) => {
                parent.write(text, key);
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Path::Key(parent, name) => {
                parent.write(text, key);
                key(text, name);
            }
            Path::Index(parent, index) => {
                parent.write(text, key);
                // Writing to a String does not fail.
                let _ = write!(text, "[{index}]");
            }
        }
    }
}

/// How an API server prints the path that is no path.
pub(crate) const NIL: &str = "<nil>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_forms_differ_in_keys_and_in_the_top() {
        let (root, spec);
        root = Path::Root;
        spec = Path::Field(&root, "spec");
        let map = Path::Field(&spec, "map");
        let key = Path::Key(&map, "k");
        let element = Path::Index(&key, 3);
        let leaf = Path::Field(&element, "leaf");
        assert_eq!(leaf.dotted(), "spec.map.k[3].leaf");
        assert_eq!(leaf.field(), "spec.map[k][3].leaf");
        assert_eq!(Path::Root.dotted(), "");
        assert_eq!(Path::Root.field(), "<nil>");
    }
}
