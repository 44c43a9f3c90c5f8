//! Amounts of resources in their one spelling (`k8s.io/apimachinery/pkg/api/resource.Quantity`).

/// What kube-apiserver says of a text that is no amount.
pub(super) const MALFORMED: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";

/// The exact value of an amount: `value` billionths of one.
fn parse(text: &str) -> Result<(i128, Format), &'static str> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.is_empty() || fraction.contains('.') || whole.len() + fraction.len() == 0 {
        return Err(MALFORMED);
    }
    let (scale, format) = scale(suffix)?;
    let mut value: i128 = 0;
    for digit in whole.bytes() {
        value = value.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    let mut exact = scale.of(value.saturating_mul(NANO));
    let mut unit = NANO;
    for digit in fraction.bytes() {
        unit /= 10;
        exact = exact.saturating_add(scale.of(i128::from(digit - b'0') * unit));
    }
    // Beyond what 63 bits hold, an amount is the largest that they do.
    let largest = i128::from(i64::MAX) * NANO;
    let value = exact.min(largest);
    Ok((if negative { -value } else { value }, format))
}

/// One, and a thousandth, in billionths.
const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// What a suffix multiplies by: a power of 1024 or of 10.
#[derive(Clone, Copy)]
enum Scale {
    Binary(u32),
    Decimal(i32),
}

impl Scale {
    fn of(self, value: i128) -> i128 {
        match self {
            Self::Binary(power) => value.saturating_mul(1024_i128.pow(power)),
            Self::Decimal(power) if power >= 0 => {
                value.saturating_mul(10_i128.saturating_pow(power.unsigned_abs()))
            }
            // What is finer than a billionth is rounded up.
            Self::Decimal(power) => {
                let divisor = 10_i128.saturating_pow(power.unsigned_abs());
                value / divisor + i128::from(value % divisor != 0)
            }
        }
    }
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];

fn scale(suffix: &str) -> Result<(Scale, Format), &'static str> {
    if let Some((_, power)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((Scale::Binary(*power), Format::Binary));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Scale::Decimal(*power), Format::Decimal));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).and_then(|digits| digits.parse::<i8>().ok());
    if let Some(exponent) = exponent {
        return Ok((Scale::Decimal(exponent.into()), Format::Exponent));
    }
    let known = |c: char| "eEinumkKMGTP+-".contains(c) || c.is_ascii_digit();
    Err(if suffix.chars().all(known) { SUFFIX } else { MALFORMED })
}

/// The amount as kube-apiserver writes it: no fraction, and the largest suffix of its family that needs none.
pub(super) fn canonical(text: &str) -> Result<String, &'static str> {
    let (value, format) = parse(text)?;
    let small = value.abs() < 1024 * NANO;
    if format == Format::Binary && !small {
        // Fractions of a byte round up.
        let mut whole = value / NANO + i128::from(value % NANO > 0);
        let mut suffix = "";
        for (name, _) in BINARY {
            if whole % 1024 != 0 {
                break;
            }
            whole /= 1024;
            suffix = name;
        }
        return Ok(format!("{whole}{suffix}"));
    }
    if value == 0 {
        return Ok("0".to_owned());
    }
    let (mut whole, mut power) = (value, -9);
    while whole % 1000 == 0 && power < 18 {
        whole /= 1000;
        power += 3;
    }
    if format == Format::Exponent {
        return Ok(if power == 0 { whole.to_string() } else { format!("{whole}e{power}") });
    }
    let suffix = DECIMAL.iter().find(|(_, one)| *one == power).map_or("", |(name, _)| name);
    Ok(format!("{whole}{suffix}"))
}

/// The amount in billionths, for comparing.
pub(super) fn nanos(text: &str) -> Option<i128> {
    parse(text).ok().map(|(value, _)| value)
}

/// The amount with what is finer than a thousandth rounded up.
pub(super) fn rounded_to_milli(text: &str) -> Option<String> {
    let (value, _) = parse(text).ok()?;
    if value % MILLI == 0 {
        return None;
    }
    let milli = value / MILLI + i128::from(value > 0);
    canonical(&format!("{milli}m")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (text, expected) in [
            ("0", "0"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1.5", "1500m"),
            ("100", "100"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("1500e0", "1500"),
            ("1E6", "1e6"),
            ("-1", "-1"),
            ("+2", "2"),
            (".5", "500m"),
            ("5.", "5"),
            ("100n", "100n"),
            ("2E", "2E"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in
            [("", MALFORMED), ("x", MALFORMED), ("1x", MALFORMED), ("1mm", SUFFIX), ("--1", MALFORMED)]
        {
            assert_eq!(canonical(text), Err(expected), "{text}");
        }
        assert_eq!(rounded_to_milli("1u").as_deref(), Some("1m"));
        assert_eq!(rounded_to_milli("1m"), None);
        assert!(nanos("1Gi") > nanos("1G"));
    }
}
