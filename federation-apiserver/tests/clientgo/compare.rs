//! What failed, and what two servers do differently.

use serde_json::Value;
use testbed::Judgement;

/// Facts that may differ, by check and a part of their names, with the reason.
const MEANT: [(&str, &str, &str); 1] = [("pages", "a token that is none", "the words of Go's decoders")];

/// What failed, with the server, the check and its seed.
pub(crate) fn failures(server: &str, judged: &[Judgement]) -> Vec<String> {
    let told = judged.iter().flat_map(|one| one.failures.iter().map(move |failure| (one, failure)));
    told.map(|(one, failure)| format!("{server}, {} (seed {}): {failure}", one.check, one.seed)).collect()
}

/// Facts that are not the same, and not meant to differ.
pub(crate) fn differences(ours: &[Judgement], theirs: &[Judgement]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        let names: std::collections::BTreeSet<_> = ours.facts.keys().chain(theirs.facts.keys()).collect();
        for name in names {
            let meant = MEANT.iter().any(|(check, fact, _)| *check == ours.check && name.contains(fact));
            let (left, right) = (ours.facts.get(name), theirs.facts.get(name));
            if left != right && !meant {
                let text = |fact: Option<&Value>| fact.map_or("nothing".to_owned(), Value::to_string);
                wrong.push(format!(
                    "{}, {name}:\n  ours:   {}\n  theirs: {}",
                    ours.check,
                    text(left),
                    text(right)
                ));
            }
        }
    }
    wrong
}
