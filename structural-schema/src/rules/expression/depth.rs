//! How deep an expression may be nested.
//!
//! The parser and the interpreter go down one level of the stack for each level of the expression, and a process whose
//! stack ends is gone. So the depth is found out before anything is parsed, from the text, and what is deep gets a stack
//! of its own.

use std::iter::Peekable;
use std::str::CharIndices;
use std::thread;

/// Longest expression, in characters: the limit of CEL's reference implementation.
const LONGEST: usize = 100_000;
/// Deepest expression: the reference implementation's limit on what its parser goes down. Here long chains count as well,
/// such as `1 + 1 + 1`; those of `&&` and `||` do not, which are balanced.
const DEEPEST: usize = 250;

/// Stack that is there without asking, in bytes.
const AT_HAND: usize = 1024 * 1024;

/// What goes down.
#[derive(Clone, Copy)]
pub(super) enum Descent {
    /// The parser, which has a rule of its grammar for each precedence of operators.
    Parser,
    /// The interpreter, or a look at the tree.
    Interpreter,
}

impl Descent {
    /// Stack that a level may need, in bytes. Code that is not optimised needs several times as much.
    const fn level(self) -> usize {
        match (self, cfg!(debug_assertions)) {
            (Self::Parser, true) => 256 * 1024,
            (Self::Parser, false) => 64 * 1024,
            (Self::Interpreter, true) => 96 * 1024,
            (Self::Interpreter, false) => 16 * 1024,
        }
    }
}

/// The depth of an expression, or one that is somewhat greater.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth(usize);

impl Depth {
    /// Finds out how deep the expression of a text is, if it is one.
    ///
    /// # Errors
    /// It is too long or too deep, or its texts do not end, in the words of CEL's reference implementation.
    pub(super) fn of(source: &str) -> Result<Self, String> {
        let size = source.chars().count();
        if size > LONGEST {
            let detail = format!("expression code point size exceeds limit: size: {size}, limit {LONGEST}");
            return Err(format!("ERROR: <input>:-1:0: {detail}"));
        }
        let depth = levels(source)?;
        if depth > DEEPEST {
            return Err(format!("ERROR: <input>:-1:0: expression recursion limit exceeded: {DEEPEST}"));
        }
        Ok(Self(depth))
    }

    /// Does something that goes down as deep as this, on a stack that is large enough. `None` if it panicked, or if the
    /// system has no stack to give.
    pub(super) fn run<T: Send>(self, descent: Descent, work: impl FnOnce() -> T + Send) -> Option<T> {
        let needed = self.0 * descent.level();
        if needed <= AT_HAND {
            return std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok();
        }
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("cel".to_owned()).stack_size(AT_HAND + needed);
            builder.spawn_scoped(scope, work).ok()?.join().ok()
        })
    }
}

/// What is between two brackets, or between none.
#[derive(Default)]
struct Group {
    /// The deepest part that is behind us: what commas, `?` and `:`, `&&` and `||` divide.
    parts: usize,
    /// Operators and selections of the present part: each may be above the one before.
    chain: usize,
    /// The deepest group in the present part.
    below: usize,
    conditions: usize,
    logical: usize,
}

impl Group {
    fn divide(&mut self) {
        self.parts = self.parts.max(self.chain + self.below);
        (self.chain, self.below) = (0, 0);
    }

    fn depth(mut self) -> usize {
        self.divide();
        let balanced = usize::BITS - self.logical.leading_zeros();
        self.parts + self.conditions + balanced as usize + 1
    }
}

fn levels(source: &str) -> Result<usize, String> {
    let mut groups = vec![Group::default()];
    let close = |groups: &mut Vec<Group>| {
        if groups.len() > 1
            && let (Some(closed), Some(around)) = (groups.pop(), groups.last_mut())
        {
            around.below = around.below.max(closed.depth());
        }
    };
    let mut chars = source.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let rest = &source[at..];
        match char {
            '(' | '[' | '{' => {
                if let Some(group) = groups.last_mut() {
                    // A call or an index is above what it is of.
                    group.chain += 1;
                }
                groups.push(Group::default());
            }
            ')' | ']' | '}' => close(&mut groups),
            '/' if rest.starts_with("//") => skip_while(&mut chars, |char| char != '\n'),
            '"' | '\'' => skip_text(&mut chars, rest, false).ok_or_else(|| unreadable(rest))?,
            '0'..='9' => skip_number(&mut chars, rest),
            'a'..='z' | 'A'..='Z' | '_' => {
                skip_while(&mut chars, |char| char.is_ascii_alphanumeric() || char == '_');
                let end = chars.peek().map_or(source.len(), |(end, _)| *end);
                let (word, after) = (&source[at..end], &source[end..]);
                let is_raw = match word {
                    "b" | "B" => Some(false),
                    "r" | "R" | "br" | "bR" | "Br" | "BR" => Some(true),
                    _ => None,
                };
                if let (Some(raw), true) = (is_raw, after.starts_with(['"', '\''])) {
                    chars.next();
                    skip_text(&mut chars, after, raw).ok_or_else(|| unreadable(rest))?;
                } else if let ("in", Some(group)) = (word, groups.last_mut()) {
                    group.chain += 1;
                }
            }
            _ => {
                let Some(group) = groups.last_mut() else { continue };
                match char {
                    ',' | ':' => group.divide(),
                    '?' => {
                        group.divide();
                        group.conditions += 1;
                    }
                    '&' | '|' => {
                        group.divide();
                        group.logical += 1;
                    }
                    '=' | '!' | '<' | '>' if rest[1..].starts_with('=') => {}
                    '+' | '-' | '*' | '/' | '%' | '=' | '!' | '<' | '>' | '.' => group.chain += 1,
                    _ => {}
                }
            }
        }
    }
    while groups.len() > 1 {
        close(&mut groups);
    }
    Ok(groups.pop().map_or(1, Group::depth))
}

