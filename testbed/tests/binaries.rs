//! Where the binaries come from, as the command line shows it. Nothing is built here.
#![allow(clippy::unwrap_used, reason = "in a test they are assertions")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs `testbed path BINARY` without the caller's environment.
fn path_of(binary: &str, environment: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.args(["path", binary]).env_clear();
    command.envs(environment.iter().copied()).output().unwrap()
}

fn printed(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap().trim()
}

fn refusal(output: &Output) -> &str {
    assert!(!output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stderr).unwrap().trim()
}

#[test]
fn supplied_binaries_come_first() {
    let assets = tempfile::tempdir().unwrap();
    let supplied = assets.path().join("kube-apiserver");
    fs::write(&supplied, "").unwrap();
    let output = path_of("kube-apiserver", &[("KUBEBUILDER_ASSETS", assets.path())]);
    assert_eq!(Path::new(printed(&output)), supplied);
}

#[test]
fn a_wrong_assets_folder_is_refused_rather_than_built_around() {
    let output = path_of("etcd", &[("KUBEBUILDER_ASSETS", Path::new("/no/such/folder"))]);
    let refusal = refusal(&output);
    assert!(refusal.contains("KUBEBUILDER_ASSETS") && refusal.contains("/no/such/folder"), "{refusal}");
}

#[test]
fn without_go_the_error_says_what_to_install_or_set() {
    let cache = tempfile::tempdir().unwrap();
    let output = path_of("etcd", &[("FEDD_TESTBED_CACHE", cache.path()), ("PATH", cache.path())]);
    let refusal = refusal(&output);
    for word in ["`go` is not on PATH", "etcd", "install Go 1.", "KUBEBUILDER_ASSETS"] {
        assert!(refusal.contains(word), "{refusal}");
    }
}

#[test]
fn without_a_home_the_error_says_what_to_set() {
    let refusal = refusal(&path_of("etcd", &[])).to_owned();
    assert!(refusal.contains("FEDD_TESTBED_CACHE"), "{refusal}");
}

#[test]
fn a_kubectl_on_path_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let kubectl = folder.path().join("kubectl");
    fs::write(&kubectl, "").unwrap();
    let output = path_of("kubectl", &[("PATH", folder.path())]);
    assert_eq!(Path::new(printed(&output)), kubectl);
}

#[test]
fn a_failed_build_shows_what_go_said_and_leaves_no_binary() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    fs::write(&go, "#!/bin/sh\necho no route to the module >&2\nexit 7\n").unwrap();
    fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
    let cache = folder.path().join("cache");
    for _ in 0..2 {
        let output = path_of("etcd", &[("FEDD_TESTBED_CACHE", &cache), ("PATH", folder.path())]);
        let refusal = refusal(&output);
        assert!(refusal.contains("building etcd v3."), "no progress line: {refusal}");
        assert!(
            refusal.contains("no route to the module") && refusal.contains("exit status: 7"),
            "{refusal}"
        );
    }
}

#[test]
fn processes_that_ask_at_once_build_once() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    // Writes the file after `-o`, and a line for every time it is run.
    let script = format!(
        "#!/bin/sh\necho run >>{}/runs\nwhile [ \"$1\" != -o ]; do shift; done\necho built >\"$2\"\n",
        folder.path().display()
    );
    fs::write(&go, script).unwrap();
    fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
    let cache = folder.path().join("cache");
    let ask = || path_of("etcd", &[("FEDD_TESTBED_CACHE", &cache), ("PATH", folder.path())]);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for output in asked.into_iter().map(|thread| thread.join().unwrap()) {
            assert_eq!(fs::read_to_string(printed(&output)).unwrap(), "built\n");
        }
    });
    assert_eq!(fs::read_to_string(folder.path().join("runs")).unwrap(), "run\n");
}
