//! One pattern: its text, what it means, and why a text is none.

use globset::{ErrorKind, Glob, GlobBuilder};

/// The most characters that a pattern may have behind its `!`: those of the longest annotation key, which is a prefix
/// of 253, a `/`, and a name of 63.
///
/// Source: the [syntax of annotation
/// keys](https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set).
pub const MAX_PATTERN_LENGTH: usize = 253 + 1 + 63;

/// How much of a refused pattern a message shows; texts over the allowed length are what makes this necessary.
const SHOWN_CHARACTERS: usize = 80;

/// Why a list of patterns is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// One pattern of the list cannot be meant.
    #[error("pattern at index {index}, {}: {problem}", shown(text))]
    Pattern {
        /// Its place in the list, from 0.
        index: usize,
        /// Its text, as given.
        text: String,
        /// What is wrong with it, and what to write.
        problem: PatternProblem,
    },
    /// Each pattern is good, and together they are too much to compile.
    #[error(
        "the {count} patterns are too large together; write fewer or shorter ones, with `*` for what they share"
    )]
    TooLarge {
        /// How many patterns there are.
        count: usize,
    },
}

impl PatternError {
    /// The place in the list, from 0, of the pattern at fault; none when it is the list as a whole.
    pub fn index(&self) -> Option<usize> {
        match self {
            Self::Pattern { index, .. } => Some(*index),
            Self::TooLarge { .. } => None,
        }
    }
}

/// What is wrong with one pattern, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternProblem {
    /// There is no text.
    #[error(
        "it is empty; write an annotation key or a glob such as `example.com/*`, or leave the pattern out"
    )]
    Empty,
    /// There is only `!`.
    #[error(
        "it has nothing behind `!`; write which keys to take away, such as `!example.com/*`, or `!*` for all"
    )]
    NothingTakenAway,
    /// It is longer than any key.
    #[error(
        "it has {length} characters, and a pattern has at most {MAX_PATTERN_LENGTH}; \
         shorten it with `*`, or write several patterns"
    )]
    TooLong {
        /// Its characters, without the `!` in front.
        length: usize,
    },
    /// A character can be neither in a key nor in a glob at this place.
    #[error("{character:?}, character {position}, has no meaning there; {}", instead_of(*character))]
    Character {
        /// The character.
        character: char,
        /// Its place in the text, from 1, with the `!` in front counted.
        position: usize,
    },
    /// Two stars in a row.
    #[error(
        "`**` is not supported; write `*`, which crosses `/`, or `{{*/,}}name` for a name with or without a prefix"
    )]
    DoubleStar,
    /// A set of characters has no end.
    #[error("`[` is not closed; write `]` behind the characters of the set")]
    UnclosedSet,
    /// A set has no characters.
    #[error(
        "a set of characters is empty; write which characters it holds, such as `[a-z]`, or leave it out"
    )]
    EmptySet,
    /// A range in a set runs backwards.
    #[error(
        "{from:?} comes after {to:?} in a range; write the lower character first, and a `-` that stands for itself last"
    )]
    Range {
        /// The character before the `-`.
        from: char,
        /// The character behind it.
        to: char,
    },
    /// A `}` has no `{`.
    #[error("`}}` closes nothing; write `{{` before the first choice, or leave it out")]
    UnopenedChoices,
    /// A `{` has no `}`.
    #[error("`{{` is not closed; write `}}` behind the last choice")]
    UnclosedChoices,
    /// The glob compiler refuses what the checks above let pass.
    #[error("it is no glob: {reason}; write a simpler one")]
    Glob {
        /// What the compiler says.
        reason: String,
    },
}

/// A pattern that can be meant.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The keys it speaks of.
    pub(crate) glob: Glob,
    /// What it says of them: spec, or (with `!` in front) not.
    pub(crate) adds: bool,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternProblem> {
        let (adds, glob) = match text.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        if glob.is_empty() {
            return Err(if adds { PatternProblem::Empty } else { PatternProblem::NothingTakenAway });
        }
        let length = glob.chars().count();
        if length > MAX_PATTERN_LENGTH {
            return Err(PatternProblem::TooLong { length });
        }
        check(glob, if adds { 1 } else { 2 })?;
        let glob = GlobBuilder::new(glob)
            .case_insensitive(false)
            .literal_separator(false)
            .backslash_escape(false)
            .empty_alternates(true)
            .allow_unclosed_class(false)
            .build()
            .map_err(|error| match *error.kind() {
                ErrorKind::InvalidRange(from, to) => PatternProblem::Range { from, to },
                ref other => PatternProblem::Glob { reason: other.to_string() },
            })?;
        Ok(Self { glob, adds })
    }
}

/// Where in a glob a character stands.
enum Place {
    /// Outside sets; braces may be open.
    Text,
    /// In a set, right after `[`.
    SetStart,
    /// In a set, right after `[!`.
    NegatedSetStart,
    /// In a set that has characters.
    Set,
}

/// Refuses what the glob compiler would read as text that no key has, or read in a way of its own. `first` is the
/// position of the glob's first character in the pattern.
fn check(glob: &str, first: usize) -> Result<(), PatternProblem> {
    let mut place = Place::Text;
    let mut open_braces = 0_usize;
    let mut previous = None;
    for (position, character) in (first..).zip(glob.chars()) {
        place = match (place, character) {
            (Place::Text, '*') if previous == Some('*') => return Err(PatternProblem::DoubleStar),
            (Place::Text, '*' | '?') | (Place::Set, ']') => Place::Text,
            (Place::Text, '[') => Place::SetStart,
            (Place::Text, '{') => {
                open_braces += 1;
                Place::Text
            }
            (Place::Text, '}') => {
                open_braces = open_braces.checked_sub(1).ok_or(PatternProblem::UnopenedChoices)?;
                Place::Text
            }
            (Place::Text, ',') if open_braces > 0 => Place::Text,
            (Place::SetStart, '!') => Place::NegatedSetStart,
            (Place::SetStart | Place::NegatedSetStart, ']') => return Err(PatternProblem::EmptySet),
            (Place::Text, c) if may_be_in_a_key(c) => Place::Text,
            (Place::SetStart | Place::NegatedSetStart | Place::Set, c) if may_be_in_a_key(c) => Place::Set,
            _ => return Err(PatternProblem::Character { character, position }),
        };
        previous = Some(character);
    }
    match place {
        Place::Text if open_braces > 0 => Err(PatternProblem::UnclosedChoices),
        Place::Text => Ok(()),
        Place::SetStart | Place::NegatedSetStart | Place::Set => Err(PatternProblem::UnclosedSet),
    }
}

/// The characters of annotation keys, prefix and name together. Unlike those of labels, prefixes may have capitals.
fn may_be_in_a_key(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '/')
}

/// What to write in place of a character without a meaning.
fn instead_of(character: char) -> &'static str {
    match character {
        '!' => "write `!` first in the pattern to take keys away, or right after `[` for all but the set",
        ',' => "write it between braces, as in `{a,b}`, or write two patterns",
        '^' => "write `[!a]` for all characters but `a`",
        '\\' => "there are no escapes, since no key holds a glob character: leave it out",
        _ if character.is_whitespace() => "leave it out",
        _ => {
            "write letters, digits, `-`, `_`, `.` and `/`, and outside of sets also `*`, `?`, `[a-z]` and `{a,b}`"
        }
    }
}

/// A pattern's text for a message: quoted, and not at any length.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
