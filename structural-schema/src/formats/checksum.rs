//! Numbers with check digits.

use std::sync::LazyLock;

use regex::Regex;

use super::constant;

/// The issuers whose numbers are known.
static CARD: LazyLock<Regex> = LazyLock::new(|| {
    constant(concat!(
        "^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}",
        "|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11})$"
    ))
});

pub(super) fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let sum = digits.bytes().rev().enumerate().fold(0, |sum, (index, byte)| {
        let digit = u32::from(byte - b'0') * if index % 2 == 1 { 2 } else { 1 };
        sum + digit / 10 + digit % 10
    });
    CARD.is_match(&digits) && sum % 10 == 0
}

pub(super) fn is_isbn10(text: &str) -> bool {
    let text = without_spaces(text);
    let Some((last, nine)) = text.as_bytes().split_last() else { return false };
    if nine.len() != 9 || !nine.iter().all(u8::is_ascii_digit) || !(last.is_ascii_digit() || *last == b'X') {
        return false;
    }
    let last = if *last == b'X' { 10 } else { u32::from(last - b'0') };
    let sum = nine.iter().zip(1..).fold(0, |sum, (byte, weight)| sum + weight * u32::from(byte - b'0'));
    (sum + 10 * last).is_multiple_of(11)
}

pub(super) fn is_isbn13(text: &str) -> bool {
    let text = without_spaces(text);
    let digits = text.as_bytes();
    if digits.len() != 13 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let weighted = digits.iter().zip([1, 3].into_iter().cycle());
    weighted.fold(0, |sum, (byte, weight)| sum + weight * u32::from(byte - b'0')).is_multiple_of(10)
}

fn without_spaces(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '\t' | '\n' | '\u{c}' | '\r' | ' ' | '-')).collect()
}
