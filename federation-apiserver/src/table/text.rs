//! The texts in cells.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::select::LabelSelector;

/// The text at a pointer; empty where there is none.
pub(super) fn of<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The text at a pointer, or another where it is absent or empty.
pub(super) fn or<'a>(object: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    Some(of(object, pointer)).filter(|text| !text.is_empty()).unwrap_or(otherwise)
}

/// The number at a pointer; 0 where there is none.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The elements of a list at a pointer.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// How long ago a time was, or `<unknown>` where it is absent.
pub(super) fn since(time: Option<&Value>, now: Timestamp) -> String {
    match time.and_then(Value::as_str).map(str::parse::<Timestamp>) {
        Some(Ok(time)) => duration(now.as_second() - time.as_second()),
        Some(Err(_)) => "<invalid>".to_owned(),
        None => "<unknown>".to_owned(),
    }
}

/// An object's age.
pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    Value::from(since(object.pointer("/metadata/creationTimestamp"), now))
}

/// A span of seconds for people: two units while it is short, one when it is long
/// (`k8s.io/apimachinery/pkg/util/duration.HumanDuration`).
pub(super) fn duration(seconds: i64) -> String {
    // Clocks differ a little.
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    let two = |large: i64, unit: char, small: i64, small_unit: char| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => two(days, 'd', hours % 24, 'h'),
        () if days < 365 * 2 => format!("{days}d"),
        () if days < 365 * 8 => two(years, 'y', days % 365, 'd'),
        () => format!("{years}y"),
    }
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels(labels: Option<&Map<String, Value>>) -> String {
    let one = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
    let all: Vec<_> = labels.into_iter().flatten().map(one).collect();
    if all.is_empty() { "<none>".to_owned() } else { all.join(",") }
}

/// A label selector in the syntax of requests; empty where it has no requirement.
pub(super) fn selector(selector: &Value) -> String {
    LabelSelector::of_object(selector).map(|selector| selector.to_string()).unwrap_or_default()
}

/// The first three, and how many more there are.
pub(super) fn first_three(all: &[String], none: &str) -> String {
    match all {
        [] => none.to_owned(),
        [a, b, c, more @ ..] if !more.is_empty() => format!("{a},{b},{c} + {} more...", more.len()),
        _ => all.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations() {
        const DAY: i64 = 86400;
        for (seconds, expected) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (3 * 3600 - 1, "179m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (8 * 3600, "8h"),
            (2 * DAY, "2d"),
            (2 * DAY + 3600, "2d1h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (731 * DAY, "2y1d"),
            (8 * 365 * DAY, "8y"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn selectors() {
        let all = json!({"matchLabels": {"z": "1", "a": "b"}, "matchExpressions": [
            {"key": "k", "operator": "In", "values": ["y", "x"]}, {"key": "m", "operator": "DoesNotExist"}]});
        assert_eq!(selector(&all), "a=b,k in (x,y),!m,z=1");
        assert_eq!(selector(&json!({})), "");
    }
}
