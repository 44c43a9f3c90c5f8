//! Durations as Go writes them, which is how KubeFed's configuration has them.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; write 1h, 2m30s, 500ms")]
pub struct DurationError(pub String);

/// Units, the longest first, each with its length in nanoseconds. Go takes either letter for micro.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// Reads a Go duration: numbers with units (`h`, `m`, `s`, `ms`, `us`, `ns`), one after the other; not negative, and at
/// most the 292 years that Go's type holds. Fractions of a nanosecond are cut off.
///
/// Source: Go's `time.ParseDuration`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let bad = || DurationError(text.to_owned());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(bad());
    }
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number = &rest[..end];
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = UNITS.iter().find(|(name, _)| *name == &rest[..end]).ok_or_else(bad)?.1;
        rest = &rest[end..];
        nanos += in_nanos(number, unit).ok_or_else(bad)?;
    }
    i64::try_from(nanos).map(|nanos| Duration::from_nanos(nanos.unsigned_abs())).map_err(|_| bad())
}

/// A decimal number of units; `None` when it is no number, or too large for any duration.
fn in_nanos(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits =
        |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(u128::from) };
    // The 18 digits that fit are more than the 14 of an hour in nanoseconds.
    let fraction = &fraction[..fraction.len().min(18)];
    let places = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let unit = u128::from(unit);
    Some(digits(whole)? * unit + digits(fraction)? * unit / places)
}

/// Writes a duration as Go would read it, in the largest unit that is whole.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (name, unit) =
        UNITS.into_iter().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit))).unwrap_or(("ns", 1));
    format!("{}{name}", nanos / u128::from(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_durations() {
        for (text, millis) in [
            ("20s", 20_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            ("0", 0),
            ("0s", 0),
            ("1h2m3.5s", 3_723_500),
            (".5s", 500),
            ("1.s", 1000),
            ("+5s", 5000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "5 s",
            "-5s",
            "5x",
            "1..5s",
            "+",
            "1e400h",
            ".s",
            "300000000h",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for (text, nanos) in [
            ("1ns", 1),
            ("2us", 2_000),
            ("2\u{b5}s", 2_000),
            ("2\u{3bc}s", 2_000),
            ("1.0000000000000000009h", 3_600_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["20s", "2m", "1h", "300ms", "0s", "90s", "1500us", "7ns"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(format_duration(duration), text);
        }
    }
}
