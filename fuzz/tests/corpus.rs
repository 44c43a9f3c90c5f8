//! Every target, on what is in its corpus and on mutations of that.
//!
//! `FUZZ_SECONDS` is how long each target goes on (1); `FUZZ_SEED` makes other mutations.
#![allow(missing_docs, reason = "a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fuzz_targets::mutation::{Numbers, mutated};
use fuzz_targets::{TARGETS, Target};

/// Longest that an input may take, in a test's slow code on a busy machine.
const LONGEST: Duration = Duration::from_secs(5);

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).collect();
    files.sort_by_key(|file| file.as_ref().unwrap().path());
    files.into_iter().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn run(target: &Target, input: &[u8]) {
    let began = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(ran.is_ok(), "{0} fails; put this into corpus/{0}/:\n{1}", target.name, input.escape_ascii());
    let took = began.elapsed();
    assert!(took < LONGEST, "{} took {took:?} for\n{}", target.name, input.escape_ascii());
}

#[test]
fn bad_input_does_no_harm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let time = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(1));
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    for target in TARGETS.iter().filter(|target| target.name.contains(&wanted)) {
        let corpus = corpus(target);
        assert!(!corpus.is_empty(), "{} has no corpus", target.name);
        for input in &corpus {
            run(target, input);
        }
        let mut numbers = Numbers(number("FUZZ_SEED").unwrap_or(0));
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed() < time {
            let (one, other) = (numbers.below(corpus.len()), numbers.below(corpus.len()));
            let mut input = corpus[one].clone();
            for _ in 0..=numbers.below(3) {
                input = mutated(&input, &corpus[other], target.words, &mut numbers);
            }
            run(target, &input);
            count += 1;
        }
        println!("{}: {count} inputs", target.name);
    }
}
