//! A testbed leaves nothing behind, however its owner ends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use testbed::Testbed;

/// Every process with this text in its command line: the servers name their temporary folder in their flags.
fn processes_of(folder: &Path) -> BTreeSet<u32> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        String::from_utf8_lossy(&command).contains(folder).then_some(id)
    });
    processes.collect()
}

/// Polls, since the end of a process that is not a child gives no event.
fn assert_soon_gone(folder: &Path) {
    let begin = Instant::now();
    while folder.exists() || !processes_of(folder).is_empty() {
        let left = processes_of(folder);
        assert!(begin.elapsed() < Duration::from_secs(20), "left behind: {left:?} {}", folder.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_owner_leaves_no_process_and_no_folder() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .args(["serve", "one", "two"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let kubeconfigs: Vec<String> = lines.take(2).map(|line| line.unwrap()).collect();
    let path = PathBuf::from(kubeconfigs[0].split('\t').nth(1).unwrap());
    let folder = path.parent().unwrap().parent().unwrap().to_owned();
    assert_eq!(processes_of(&folder).len(), 3, "two API servers and etcd");

    // `kill` is SIGKILL: no destructor of the owner runs.
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_soon_gone(&folder);
}

#[test]
fn a_panicking_test_leaves_no_process_and_no_folder() {
    let (send, receive) = std::sync::mpsc::channel();
    let test = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let testbed = Testbed::start().await.unwrap();
            let server = testbed.api_server("member").await.unwrap();
            server.pause().await.unwrap();
            send.send(testbed.folder().to_owned()).unwrap();
            panic!("as a failed assertion does");
        });
    });
    assert!(test.join().is_err());
    let folder = receive.recv().unwrap();
    assert!(processes_of(&folder).is_empty(), "dropping a testbed waits for its processes");
    assert!(!folder.exists());
}
