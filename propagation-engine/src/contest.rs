//! Contests: somebody on a member keeps undoing what is written there, such as an autoscaler that sets `spec.replicas`.
//! Each correction may be undone at once, so corrections are spaced out, and the status says who the other party is.
//!
//! Pure. What is known is lost with the process: then a contest has its first corrections at once again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::status::some_of;

/// Corrections that are made at once. The last of them begins a contest.
pub const AT_ONCE: u32 = 5;
/// Pause after the correction that begins a contest; it doubles with each one that follows.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long nothing may happen after a pause until all is forgotten. So corrections that are further apart than this
/// never add up.
pub const QUIET: Duration = Duration::from_secs(60);

/// The corrections of one object in one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    count: u32,
    last: Option<Instant>,
    words: String,
}

/// The pause after so many corrections.
pub fn pause_after(corrections: u32) -> Duration {
    match corrections.checked_sub(AT_ONCE) {
        None => Duration::ZERO,
        Some(more) => FIRST_PAUSE.saturating_mul(1 << more.min(16)).min(LONGEST_PAUSE),
    }
}

impl Corrections {
    /// The object was corrected now; the words are for people.
    pub fn corrected(&mut self, now: Instant, words: String) {
        if self.is_forgotten(now) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        self.words = words;
    }

    /// How long the next correction has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        self.last
            .map_or(Duration::ZERO, |last| (last + pause_after(self.count)).saturating_duration_since(now))
    }

    /// Whether the next correction, if made now, belongs to a contest: then its words are worth a request.
    pub fn next_is_contested(&self, now: Instant) -> bool {
        !self.is_forgotten(now) && self.count + 1 >= AT_ONCE
    }

    /// While there is a contest: its words, and when it is over unless another correction is made.
    pub fn contest(&self, now: Instant) -> Option<(&str, Duration)> {
        let over = self.over().filter(|over| self.count >= AT_ONCE && now < *over)?;
        Some((&self.words, over - now))
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.over().is_none_or(|over| now >= over)
    }

    fn over(&self) -> Option<Instant> {
        self.last.map(|last| last + pause_after(self.count) + QUIET)
    }
}

/// The words for an object that is deleted again and again.
pub fn words_of_deletes() -> String {
    format!("somebody keeps deleting it there; {}", advice())
}

/// The words for an object that is changed again and again: who owns the fields that differ, by the live object's
/// `metadata.managedFields`, and which they are. `ours` is our own field manager.
pub fn words_of_changes(live: &Value, wanted: &Value, ours: &str) -> String {
    let parties = contenders(live, wanted, ours);
    let mut who: Vec<String> = parties
        .iter()
        .map(|(manager, fields)| {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            format!("{manager} keeps changing {}", some_of(&fields))
        })
        .collect();
    if who.is_empty() {
        who.push("somebody keeps changing it there".to_owned());
    }
    format!("{}; {}", who.join(", "), advice())
}

fn advice() -> String {
    format!(
        "corrections are made less and less often, at last every {} s; end it there, or leave to the member what is the \
         member's",
        LONGEST_PAUSE.as_secs()
    )
}

/// Per field manager other than `ours`: the fields that it owns, and whose values are not as wanted. Nobody, when the
/// two are in different versions of their group: then fields cannot be compared.
pub fn contenders(live: &Value, wanted: &Value, ours: &str) -> BTreeMap<String, BTreeSet<String>> {
    if live.get("apiVersion") != wanted.get("apiVersion") {
        return BTreeMap::new();
    }
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut parties: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries.into_iter().flatten() {
        let manager = entry.get("manager").and_then(Value::as_str).unwrap_or_default();
        let Some(fields) = entry.get("fieldsV1").and_then(Value::as_object) else { continue };
        if manager == ours {
            continue;
        }
        let mut found = BTreeSet::new();
        for (element, below) in fields.iter().filter(|(element, _)| *element != "f:status") {
            differing(element, below, "", Some(live), Some(wanted), &mut found);
        }
        if !found.is_empty() {
            parties.entry(manager.to_owned()).or_default().append(&mut found);
        }
    }
    parties
}

/// Collects the paths of a field set (`FieldsV1`) whose values differ. An element of it is `f:<field>`,
/// `k:<keys of a list's item, as JSON>`, `v:<item of a set, as JSON>`, `i:<index>`, or `.` for the parent itself.
fn differing(
    element: &str,
    below: &Value,
    path: &str,
    live: Option<&Value>,
    wanted: Option<&Value>,
    found: &mut BTreeSet<String>,
) {
    let Some((kind, name)) = element.split_once(':') else { return };
    let keys: Value = serde_json::from_str(name).unwrap_or_default();
    let below_of = |value: Option<&Value>| -> Option<Value> {
        let value = value?;
        match kind {
            "f" => value.get(name),
            "k" => value.as_array()?.iter().find(|item| has_keys(item, &keys)),
            "v" => value.as_array()?.iter().find(|item| **item == keys),
            _ => value.as_array()?.get(name.parse::<usize>().ok()?),
        }
        .filter(|value| !value.is_null())
        .cloned()
    };
    let (live, wanted) = (below_of(live), below_of(wanted));
    if live == wanted {
        return;
    }
    let path = match (kind, &keys) {
        ("f", _) if path.is_empty() => name.to_owned(),
        ("f", _) => format!("{path}.{name}"),
        ("k", Value::Object(keys)) => format!("{path}[{}]", keys_text(keys)),
        _ => format!("{path}[{name}]"),
    };
    match below.as_object().filter(|below| !below.is_empty()) {
        None => drop(found.insert(path)),
        Some(fields) => {
            for (element, below) in fields {
                differing(element, below, &path, live.as_ref(), wanted.as_ref(), found);
            }
        }
    }
}

