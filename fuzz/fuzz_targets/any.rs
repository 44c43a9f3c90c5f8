//! A target under libFuzzer: the one that `FUZZ_TARGET` names.
#![no_main]

use fuzz_targets::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

fn wanted() -> &'static Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
        eprintln!("FUZZ_TARGET={name:?} is none; set it to one of {}", names.join(", "));
        std::process::exit(2)
    })
}

fuzz_target!(
    init: {
        // The fuzzer's hook ends the process at every panic. Some are caught: those of parsers that are of another hand.
        // One that is not ends the process all the same.
        drop(std::panic::take_hook());
    },
    |input: &[u8]| (wanted().run)(input)
);
