//! Policies and keys, as tables.

#![allow(missing_docs, reason = "a test has no readers of its interface")]

use annotation_policy::{AnnotationPolicy, MAX_PATTERN_LENGTH, PatternError, PatternProblem};
use std::collections::BTreeMap;

fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What is wrong with a list of one pattern; none when it compiles, or is refused in another way.
fn problem(pattern: &str) -> Option<PatternProblem> {
    match AnnotationPolicy::compile([pattern]) {
        Err(PatternError::Pattern { index: 0, text, problem }) if text == pattern => Some(problem),
        _ => None,
    }
}

/// A policy, the keys that it takes, and keys that it does not.
type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn verdicts() {
    let cases: &[Case<'_>] = &[
        (&[], &[], &["a", "a.io/x"]),
        // Literals are whole keys, and case counts.
        (&["a.io/x"], &["a.io/x"], &["a.io/xy", "ba.io/x", "a.io/X", "A.io/x", "x"]),
        (&["x"], &["x"], &["a.io/x", "x/x", "xx"]),
        // `*` is any text, also none, and crosses `/`.
        (&["*"], &["x", "a.io/x", "deployment.kubernetes.io/revision"], &[]),
        (&["a.io/*"], &["a.io/x", "a.io/x.y_z-1"], &["a.io", "b.a.io/x", "a.iox/x"]),
        (&["a.io*"], &["a.io/x", "a.iox", "a.io"], &["b.a.io/x"]),
        (&["*x"], &["x", "ax", "a.io/x"], &["x.y", "x/y"]),
        (&["*.io/x"], &["a.io/x", "b.a.io/x"], &["io/x", "a.io/y"]),
        (&["*.cfg"], &["x.cfg", "a.io/x.cfg"], &["cfg", "x.cfg/y", "x.cfg.y"]),
        (&["a*z"], &["az", "a.io/z", "a-z"], &["a.io/zz1", "baz"]),
        (&["*b*"], &["b", "abc", "a.b/c", "a/b"], &["a/c"]),
        // `?` is one character, also `/`.
        (&["a?b"], &["a/b", "a-b"], &["ab", "a--b"]),
        // Sets.
        (&["a.io/v[1-3x]"], &["a.io/v1", "a.io/v3", "a.io/vx"], &["a.io/v4", "a.io/v", "a.io/v12"]),
        (&["a[!a-z0-9]b"], &["a/b", "a-b", "aXb"], &["aab", "a1b", "ab"]),
        (&["a[_-]b"], &["a_b", "a-b"], &["a.b"]),
        (&["a[./]b"], &["a.b", "a/b"], &["a-b"]),
        // Choices, in which an empty one counts, and choices in choices.
        (&["{a,b}.io/*"], &["a.io/x", "b.io/x"], &["c.io/x", "ab.io/x"]),
        (&["{a.io/,}x"], &["a.io/x", "x"], &["b.io/x"]),
        (&["{a,b{1,2}*}/x"], &["a/x", "b1/x", "b2.io/x"], &["b/x", "a1/x"]),
        // `.` is no wildcard.
        (&["a.b/*"], &["a.b/x"], &["a-b/x"]),
        // Later wins.
        (&["a.io/*", "!a.io/y"], &["a.io/x"], &["a.io/y", "b.io/x"]),
        (&["!a.io/y", "a.io/*"], &["a.io/x", "a.io/y"], &["b.io/x"]),
        (&["*", "!a.io/*", "a.io/y"], &["a.io/y", "b.io/x", "x"], &["a.io/x"]),
        (&["a", "!a", "a", "!a"], &[], &["a"]),
        (&["a", "!a", "a"], &["a"], &["b"]),
        (&["!*"], &[], &["a", "a.io/x"]),
        (&["*", "!*"], &[], &["a", "a.io/x"]),
        (&["![ab]", "b"], &["b"], &["a"]),
        // Patterns of every kind in one list: their order decides, not their kind.
        (
            &["*.io/x", "!a.io/*", "a.io/x", "!{b,c}.io/?", "[c-d].io/x", "!d.io/x"],
            &["a.io/x", "c.io/x", "e.io/x"],
            &["a.io/y", "b.io/x", "d.io/x", "c.io/y"],
        ),
    ];
    for (patterns, spec, status) in cases {
        let policy = AnnotationPolicy::compile(*patterns).unwrap();
        for key in *spec {
            assert!(policy.is_spec(key), "{policy:?} leaves {key}");
        }
        for key in *status {
            assert!(!policy.is_spec(key), "{policy:?} takes {key}");
        }
    }
}