fn has_keys(item: &Value, keys: &Value) -> bool {
    keys.as_object().is_some_and(|keys| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
}

fn keys_text(keys: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    keys.iter().map(|(key, value)| format!("{key}={}", text(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// When corrections are made, if drifts come at these times.
    fn corrections(start: Instant, drifts: &[Duration]) -> Vec<Duration> {
        let (mut history, mut made) = (Corrections::default(), Vec::<Duration>::new());
        for drift in drifts {
            // A drift that comes while an earlier one waits is corrected with it.
            if made.last().is_some_and(|last| last > drift) {
                continue;
            }
            let at = start + *drift;
            let at = at + history.wait(at);
            history.corrected(at, String::new());
            made.push(at - start);
        }
        made
    }

    proptest! {
        #[test]
        fn corrections_are_bounded_whatever_the_other_party_does(gaps in prop::collection::vec(0..200_000_u64, 1..200)) {
            let drifts: Vec<Duration> = gaps
                .iter()
                .scan(0, |time, gap| { *time += gap; Some(Duration::from_millis(*time)) })
                .collect();
            let made = corrections(Instant::now(), &drifts);
            for (i, first) in made.iter().enumerate() {
                let within = made[i..].iter().filter(|at| **at < *first + Duration::from_secs(60)).count();
                prop_assert!(within <= 11, "{within} in a minute");
            }
            prop_assert_eq!(&made[..made.len().min(5)], &drifts[..made.len().min(5)], "the first come at once");
        }

        #[test]
        fn pauses_grow_to_a_bound(corrections in 0..1000_u32) {
            let (pause, next) = (pause_after(corrections), pause_after(corrections + 1));
            prop_assert!(pause <= next && next <= LONGEST_PAUSE);
            prop_assert!(next <= (pause * 2).max(FIRST_PAUSE));
        }

        #[test]
        fn a_pause_runs_out_and_a_quiet_time_forgets(count in 1..50_u32, passed in 0..1000_u64) {
            let start = Instant::now();
            let mut history = Corrections::default();
            for _ in 0..count {
                history.corrected(start, String::new());
            }
            let (now, passed) = (start + Duration::from_secs(passed), Duration::from_secs(passed));
            let pause = pause_after(count);
            prop_assert_eq!(history.wait(now), pause.saturating_sub(passed));
            let over = passed >= pause + QUIET;
            prop_assert_eq!(history.contest(now).is_some(), count >= AT_ONCE && !over);
            if over {
                history.corrected(now, String::new());
                prop_assert_eq!(history.wait(now), Duration::ZERO, "it begins anew");
            }
        }
    }

    #[test]
    fn an_hour_of_a_fight_costs_24_corrections() {
        let drifts: Vec<_> = (0..3_600_000).map(Duration::from_millis).collect();
        let made = corrections(Instant::now(), &drifts);
        assert_eq!(made.iter().filter(|at| **at < Duration::from_secs(3600)).count(), 24);
    }

    #[test]
    fn the_words_name_who_and_what() {
        let live = json!({
            "metadata": {
                "labels": {"app": "b"},
                "managedFields": [
                    {"manager": "us", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
                    {"manager": "autoscaler", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                    {"manager": "controller", "operation": "Update", "subresource": "status", "fieldsV1": {
                        "f:status": {"f:replicas": {}}, "f:metadata": {"f:annotations": {".": {}, "f:own": {}}},
                    }},
                    {"manager": "injector", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:app": {}}},
                        "f:spec": {"f:containers": {
                            "k:{\"name\":\"web\"}": {"f:image": {}, "f:args": {"v:\"-x\"": {}}},
                            "k:{\"name\":\"side\"}": {".": {}, "f:image": {}},
                        }},
                    }},
                ],
            },
            "spec": {"replicas": 7, "paused": true, "containers": [
                {"name": "web", "image": "web:2", "args": ["-x"]}, {"name": "side", "image": "side:1"},
            ]},
            "status": {"replicas": 7},
        });
        let wanted = json!({
            "metadata": {"labels": {"app": "a"}},
            "spec": {"replicas": 3, "containers": [{"name": "web", "image": "web:1", "args": ["-x"]}]},
        });
        let told: Vec<(String, Vec<String>)> = contenders(&live, &wanted, "us")
            .into_iter()
            .map(|(manager, fields)| (manager, fields.into_iter().collect()))
            .collect();
        let fields = |list: &[&str]| list.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("autoscaler".to_owned(), fields(&["spec.replicas"])),
                (
                    "injector".to_owned(),
                    fields(&[
                        "metadata.labels.app",
                        "spec.containers[name=side].image",
                        "spec.containers[name=web].image"
                    ])
                ),
            ],
            "and not who owns what is as wanted, or is the member's own"
        );
        let words = words_of_changes(&live, &wanted, "us");
        assert!(
            words.starts_with("autoscaler keeps changing spec.replicas, injector keeps changing"),
            "{words}"
        );
        let mut other = live.clone();
        other["apiVersion"] = "apps/v1beta1".into();
        for unknown in [json!({}), other] {
            assert!(words_of_changes(&unknown, &wanted, "us").starts_with("somebody"));
        }
    }
}
