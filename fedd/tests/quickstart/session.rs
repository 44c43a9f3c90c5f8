//! The quick start in one terminal, and a shell in another.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

const PATIENCE: Duration = Duration::from_mins(1);

/// Lines that a stream has had so far.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Vec<String>>, Condvar)>);

/// The quick start, running.
pub(crate) struct Session {
    child: Child,
    input: ChildStdin,
    printed: Lines,
    complained: Lines,
    /// The lines for kubectl that it printed.
    pub(crate) to_try: Vec<String>,
    /// The line that says which kubeconfig to take.
    export: String,
    kubectl: PathBuf,
    /// Where its data is, and nothing after it.
    folder: TempDir,
}

impl Session {
    /// Starts it, and waits until it has printed what to try.
    pub(crate) async fn start() -> Self {
        let kubectl = testbed::kubectl_path().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fedd"))
            .args(["quickstart", "--log-level", "warn"])
            .env_clear()
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (printed, complained) = (Lines::default(), Lines::default());
        printed.read(child.stdout.take().unwrap());
        complained.read(child.stderr.take().unwrap());
        let text =
            printed.wait("what to try", |lines| lines.iter().any(|line| line.starts_with("Here: stop m2")));
        let trimmed = text.iter().map(|line| line.trim());
        let export = trimmed.clone().find(|line| line.starts_with("export ")).unwrap().to_owned();
        let to_try = trimmed.filter(|line| line.starts_with("kubectl ")).map(str::to_owned).collect();
        let input = child.stdin.take().unwrap();
        Self { child, input, printed, complained, to_try, export, kubectl, folder }
    }

    /// Runs a line in a shell, as it is; what it printed.
    pub(crate) async fn shell(&self, line: &str) -> String {
        let mut path = OsString::from(self.kubectl.parent().unwrap());
        path.push(":/usr/bin:/bin");
        let mut command = Command::new("/bin/sh");
        let home = tempfile::tempdir().unwrap();
        command.args(["-c", &format!("{}; {line}", self.export)]).env_clear().env("PATH", path);
        command.env("HOME", home.path()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (printed, complained) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{line}: {printed}\n{complained}");
        printed
    }

    /// Waits until the Deployment of the bank, as the API has it, is so.
    pub(crate) async fn becomes(&self, what: &str, so: impl Fn(&Value) -> bool) {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let object = self.shell("kubectl -n bank get federateddeployment web -o json").await;
            let object = serde_json::from_str(&object).unwrap();
            if so(&object) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "never: {what}; it is {object:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until just these cells are held back by the mask, and the others have got what there is.
    pub(crate) async fn held(&self, what: &str, cells: &[&str]) {
        self.becomes(what, |object| {
            let lines = object["status"]["topologies"].as_array().into_iter().flatten();
            let mut lines: Vec<_> = lines
                .map(|line| (line["name"].as_str().unwrap(), line["heldByMask"] == true, &line["revision"]))
                .collect();
            lines.sort_by_key(|(name, ..)| *name);
            let held = lines.iter().filter(|(_, held, _)| *held).map(|(name, ..)| *name);
            let released: Vec<_> =
                lines.iter().filter(|(_, held, _)| !held).map(|(.., revision)| *revision).collect();
            let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            observed
                && lines.len() == 3
                && held.eq(cells.iter().copied())
                && released.windows(2).all(|two| two[0] == two[1])
        })
        .await;
    }

    /// Waits until the table that was drawn last is so: rows of cells of text.
    pub(crate) fn shows(&self, what: &str, so: impl Fn(&[Vec<String>]) -> bool) {
        self.printed.wait(what, |lines| so(&last_table(lines)));
    }

    /// Waits until a line with these words is on standard error.
    pub(crate) fn complains(&self, words: &str) {
        self.complained.wait(words, |lines| lines.iter().any(|line| line.contains(words)));
    }

    /// Types a line.
    pub(crate) async fn types(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Asks it to end; how it ended, and what it left.
    pub(crate) async fn terminated(self) -> (ExitStatus, Vec<String>) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.ended().await
    }

    /// How it ended by itself, and what it left.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it does not end")).unwrap();
        let left = std::fs::read_dir(self.folder.path()).unwrap();
        (status, left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
    }
}

impl Drop for Session {
    /// Shows what it said when the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}\n{}", self.printed.0.0.lock().join("\n"), self.complained.0.0.lock().join("\n"));
        }
    }
}

impl Lines {
    fn read(&self, stream: impl AsyncRead + Send + Unpin + 'static) {
        let (lines, mut stream) = (self.clone(), BufReader::new(stream).lines());
        tokio::spawn(async move {
            while let Ok(Some(line)) = stream.next_line().await {
                lines.0.0.lock().push(line);
                lines.0.1.notify_all();
            }
        });
    }

    /// Waits until the lines are so; what they are then.
    fn wait(&self, what: &str, so: impl Fn(&[String]) -> bool) -> Vec<String> {
        tokio::task::block_in_place(|| {
            let end = std::time::Instant::now() + PATIENCE;
            let mut lines = self.0.0.lock();
            while !so(&lines) {
                assert!(
                    !self.0.1.wait_until(&mut lines, end).timed_out(),
                    "never: {what}\n{}",
                    lines.join("\n")
                );
            }
            lines.clone()
        })
    }
}

/// The rows of the last whole table, without its head.
fn last_table(lines: &[String]) -> Vec<Vec<String>> {
    let frame = |line: &&String| line.starts_with("+-");
    let end = lines.iter().rposition(|line| frame(&line)).unwrap_or(0);
    let begin = lines[..end].iter().rposition(|line| line.starts_with("+=")).unwrap_or(end);
    let rows = lines[begin..end].iter().filter(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}
