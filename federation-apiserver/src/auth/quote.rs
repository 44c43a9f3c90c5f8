//! Quoted text as Go's `%q` writes it, since messages of kube-apiserver are full of it.

pub(crate) use structural_schema::go_text::quote as quoted;

/// A list of quoted texts: `["a" "b"]`, `[]`.
pub(crate) fn quoted_list<T: AsRef<str>>(texts: &[T]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, expected) in [
            ("a b", r#""a b""#),
            ("a\"\\", r#""a\"\\""#),
            ("\n\t\0\x7f", r#""\n\t\x00\x7f""#),
            ("ä\u{a0}\u{200b}😀", r#""ä\u00a0\u200b😀""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
        assert_eq!(quoted_list::<&str>(&[]), "[]");
        assert_eq!(quoted_list(&["", "x"]), r#"["" "x"]"#);
    }
}