fn unreadable(rest: &str) -> String {
    let start: String = rest.chars().take(20).collect();
    format!("ERROR: <input>:1:1: Syntax error: token recognition error at: '{start}'")
}

fn skip_while(chars: &mut Peekable<CharIndices<'_>>, wanted: impl Fn(char) -> bool) {
    while chars.next_if(|(_, char)| wanted(*char)).is_some() {}
}

/// Skips so many bytes, of which the first character is skipped already.
fn skip_bytes(chars: &mut Peekable<CharIndices<'_>>, text: &str, bytes: usize) {
    let skipped = text.get(..bytes).map_or(0, |text| text.chars().count());
    for _ in 1..skipped {
        chars.next();
    }
}

/// A number may end in letters, which are then not the start of a word.
fn skip_number(chars: &mut Peekable<CharIndices<'_>>, rest: &str) {
    let digits = |from: usize, of: fn(&u8) -> bool| rest.bytes().skip(from).take_while(of).count();
    let hex = if rest.starts_with("0x") { digits(2, u8::is_ascii_hexdigit) } else { 0 };
    let end = if hex > 0 {
        2 + hex
    } else {
        let mut end = digits(0, u8::is_ascii_digit);
        let fraction = if rest[end..].starts_with('.') { digits(end + 1, u8::is_ascii_digit) } else { 0 };
        end += if fraction > 0 { 1 + fraction } else { 0 };
        let sign = usize::from(rest[end..].len() > 1 && matches!(rest.as_bytes()[end + 1], b'+' | b'-'));
        let exponent =
            if rest[end..].starts_with(['e', 'E']) { digits(end + 1 + sign, u8::is_ascii_digit) } else { 0 };
        end + if exponent > 0 { 1 + sign + exponent } else { 0 }
    };
    let unsigned = usize::from(rest[end..].starts_with(['u', 'U']));
    skip_bytes(chars, rest, end + unsigned);
}

/// Skips a text from its first quote, which is skipped already, to its last. `None` if it does not end.
fn skip_text(chars: &mut Peekable<CharIndices<'_>>, text: &str, raw: bool) -> Option<()> {
    let quote = text.get(..1)?;
    let long = quote.repeat(3);
    let end = match text.strip_prefix(long.as_str()).and_then(|body| end_of(body, &long, raw)) {
        Some(end) => end + 3,
        None => end_of(&text[1..], quote, raw)? + 1,
    };
    skip_bytes(chars, text, end);
    Some(())
}

/// Where a text ends that these quotes close: behind them.
fn end_of(body: &str, quotes: &str, raw: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &body[at..];
        if rest.starts_with(quotes) {
            return Some(at + quotes.len());
        }
        at += match rest.chars().next()? {
            '\\' if !raw => escape(rest)?,
            '\n' | '\r' if quotes.len() == 1 => return None,
            char => char.len_utf8(),
        };
    }
}

/// Bytes of an escape sequence.
fn escape(rest: &str) -> Option<usize> {
    let digits = |from: usize, count: usize, of: fn(&u8) -> bool| {
        let digits = rest.as_bytes().get(from..from + count)?;
        digits.iter().all(of).then_some(from + count)
    };
    match rest.as_bytes().get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'`' | b'\\' | b'?' => Some(2),
        b'x' | b'X' => digits(2, 2, u8::is_ascii_hexdigit),
        b'u' => digits(2, 4, u8::is_ascii_hexdigit),
        b'U' => digits(2, 8, u8::is_ascii_hexdigit),
        b'0'..=b'3' => digits(1, 3, |byte| matches!(byte, b'0'..=b'7')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, wanted: usize) {
        assert_eq!(levels(source), Ok(wanted), "{source}");
    }

    #[test]
    fn what_nests_and_what_follows_counts() {
        check("a", 1);
        check("a + b + c", 3);
        check("a && b && c && d", 4);
        check("a.b(c)[0]", 5);
        check("((a))", 5);
        check("[1, 2, 3, 4]", 3);
        check("a ? b : c ? d : e", 3);
        check("a in b", 2);
        check("index - 1", 2);
    }

    #[test]
    fn texts_do_not() {
        for text in [
            r"'((((('",
            r#""(((((""#,
            r"r'((((\'",
            r"b'(((\'(('",
            r"'''((('(('''",
            r#""""((("((""""#,
            r"bR'((((('",
            "1 // ((((((",
            "0x1bu",
            r"'\x28\u0028\U00000028\050\n('",
        ] {
            check(text, 1);
        }
        // A word that ends in a prefix is none; a number that is followed by one is.
        check(r"bar'(' (", 3);
        check(r"0x1br'\' (", 3);
        check(r"1e5r'\' (", 3);
        check(r"'' ' '(", 3);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for text in ["'", "'\n'", r"'\q(((('", r"'''(((", r"'\x1'", r"'\400'", "r'"] {
            assert!(levels(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_long_and_too_deep_are_refused() {
        let deep = Depth::of(&"(".repeat(300)).unwrap_err();
        assert_eq!(deep, "ERROR: <input>:-1:0: expression recursion limit exceeded: 250");
        let long = Depth::of(&" ".repeat(100_001)).unwrap_err();
        let words =
            "ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100001, limit 100000";
        assert_eq!(long, words);
        assert!(Depth::of(&"a && ".repeat(10_000)).is_ok());
    }
}
