//! Go's regular expressions (RE2), in which patterns are written, as expressions of the `regex` crate.
//!
//! Both are of one family and run in linear time. What differs is translated: classes of letters (ASCII in Go),
//! escapes, brackets in brackets, braces that are no repetition.

use std::fmt::Write as _;

use regex::Regex;

/// A pattern that Go would refuse, in Go's words.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("error parsing regexp: {0}")]
pub(crate) struct PatternError(String);

impl PatternError {
    fn new(what: &str, at: &str) -> Self {
        Self(format!("{what}: `{at}`"))
    }
}

/// Compiles a pattern of Go.
pub(crate) fn compile(pattern: &str) -> Result<Regex, PatternError> {
    let translated = translate(pattern)?;
    Regex::new(&translated).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::new("expression too large", pattern),
        _ => PatternError::new("invalid expression", pattern),
    })
}

const BACKSLASH_AT_END: &str = "trailing backslash at end of expression";
const BAD_CLASS: &str = "invalid character class range";
const BAD_ESCAPE: &str = "invalid escape sequence";
const BAD_PERL: &str = "invalid or unsupported Perl syntax";
const NO_ARGUMENT: &str = "missing argument to repetition operator";
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];
/// Go's largest count of a repetition.
const MAX_COUNT: u32 = 1000;

struct Translation<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
    /// How many groups are open.
    depth: usize,
    /// Where the last repetition begins, if one has just been read.
    repeated: Option<usize>,
    /// There is something that can be repeated.
    atom: bool,
}

fn translate(pattern: &str) -> Result<String, PatternError> {
    let mut translation = Translation {
        pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 8),
        depth: 0,
        repeated: None,
        atom: false,
    };
    while let Some(char) = translation.peek() {
        translation.step(char)?;
    }
    if translation.depth > 0 {
        return Err(PatternError::new("missing closing )", pattern));
    }
    Ok(translation.out)
}

impl<'a> Translation<'a> {
    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn is_atom(&mut self) {
        self.atom = true;
        self.repeated = None;
    }

    fn step(&mut self, char: char) -> Result<(), PatternError> {
        match char {
            '\\' => {
                self.escape(false)?;
                self.is_atom();
            }
            '[' => {
                self.class()?;
                self.is_atom();
            }
            '(' => self.group()?,
            ')' => {
                if self.depth == 0 {
                    return Err(PatternError::new("unexpected )", self.pattern));
                }
                self.depth -= 1;
                self.copy();
                self.is_atom();
            }
            '|' => {
                self.copy();
                self.atom = false;
                self.repeated = None;
            }
            '*' | '+' | '?' => {
                let start = self.at;
                self.copy();
                self.repetition(start)?;
            }
            '{' => match self.counts() {
                Some((length, low, high)) => {
                    let start = self.at;
                    let text = &self.rest()[..length];
                    if low.max(high) > MAX_COUNT || low > high {
                        return Err(PatternError::new("invalid repeat count", text));
                    }
                    self.out.push_str(text);
                    self.at += length;
                    self.repetition(start)?;
                }
                None => self.literal('{'),
            },
            '}' | ']' => self.literal(char),
            _ => {
                self.copy();
                self.is_atom();
            }
        }
        Ok(())
    }

    fn copy(&mut self) {
        if let Some(char) = self.take() {
            self.out.push(char);
        }
    }

    /// The character of a code.
    fn code(&mut self, code: u32) {
        // Writing to a String does not fail.
        let _ = write!(self.out, "\\x{{{code:X}}}");
    }

    fn literal(&mut self, char: char) {
        self.at += char.len_utf8();
        self.out.push('\\');
        self.out.push(char);
        self.is_atom();
    }

    /// What follows an operator of repetition that has been copied.
    fn repetition(&mut self, start: usize) -> Result<(), PatternError> {
        if !self.atom {
            return Err(PatternError::new(NO_ARGUMENT, &self.pattern[start..self.at]));
        }
        if self.peek() == Some('?') {
            self.copy();
        }
        if let Some(earlier) = self.repeated {
            return Err(PatternError::new(
                "invalid nested repetition operator",
                &self.pattern[earlier..self.at],
            ));
        }
        self.repeated = Some(start);
        Ok(())
    }

