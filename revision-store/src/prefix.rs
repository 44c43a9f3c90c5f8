//! Ranges of keys by what they start with.

/// The least text that is greater than every text with this prefix; `None` if there is none (an empty prefix).
///
/// UTF-8 keeps the order of characters, so byte order and this agree.
pub(crate) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // Surrogates are no characters: the one after U+D7FF is U+E000.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::end_of_prefix;

    #[test]
    fn the_end_is_the_next_text_of_the_same_length_or_shorter() {
        assert_eq!(end_of_prefix("/a/").as_deref(), Some("/a0"));
        assert_eq!(end_of_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(end_of_prefix(""), None);
    }

    proptest! {
        #[test]
        fn a_text_is_in_the_range_if_and_only_if_it_has_the_prefix(prefix in "[a-c\u{d7ff}\u{e000}\u{10ffff}]{0,3}", text in "[a-c\u{d7ff}\u{e000}\u{10ffff}]{0,5}") {
            let inside = text >= prefix && end_of_prefix(&prefix).is_none_or(|end| text < end);
            prop_assert_eq!(inside, text.starts_with(&prefix));
        }
    }
}
