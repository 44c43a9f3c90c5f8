//! The walk-through ends well: it checks what it prints.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test: it fails by panicking")]

use std::process::Command;

#[test]
fn everything_is_as_it_should_be() {
    let output = Command::new(env!("CARGO_BIN_EXE_walkthrough")).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("Everything is as it should be."), "{stdout}");
}