    /// The counts of `{n}`, `{n,}` or `{n,m}` here, with the length of the text. Anything else is a literal brace.
    fn counts(&self) -> Option<(usize, u32, u32)> {
        let (inner, _) = self.rest()[1..].split_once('}')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u32::MAX))
        };
        let (low, high) = match inner.split_once(',') {
            None => (number(inner)?, number(inner)?),
            Some((low, "")) => (number(low)?, number(low)?),
            Some((low, high)) => (number(low)?, number(high)?),
        };
        Some((inner.len() + 2, low, high))
    }

    fn group(&mut self) -> Result<(), PatternError> {
        let rest = self.rest();
        self.atom = false;
        self.repeated = None;
        if !rest.starts_with("(?") {
            self.depth += 1;
            self.copy();
            return Ok(());
        }
        if let Some(name) = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<")) {
            let prefix = rest.len() - name.len();
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            return match name.split_once('>') {
                Some((name, _)) if !name.is_empty() && name.bytes().all(word) => {
                    self.out.push('(');
                    self.at += prefix + name.len() + 1;
                    self.depth += 1;
                    Ok(())
                }
                Some((name, _)) => {
                    Err(PatternError::new("invalid named capture", &rest[..=prefix + name.len()]))
                }
                None => Err(PatternError::new("invalid named capture", rest)),
            };
        }
        let flags = rest[2..].bytes().take_while(|byte| b"imsU-".contains(byte)).count();
        match rest[2 + flags..].chars().next() {
            Some(end @ (':' | ')')) if flags > 0 || end == ':' => {
                if end == ':' {
                    self.depth += 1;
                }
                self.out.push_str(&rest[..flags + 3]);
                self.at += flags + 3;
                Ok(())
            }
            Some(other) => Err(PatternError::new(BAD_PERL, &rest[..2 + flags + other.len_utf8()])),
            None => Err(PatternError::new(BAD_PERL, rest)),
        }
    }

    /// An escape, in brackets or outside of them.
    fn escape(&mut self, in_class: bool) -> Result<(), PatternError> {
        let start = self.at;
        self.at += 1;
        let Some(char) = self.take() else {
            return Err(PatternError::new(BACKSLASH_AT_END, ""));
        };
        let class = |inner: &str, negated: bool| match (in_class, negated) {
            (true, false) => inner.to_owned(),
            (_, true) => format!("[^{inner}]"),
            (false, false) => format!("[{inner}]"),
        };
        match char {
            'd' | 'D' => self.out.push_str(&class("0-9", char == 'D')),
            'w' | 'W' => self.out.push_str(&class("0-9A-Za-z_", char == 'W')),
            's' | 'S' => self.out.push_str(&class("\\t\\n\\f\\r ", char == 'S')),
            'b' if !in_class => self.out.push_str("(?-u:\\b)"),
            'B' if !in_class => self.out.push_str("(?-u:\\B)"),
            'A' | 'z' if !in_class => self.out.push_str(&self.pattern[start..self.at]),
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => self.out.push_str(&self.pattern[start..self.at]),
            'Q' if !in_class => {
                let rest = self.rest();
                let (literal, skipped) = rest.split_once("\\E").map_or((rest, 0), |(text, _)| (text, 2));
                self.out.push_str("(?:");
                self.out.push_str(&regex::escape(literal));
                self.out.push(')');
                self.at += literal.len() + skipped;
            }
            'E' if !in_class => {}
            'p' | 'P' => self.unicode_class(start)?,
            'x' => self.hexadecimal(start)?,
            // An octal code; one digit other than 0 would be a reference to a group.
            '0'..='7' => {
                let more =
                    self.rest().bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                if char != '0' && more == 0 {
                    return Err(PatternError::new(BAD_ESCAPE, &self.pattern[start..self.at]));
                }
                self.at += more;
                let code = u32::from_str_radix(&self.pattern[start + 1..self.at], 8).unwrap_or_default();
                self.code(code);
            }
            _ if char.is_ascii_punctuation() => {
                if !matches!(char, '<' | '>') {
                    self.out.push('\\');
                }
                self.out.push(char);
            }
            _ => return Err(PatternError::new(BAD_ESCAPE, &self.pattern[start..self.at])),
        }
        Ok(())
    }

    fn unicode_class(&mut self, start: usize) -> Result<(), PatternError> {
        if self.peek() == Some('{') {
            let Some(end) = self.rest().find('}') else {
                return Err(PatternError::new(BAD_CLASS, &self.pattern[start..]));
            };
            self.at += end + 1;
        } else {
            self.take();
        }
        let text = &self.pattern[start..self.at];
        if Regex::new(text).is_err() {
            return Err(PatternError::new(BAD_CLASS, text));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn hexadecimal(&mut self, start: usize) -> Result<(), PatternError> {
        let rest = self.rest();
        let (digits, length) = match rest.strip_prefix('{') {
            Some(inner) => match inner.split_once('}') {
                Some((digits, _)) => (digits, digits.len() + 2),
                None => ("", 0),
            },
            None => (rest.get(..2).unwrap_or_default(), 2),
        };
        let code = u32::from_str_radix(digits, 16).ok().filter(|code| *code <= 0x0010_FFFF);
        let Some(code) = code else {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(index, _)| index);
            return Err(PatternError::new(BAD_ESCAPE, &self.pattern[start..self.at + end]));
        };
        self.at += length;
        self.code(code);
        Ok(())
    }

    fn class(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        self.copy();
        if self.peek() == Some('^') {
            self.copy();
        }
        let mut first = true;
        loop {
            let item = self.at;
            match self.peek() {
                None => return Err(PatternError::new("missing closing ]", &self.pattern[start..])),
                Some(']') if !first => {
                    self.copy();
                    return Ok(());
                }
                Some('[') if self.rest().starts_with("[:") && self.rest().contains(":]") => {
                    let length = self.rest().find(":]").unwrap_or_default() + 2;
                    let name = &self.rest()[..length];
                    if !POSIX_CLASSES.contains(&name[2..length - 2].trim_start_matches('^')) {
                        return Err(PatternError::new(BAD_CLASS, name));
                    }
                    self.out.push_str(name);
                    self.at += length;
                }
                Some('\\') => {
                    self.escape(true)?;
                    self.range(item)?;
                }
                Some(char) => {
                    self.at += char.len_utf8();
                    self.class_literal(char);
                    self.range(item)?;
                }
            }
            first = false;
        }
    }

    /// The end of a range, where the character at `low` begins one.
    fn range(&mut self, low: usize) -> Result<(), PatternError> {
        let from = &self.pattern[low..self.at];
        let is_class = ["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\p", "\\P"]
            .iter()
            .any(|class| from.starts_with(class));
        let rest = self.rest();
        if is_class || !rest.starts_with('-') || rest.starts_with("-]") || rest.len() < 2 {
            return Ok(());
        }
        self.at += 1;
        self.out.push('-');
        let high = self.at;
        match self.peek() {
            Some('\\') => {
                let escaped = self.rest().chars().nth(1);
                if let Some(char @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P')) = escaped {
                    return Err(PatternError::new(BAD_ESCAPE, &format!("\\{char}")));
                }
                self.escape(true)?;
            }
            Some(char) => {
                self.at += char.len_utf8();
                self.class_literal(char);
            }
            None => {}
        }
        let text = &self.pattern[low..self.at];
        let one = |text: &str| (text.chars().count() == 1).then(|| text.chars().next()).flatten();
        if let (Some(from), Some(to)) = (one(from), one(&self.pattern[high..self.at]))
            && from > to
        {
            return Err(PatternError::new(BAD_CLASS, text));
        }
        Ok(())
    }

    /// In Go, only `]`, `\`, `^` and `-` mean something in brackets; here `[`, `&` and `~` do as well.
    fn class_literal(&mut self, char: char) {
        if matches!(char, '[' | ']' | '&' | '~' | '-' | '^') {
            self.out.push('\\');
        }
        self.out.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_in_gos_words() {
        for (pattern, error) in [
            ("(", "missing closing ): `(`"),
            (")", "unexpected ): `)`"),
            ("[a", "missing closing ]: `[a`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("(*)", "missing argument to repetition operator: `*`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("\\y", "invalid escape sequence: `\\y`"),
            ("\\1", "invalid escape sequence: `\\1`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?<=a)", "invalid named capture: `(?<=a)`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[a-\\d]", "invalid escape sequence: `\\d`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            ("a{2000}", "invalid repeat count: `{2000}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("\\", "trailing backslash at end of expression: ``"),
            ("\\pX", "invalid character class range: `\\pX`"),
            ("\\x{zz}", "invalid escape sequence: `\\x{z`"),
        ] {
            let found = compile(pattern).map(|_| ()).unwrap_err().to_string();
            assert_eq!(found, format!("error parsing regexp: {error}"), "{pattern}");
        }
    }

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, text, matches) in [
            ("^\\d+$", "12", true),
            ("^\\d+$", "\u{661}", false),
            ("^[\\w.-]+$", "a_b.c-d", true),
            ("^[\\w.-]+$", "é", false),
            ("x{", "x{", true),
            ("a{,5}", "a{,5}", true),
            ("^[[a]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[a&&b]$", "&", true),
            ("^\\Qa.b\\E$", "a.b", true),
            ("^\\Qa.b\\E$", "axb", false),
            ("^\\012$", "\n", true),
            ("^(?P<n>a)(?<m>b)$", "ab", true),
            ("^[^\\D]$", "7", true),
            ("\\<b\\>", "<b>", true),
            ("^[[:alpha:]]+$", "abc", true),
            ("^a$", "a\n", false),
            ("^[+-]?[0-9]{1,3}$", "-12", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text), matches, "{pattern} on {text:?}");
        }
    }
}
