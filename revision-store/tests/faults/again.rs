//! This test program, started once more as another process.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Names the folder that the other process works in.
const FOLDER: &str = "REVISION_STORE_FAULT_FOLDER";

/// Where to work, if this process is the other one.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// A command that runs one ignored test of this program there.
fn command(program: &str, test: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env(FOLDER, folder).env("FAULT_TEST", test);
    command
}

/// Starts one ignored test as another process, its standard output in a pipe.
pub(crate) fn start(test: &str, folder: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    command(program.to_str().unwrap(), test, folder)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs one ignored test where the folder is a file system of its own with so many MiB, after `prepare` (a shell command)
/// was done there. Whether it could be run at all: it needs mount namespaces, and leaves nothing behind.
pub(crate) fn on_a_small_disk(test: &str, folder: &Path, mib: u32, prepare: &str) -> bool {
    let namespace = |script: &str| {
        let mut command = command("unshare", test, folder);
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(folder);
        command
    };
    let mount = format!("mount -t tmpfs -o size={mib}m tmpfs \"$1\"");
    if !namespace(&mount).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return false;
    }
    let script = format!("{mount} && {prepare} && exec \"$2\" --exact \"$FAULT_TEST\" --ignored --nocapture");
    let status = namespace(&script).arg(std::env::current_exe().unwrap()).status().unwrap();
    assert!(status.success(), "{test} failed in its own process");
    true
}