#[test]
fn the_table_in_the_crates_documentation_holds() {
    let keys = ["a.io/x", "a.io/y", "b.io/x"];
    let rows: &[(&[&str], [bool; 3])] = &[
        (&[], [false, false, false]),
        (&["a.io/*"], [true, true, false]),
        (&["a.io/*", "!a.io/y"], [true, false, false]),
        (&["!a.io/y", "a.io/*"], [true, true, false]),
        (&["*", "!a.io/*", "a.io/y"], [false, true, true]),
    ];
    for (patterns, expected) in rows {
        let policy = AnnotationPolicy::compile(*patterns).unwrap();
        assert_eq!(keys.map(|key| policy.is_spec(key)), *expected, "{patterns:?}");
    }
}

#[test]
fn refusals() {
    let character = |pattern: &str, character, position| {
        (pattern.to_owned(), PatternProblem::Character { character, position })
    };
    let other = |pattern: &str, problem| (pattern.to_owned(), problem);
    let cases = [
        other("", PatternProblem::Empty),
        other("!", PatternProblem::NothingTakenAway),
        character(" ", ' ', 1),
        character("a.io/x ", ' ', 7),
        character("!a b", ' ', 3),
        character("a.io/x\n", '\n', 7),
        character("a\0", '\0', 2),
        character("ä", 'ä', 1),
        character("a:b", ':', 2),
        character("~", '~', 1),
        character("a\\*", '\\', 2),
        character("a,b", ',', 2),
        character("{a,b},c", ',', 6),
        character("!!a", '!', 2),
        character("a!", '!', 2),
        character("[a!]", '!', 3),
        character("[!!a]", '!', 3),
        character("[^a]", '^', 2),
        character("[*]", '*', 2),
        character("[[a]]", '[', 2),
        character("{[a,b]}", ',', 4),
        character("a]", ']', 2),
        other("**", PatternProblem::DoubleStar),
        other("**/a", PatternProblem::DoubleStar),
        other("!a/**", PatternProblem::DoubleStar),
        other("[", PatternProblem::UnclosedSet),
        other("a[!", PatternProblem::UnclosedSet),
        other("a[b-", PatternProblem::UnclosedSet),
        other("[]", PatternProblem::EmptySet),
        other("[]a]", PatternProblem::EmptySet),
        other("[!]", PatternProblem::EmptySet),
        other("[z-a]", PatternProblem::Range { from: 'z', to: 'a' }),
        other("}", PatternProblem::UnopenedChoices),
        other("{a}}", PatternProblem::UnopenedChoices),
        other("{", PatternProblem::UnclosedChoices),
        other("{a,{b}", PatternProblem::UnclosedChoices),
        other(&"a".repeat(318), PatternProblem::TooLong { length: 318 }),
        other(&format!("!{}", "a".repeat(318)), PatternProblem::TooLong { length: 318 }),
        other(&"ä".repeat(400), PatternProblem::TooLong { length: 400 }),
    ];
    for (pattern, expected) in cases {
        assert_eq!(problem(&pattern), Some(expected), "{pattern:?}");
    }
}

#[test]
fn the_longest_key_is_a_pattern() {
    assert_eq!(MAX_PATTERN_LENGTH, 317);
    let key = format!("{}/{}", "a".repeat(253), "b".repeat(63));
    assert!(AnnotationPolicy::compile([&key]).unwrap().is_spec(&key));
    assert!(!AnnotationPolicy::compile(["*", &format!("!{key}")]).unwrap().is_spec(&key));
}

#[test]
fn braces_of_any_depth_that_fits_compile() {
    let deep = format!("{}a{}", "{".repeat(158), "}".repeat(158));
    assert!(AnnotationPolicy::compile([&deep]).unwrap().is_spec("a"));
}

#[test]
fn the_first_pattern_at_fault_is_named() {
    let error = AnnotationPolicy::compile(["a.io/*", "!b c", "["]).unwrap_err();
    assert_eq!(error.index(), Some(1));
    assert_eq!(
        error.to_string(),
        r#"pattern at index 1, "!b c": ' ', character 3, has no meaning there; leave it out"#
    );
}

