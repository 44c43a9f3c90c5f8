//! Dates, times and durations.

pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 7), number(8, 10)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// RFC 3339, with the seconds of a leap and the zone's hours unchecked beyond their digits.
pub(super) fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else { return false };
    is_date(date) && is_time(time)
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |at: usize| bytes.get(at..at + 2).filter(|two| two.iter().all(u8::is_ascii_digit));
    let (Some(hour), Some(minute), Some(second)) = (digits(0), digits(3), digits(6)) else { return false };
    if bytes[2] != b':' || bytes[5] != b':' || hour > b"23" || minute > b"59" || second > b"59" {
        return false;
    }
    let rest = &text[8..];
    // Any one character may stand where the fraction's point does.
    if is_zone(rest) {
        return true;
    }
    let mut chars = rest.chars();
    if chars.next().is_none_or(|char| char == '\n') {
        return false;
    }
    let fraction = chars.as_str();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && is_zone(&fraction[digits..])
}

fn is_zone(text: &str) -> bool {
    let bytes = text.as_bytes();
    text == "z"
        || (bytes.len() == 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|at| bytes[*at].is_ascii_digit()))
}

/// Go's durations (`1h30m`), and numbers with the names of units (`3 weeks`).
pub(super) fn is_duration(text: &str) -> bool {
    is_go_duration(text) || has_named_units(text)
}

fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut total = 0f64;
    let mut any = false;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let Ok(number) = rest[..length].parse::<f64>() else { return false };
        rest = &rest[length..];
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("μs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let Some((unit, nanoseconds)) = units.iter().find(|(unit, _)| rest.starts_with(unit)) else {
            return false;
        };
        // A unit ends where the next number begins.
        rest = &rest[unit.len()..];
        if rest.starts_with(|char: char| !char.is_ascii_digit() && char != '.') {
            return false;
        }
        total += number * nanoseconds;
        any = true;
    }
    any && total <= 9_223_372_036_854_775_807.0
}

fn has_named_units(text: &str) -> bool {
    const EXACT: [&str; 11] = ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"];
    const BEGINNINGS: [&str; 8] = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
        let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
        let number = &rest[start..start + digits];
        rest = rest[start + digits..].trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
        let letters =
            rest.find(|char: char| !char.is_ascii_alphabetic() && char != 'µ').unwrap_or(rest.len());
        if letters == 0 {
            continue;
        }
        if number.parse::<i64>().is_err() {
            return false;
        }
        let unit = rest[..letters].to_lowercase();
        found |= EXACT.contains(&unit.as_str()) || BEGINNINGS.iter().any(|name| unit.starts_with(name));
        rest = &rest[letters..];
    }
    found
}
