//! Which keys a request is about: etcd's `key` and `range_end`, and where the store has them.

use bytes::Bytes;
use tonic::Status;

use crate::{keys, status};

/// Keys that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Span {
    /// One key, by its name in the store.
    One(String),
    /// All keys between two bounds.
    Many(Many),
}

/// All keys with `start <= key`, and `key < end` if there is an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Many {
    start: Bytes,
    end: Option<Bytes>,
    /// All keys of the span begin with it.
    pub(crate) prefix: String,
    /// All other keys of the span come after it.
    pub(crate) after: Option<String>,
    /// A key of the span that is not after [`Many::after`], if it exists.
    pub(crate) first: Option<String>,
    /// Whether every key with the prefix that is `first` or after `after` is in the span.
    pub(crate) exact: bool,
}

impl Span {
    /// Reads what a request says. No end: the key alone; an end of one zero byte: every key from the first on.
    pub(crate) fn read(key: &Bytes, range_end: &Bytes) -> Result<Self, Status> {
        if key.is_empty() {
            return Err(status::empty_key());
        }
        if range_end.is_empty() {
            return keys::stored(key).map(Self::One);
        }
        let end = (range_end[..] != [0]).then(|| range_end.clone());
        Many::between(key, end).map(Self::Many)
    }

    /// What all its keys in the store begin with.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::One(key) => key,
            Self::Many(many) => &many.prefix,
        }
    }

    /// Whether a key of the store belongs to it.
    pub(crate) fn contains(&self, stored: &str) -> bool {
        match self {
            Self::One(key) => key == stored,
            Self::Many(many) => many.contains(stored),
        }
    }
}

impl Many {
    fn between(start: &Bytes, end: Option<Bytes>) -> Result<Self, Status> {
        let text = keys::text(start)?;
        let (prefix, exact) = match &end {
            None => ("", true),
            Some(end) => match prefix_that_ends_at(end, text) {
                Some(prefix) => (prefix, true),
                None => (common_prefix(text, end), false),
            },
        };
        let (after, first) = match text.strip_suffix('\0') {
            _ if text == prefix => (None, None),
            // The next key after a name is the name with a zero: so a client asks for the next page.
            Some(before) if before >= prefix => (Some(before.to_owned()), None),
            _ => (Some(text.to_owned()), Some(text.to_owned())),
        };
        Ok(Self { start: start.clone(), prefix: prefix.to_owned(), end, after, first, exact })
    }

    /// Whether it can have any keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    pub(crate) fn contains(&self, stored: &str) -> bool {
        let key = keys::shown(stored).as_bytes();
        *key >= self.start[..] && !self.is_behind(stored)
    }

    /// Whether a key of the store, and with it all that follow, are behind the end.
    pub(crate) fn is_behind(&self, stored: &str) -> bool {
        self.end.as_ref().is_some_and(|end| *keys::shown(stored).as_bytes() >= end[..])
    }
}

/// The prefix of this text whose last byte, raised by one, makes this end: so etcd's clients write a prefix.
fn prefix_that_ends_at<'a>(end: &[u8], text: &'a str) -> Option<&'a str> {
    let prefix = text.get(..end.len())?;
    let (last, before) = prefix.as_bytes().split_last()?;
    let (end_last, end_before) = end.split_last()?;
    (before == end_before && last.checked_add(1) == Some(*end_last)).then_some(prefix)
}

/// What a text and an end both begin with, in whole characters.
fn common_prefix<'a>(text: &'a str, end: &[u8]) -> &'a str {
    let same = text.bytes().zip(end).take_while(|(left, right)| left == *right).count();
    &text[..text.floor_char_boundary(same)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn many(key: &str, end: &[u8]) -> Many {
        match Span::read(&Bytes::copy_from_slice(key.as_bytes()), &Bytes::copy_from_slice(end)).unwrap() {
            Span::Many(many) => many,
            Span::One(key) => panic!("{key} alone"),
        }
    }

    #[test]
    fn a_prefix_and_its_next_page_are_known_as_such() {
        let all = many("/pods/", b"/pods0");
        assert_eq!((all.prefix.as_str(), &all.after, &all.first, all.exact), ("/pods/", &None, &None, true));
        let next = many("/pods/a\0", b"/pods0");
        assert_eq!(
            (next.prefix.as_str(), next.after.as_deref(), &next.first),
            ("/pods/", Some("/pods/a"), &None)
        );
        let from = many("/pods/a", b"/pods0");
        assert_eq!(
            (from.after.as_deref(), from.first.as_deref(), from.exact),
            (Some("/pods/a"), Some("/pods/a"), true)
        );
    }

    #[test]
    fn every_key_and_a_range_that_is_no_prefix() {
        let all = many("\0", b"\0");
        assert_eq!((all.prefix.as_str(), all.after.as_deref(), all.exact), ("", Some(""), true));
        let some = many("/a/b", b"/a/k");
        assert_eq!((some.prefix.as_str(), some.exact), ("/a/", false));
        assert!(many("b", b"a").is_empty() && many("b", b"b").is_empty());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let bad = Bytes::from_static(b"\xff");
        assert!(
            Span::read(&bad, &Bytes::new()).is_err() && Span::read(&bad, &Bytes::from_static(b"\0")).is_err()
        );
        assert!(Span::read(&Bytes::new(), &Bytes::new()).is_err());
    }

    /// Keys of few letters, so that bounds meet; é and è differ in their last byte only.
    const KEYS: &str = "[\u{0}/abéè\u{10ffff}]{1,4}";

    proptest! {
        /// What the store is asked for, filtered by the span, is what etcd would answer with.
        #[test]
        fn what_the_store_is_asked_for_has_every_key_of_the_span(
            start in KEYS,
            end in prop_oneof![KEYS.prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 1..4)],
            key in KEYS,
        ) {
            let many = many(&start, &end);
            let meant = key.as_bytes() >= start.as_bytes() && (end == [0] || key.as_bytes() < end.as_slice());
            prop_assert_eq!(many.contains(&key), meant);
            let is_first = many.first.as_ref() == Some(&key);
            let listed = key.starts_with(&many.prefix) && many.after.as_ref().is_none_or(|after| key > *after);
            prop_assert!(!meant || is_first || listed, "{:?} is not asked for", key);
            if many.exact && !many.is_empty() {
                prop_assert_eq!(is_first || listed, meant);
            }
        }
    }
}