#[test]
fn messages_say_what_to_write() {
    let cases = [
        ("", "leave the pattern out"),
        ("!", "`!*` for all"),
        ("**/a", "`{*/,}name`"),
        ("a\\*", "no escapes"),
        ("[^a]", "`[!a]`"),
        ("a,b", "`{a,b}`"),
        ("!!a", "first in the pattern"),
        ("a:b", "letters, digits"),
        ("{a", "write `}`"),
        ("a}", "write `{`"),
        ("[a", "write `]`"),
        ("[]", "`[a-z]`"),
        ("[b-a]", "lower character first"),
    ];
    for (pattern, hint) in cases {
        let message = AnnotationPolicy::compile([pattern]).unwrap_err().to_string();
        assert!(message.contains(hint), "{message}");
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn a_message_is_short_and_on_one_line_whatever_the_text() {
    for text in ["x".repeat(1_000_000), "\n".repeat(300), "ß".repeat(100)] {
        let message = AnnotationPolicy::compile([&text]).unwrap_err().to_string();
        assert!(message.len() < 500, "{} bytes", message.len());
        assert!(!message.contains('\n'));
    }
}

#[test]
fn debug_shows_the_patterns_as_written() {
    let policy = AnnotationPolicy::compile(["a.io/*", "!a.io/y"]).unwrap();
    assert_eq!(format!("{policy:?}"), r#"AnnotationPolicy ["a.io/*", "!a.io/y"]"#);
    assert_eq!(format!("{:?}", AnnotationPolicy::kubefed()), "AnnotationPolicy []");
}

#[test]
fn a_service_keeps_its_members_status_annotation() {
    let policy =
        AnnotationPolicy::compile(["service.beta.kubernetes.io/*", "!service.beta.kubernetes.io/address"])
            .unwrap();
    let template = annotations(&[
        ("service.beta.kubernetes.io/internal", "true"),
        ("service.beta.kubernetes.io/address", "the template has no say in this"),
        ("note", "nor is this pushed"),
    ]);
    let live = annotations(&[
        ("service.beta.kubernetes.io/internal", "false"),
        ("service.beta.kubernetes.io/removed-from-the-template", "1"),
        ("service.beta.kubernetes.io/address", "10.0.0.7"),
        ("controller.example/seen", "yes"),
    ]);

    assert_eq!(
        policy.merge(&template, &live),
        annotations(&[
            ("service.beta.kubernetes.io/internal", "true"),
            ("service.beta.kubernetes.io/address", "10.0.0.7"),
            ("controller.example/seen", "yes"),
        ])
    );
    assert_eq!(
        policy.merge(&template, &BTreeMap::new()),
        annotations(&[("service.beta.kubernetes.io/internal", "true")]),
        "a new object gets spec keys only"
    );
    assert_eq!(
        policy.withheld(&template).collect::<Vec<_>>(),
        ["note", "service.beta.kubernetes.io/address"]
    );
    assert_eq!(
        policy.status_of(&live),
        annotations(&[
            ("service.beta.kubernetes.io/address", "10.0.0.7"),
            ("controller.example/seen", "yes")
        ])
    );
}

#[test]
fn absent_and_empty_are_kubefeds_rule() {
    let template = annotations(&[("a", "template"), ("b", "template")]);
    let live = annotations(&[("a", "member"), ("c", "member")]);
    for policy in [
        AnnotationPolicy::kubefed(),
        AnnotationPolicy::default(),
        AnnotationPolicy::compile(Vec::<String>::new()).unwrap(),
    ] {
        assert_eq!(policy.merge(&template, &live), live);
        assert_eq!(policy.merge(&template, &BTreeMap::new()), BTreeMap::new());
        assert_eq!(policy.withheld(&template).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(policy.status_of(&live), live);
    }
}

#[test]
fn a_clone_judges_alike() {
    let policy = AnnotationPolicy::compile(["a.io/*"]).unwrap();
    let clone = policy.clone();
    drop(policy);
    assert!(clone.is_spec("a.io/x"));
}

#[test]
fn a_list_that_cannot_be_compiled_is_refused_as_a_whole() {
    // Globs without a literal part at their end can only be matched by one automaton for all of them.
    let pattern = "[!a]".repeat(79);
    let error = AnnotationPolicy::compile(vec![pattern; 2_000]).unwrap_err();
    assert_eq!(error.to_string().split(';').next(), Some("the 2000 patterns are too large together"));
    assert_eq!(error.index(), None);
}

#[test]
fn a_thousand_plain_patterns_compile() {
    let patterns = (0..1_000).map(|i| format!("{}team-{i}.example.com/*", if i % 2 == 0 { "" } else { "!" }));
    let policy = AnnotationPolicy::compile(patterns).unwrap();
    assert!(policy.is_spec("team-998.example.com/x"));
    assert!(!policy.is_spec("team-999.example.com/x"));
}
