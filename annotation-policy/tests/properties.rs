//! What holds for every policy, template and live object.

#![allow(missing_docs, reason = "a test has no readers of its interface")]

use annotation_policy::AnnotationPolicy;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a glob, from which both its text and, apart from any library, its meaning are made.
#[derive(Clone, Debug)]
enum Part {
    Text(char),
    AnyText,
    AnyOne,
    Set { negated: bool, characters: String },
    Choices(Vec<Vec<Part>>),
}

fn write(parts: &[Part]) -> String {
    let texts = parts.iter().map(|part| match part {
        Part::Text(c) => c.to_string(),
        Part::AnyText => "*".to_owned(),
        Part::AnyOne => "?".to_owned(),
        Part::Set { negated, characters } => format!("[{}{characters}]", if *negated { "!" } else { "" }),
        Part::Choices(choices) => {
            format!("{{{}}}", choices.iter().map(|c| write(c)).collect::<Vec<_>>().join(","))
        }
    });
    // Two stars in a row are refused, and one says the same.
    let mut text = texts.collect::<String>();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    text
}

/// Where in `key` a match of `parts` can end when it starts at one of `starts`.
fn ends(parts: &[Part], key: &[u8], starts: BTreeSet<usize>) -> BTreeSet<usize> {
    parts.iter().fold(starts, |starts, part| {
        let one = |accepts: &dyn Fn(u8) -> bool| {
            starts.iter().filter(|&&at| key.get(at).is_some_and(|&c| accepts(c))).map(|at| at + 1).collect()
        };
        match part {
            Part::Text(c) => one(&|k| char::from(k) == *c),
            Part::AnyOne => one(&|_| true),
            Part::Set { negated, characters } => one(&|k| characters.contains(char::from(k)) != *negated),
            Part::AnyText => starts.first().map(|&first| (first..=key.len()).collect()).unwrap_or_default(),
            Part::Choices(choices) => {
                choices.iter().flat_map(|choice| ends(choice, key, starts.clone())).collect()
            }
        }
    })
}

/// A rule of the reference: whether it adds, and what it matches.
type Rule = (bool, Vec<Part>);

fn text_of((adds, parts): &Rule) -> String {
    format!("{}{}", if *adds { "" } else { "!" }, write(parts))
}

/// The verdict by the words of the documentation: the last pattern that matches the whole key decides.
fn expected_verdict(rules: &[Rule], key: &str) -> bool {
    let matches = |parts: &[Part]| ends(parts, key.as_bytes(), BTreeSet::from([0])).contains(&key.len());
    rules.iter().rev().find(|(_, parts)| matches(parts)).is_some_and(|(adds, _)| *adds)
}

/// Few characters, so that keys and patterns meet.
fn part() -> impl Strategy<Value = Part> {
    let leaf = prop_oneof![
        6 => proptest::sample::select(vec!['a', 'b', '.', '/']).prop_map(Part::Text),
        3 => Just(Part::AnyText),
        1 => Just(Part::AnyOne),
        1 => (any::<bool>(), "[ab./]{1,2}").prop_map(|(negated, characters)| Part::Set { negated, characters }),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| vec(vec(inner, 0..3), 1..4).prop_map(Part::Choices))
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    vec((any::<bool>(), vec(part(), 1..6)), 0..6)
}

fn key() -> impl Strategy<Value = String> {
    "([ab]{1,2}(\\.[ab]{1,2})?/)?[ab]([ab.]{0,2}[ab])?"
}

fn annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(key(), "[xyz]", 0..8)
}

/// Texts that are nearly patterns.
fn nearly_a_pattern() -> impl Strategy<Value = String> {
    "[ab/.*?{}!,\\-\\^\\\\ ]{0,24}|[a\\[\\]{}!,\\-*]{0,24}|\\PC{0,24}|.{0,400}"
}

fn compile(rules: &[Rule]) -> AnnotationPolicy {
    AnnotationPolicy::compile(rules.iter().map(text_of)).expect("the parts of a rule make a pattern")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_verdict_is_that_of_the_last_pattern_that_matches(rules in rules(), keys in vec(key(), 1..12)) {
        let policy = compile(&rules);
        for key in keys {
            prop_assert_eq!(policy.is_spec(&key), expected_verdict(&rules, &key), "{:?} on {}", policy, key);
        }
    }

    #[test]
    fn merging_again_changes_nothing(rules in rules(), template in annotations(), live in annotations()) {
        let policy = compile(&rules);
        let merged = policy.merge(&template, &live);
        prop_assert_eq!(policy.merge(&template, &merged), merged);
    }

    #[test]
    fn spec_keys_are_the_templates_and_all_others_the_members(
        rules in rules(), template in annotations(), live in annotations(),
    ) {
        let policy = compile(&rules);
        let merged = policy.merge(&template, &live);
        for key in template.keys().chain(live.keys()).chain(merged.keys()) {
            let owner = if expected_verdict(&rules, key) { &template } else { &live };
            prop_assert_eq!(merged.get(key), owner.get(key), "{:?} on {}", policy, key);
        }
    }

    #[test]
    fn status_and_withheld_are_the_keys_that_are_not_spec(rules in rules(), annotations in annotations()) {
        let policy = compile(&rules);
        let own: BTreeMap<_, _> =
            annotations.clone().into_iter().filter(|(key, _)| !expected_verdict(&rules, key)).collect();
        prop_assert_eq!(policy.withheld(&annotations).collect::<Vec<_>>(), own.keys().collect::<Vec<_>>());
        prop_assert_eq!(policy.status_of(&annotations), own);
    }

    #[test]
    fn what_the_member_reports_survives_a_merge(
        rules in rules(), template in annotations(), live in annotations(),
    ) {
        let policy = compile(&rules);
        prop_assert_eq!(policy.status_of(&policy.merge(&template, &live)), policy.status_of(&live));
    }

    #[test]
    fn a_pattern_at_the_end_decides_what_it_matches(
        rules in rules(), last in (any::<bool>(), vec(part(), 1..6)), key in key(),
    ) {
        let before = compile(&rules).is_spec(&key);
        let alone = AnnotationPolicy::compile([write(&last.1)]).unwrap().is_spec(&key);
        let adds = last.0;
        let longer: Vec<Rule> = rules.into_iter().chain([last]).collect();
        prop_assert_eq!(compile(&longer).is_spec(&key), if alone { adds } else { before });
    }

    #[test]
    fn taking_all_away_at_the_end_leaves_kubefeds_rule(
        rules in rules(), template in annotations(), live in annotations(), any_text in any::<String>(),
    ) {
        let policy = AnnotationPolicy::compile(rules.iter().map(text_of).chain(["!*".to_owned()])).unwrap();
        prop_assert_eq!(policy.merge(&template, &live), live);
        prop_assert!(!policy.is_spec(&any_text));
    }

    #[test]
    fn no_text_makes_compile_or_a_verdict_panic(
        patterns in vec(nearly_a_pattern(), 0..4), keys in vec(any::<String>(), 0..4),
    ) {
        match AnnotationPolicy::compile(&patterns) {
            Ok(policy) => {
                for key in keys.iter().chain(&patterns) {
                    policy.is_spec(key);
                }
            }
            Err(error) => {
                let at_fault = error.index().unwrap();
                prop_assert!(AnnotationPolicy::compile(&patterns[at_fault..=at_fault]).is_err());
                prop_assert!(AnnotationPolicy::compile(&patterns[..at_fault]).is_ok());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
