//! Kubernetes' Go client as a judge of API servers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStderr, Command};

use crate::{Binary, Error, Result, blocking::blocking};

/// How many bytes of what the program logged are told when it fails.
const TOLD: usize = 8000;

/// The program of `tools/clientgo`, to be run on a server.
#[derive(Debug, Clone, Default)]
pub struct ClientGo {
    /// Variables of its environment, such as `KUBE_FEATURE_WatchListClient`.
    pub variables: Vec<(&'static str, &'static str)>,
}

/// What came of one check.
#[derive(Debug, Clone, Deserialize)]
pub struct Judgement {
    /// The check's name.
    pub check: String,
    /// What its random writes were made from.
    pub seed: i64,
    /// What it saw; the same on all servers that behave the same.
    pub facts: BTreeMap<String, Value>,
    /// What was not as it has to be; empty if all was.
    pub failures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Ask { ask: String },
    Judgement(Judgement),
}

impl ClientGo {
    /// Runs checks on the server of a kubeconfig, one after the other; `answer` does what the program asks for, such
    /// as `restart`.
    ///
    /// # Errors
    /// The program cannot be built or started, or ended without telling of every check.
    pub async fn judge(
        &self,
        kubeconfig: &Path,
        checks: &[&str],
        mut answer: impl AsyncFnMut(&str),
    ) -> Result<Vec<Judgement>> {
        let binary = blocking(|| Binary::ClientGo.path()).await?;
        let failed = |error: std::io::Error| Error::ClientGo(error.to_string());
        let mut program = Command::new(binary)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(checks)
            .envs(self.variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let log = tokio::spawn(tail(program.stderr.take()));
        let (mut input, output) = (program.stdin.take(), program.stdout.take());
        let mut judged = Vec::new();
        let mut lines = BufReader::new(output.ok_or_else(|| Error::ClientGo("no output".into()))?).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            match serde_json::from_str(&line) {
                Ok(Line::Judgement(one)) => judged.push(one),
                Ok(Line::Ask { ask }) => {
                    answer(&ask).await;
                    if let Some(input) = &mut input {
                        input.write_all(b"done\n").await.map_err(failed)?;
                    }
                }
                Err(error) => return Err(Error::ClientGo(format!("it says {line:?}: {error}"))),
            }
        }
        let status = program.wait().await.map_err(failed)?;
        if judged.len() == checks.len() {
            return Ok(judged);
        }
        let log = log.await.unwrap_or_default();
        Err(Error::ClientGo(format!("{status} after {} of {checks:?}; it logged:\n{log}", judged.len())))
    }
}

/// What matters of what is logged, once all of it is: from a panic on, or the end.
async fn tail(log: Option<ChildStderr>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut log) = log {
        // What cannot be read is missing from a message, no more.
        let _read = log.read_to_end(&mut bytes).await;
    }
    let panic = bytes.windows(6).position(|word| word == b"panic:");
    let begin = panic.unwrap_or(bytes.len()).saturating_sub(TOLD / 2);
    let end = bytes.len().min(begin + TOLD);
    String::from_utf8_lossy(&bytes[begin..end]).into_owned()
}
