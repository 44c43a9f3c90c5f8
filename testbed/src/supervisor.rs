//! The shell that owns the processes of one testbed.
//!
//! A test that is killed runs no destructor, so something outside it must end the servers. A parent-death
//! signal would do, but it follows the thread that spawned and needs unsafe code. A shell that waits for the end
//! of its standard input follows the process, however that one ends.
//!
//! Requests are answered within milliseconds (the end of a large process within tens), so they block.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{Error, Result};

const SCRIPT: &str = include_str!("supervisor.sh");

/// Starts, signals and ends processes; ends all of them when it is dropped or when this process dies.
pub(crate) struct Supervisor {
    root: PathBuf,
    pipes: Mutex<Option<Pipes>>,
    shell: Mutex<Child>,
}

struct Pipes {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A running process; dropping it kills it and waits until it is gone.
pub(crate) struct Process {
    supervisor: Arc<Supervisor>,
    id: u32,
    folder: PathBuf,
}

impl Supervisor {
    /// Starts the shell and makes its temporary folder.
    pub(crate) fn start() -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "fedd-testbed"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Inherited, it would keep open the pipe of whoever reads this process's errors to their end.
            .stderr(Stdio::null())
            // Ctrl-C goes to the terminal's foreground group; the shell must outlive that to clean up.
            .process_group(0)
            .spawn()
            .map_err(Error::Supervisor)?;
        let pipes = shell.stdin.take().zip(shell.stdout.take());
        let Some((requests, answers)) = pipes else {
            return Err(Error::Supervisor(io::ErrorKind::BrokenPipe.into()));
        };
        let mut pipes = Pipes { requests, answers: BufReader::new(answers) };
        let root = pipes.answer().map_err(Error::Supervisor)?;
        Ok(Self { root: PathBuf::from(root), pipes: Mutex::new(Some(pipes)), shell: Mutex::new(shell) })
    }

    /// The testbed's temporary folder, removed with everything in it when the supervisor ends.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder of a process: for its `run` script, its `log` and its own files.
    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        Ok(folder)
    }

    /// Runs `program` with `arguments`. Its output goes to the end of `log` in the folder of `name`, a plain word.
    pub(crate) fn run(self: &Arc<Self>, name: &str, program: &Path, arguments: &[String]) -> Result<Process> {
        let folder = self.make_folder(name)?;
        let script = folder.join("run");
        let mut text = format!("exec {}", quoted(&program.to_string_lossy()));
        for argument in arguments {
            text.push_str(" \\\n  ");
            text.push_str(&quoted(argument));
        }
        text.push('\n');
        std::fs::write(&script, text).map_err(|source| Error::file(&script, source))?;
        let answer = self.ask(&format!("start {name}"))?;
        let id = answer
            .parse()
            .map_err(|_| Error::Supervisor(io::Error::other(format!("no process id: {answer:?}"))))?;
        Ok(Process { supervisor: Arc::clone(self), id, folder })
    }

    fn ask(&self, request: &str) -> Result<String> {
        let mut pipes = self.pipes.lock();
        let pipes = pipes.as_mut().ok_or_else(|| Error::Supervisor(io::ErrorKind::BrokenPipe.into()))?;
        pipes
            .requests
            .write_all(format!("{request}\n").as_bytes())
            .and_then(|()| pipes.answer())
            .map_err(Error::Supervisor)
    }
}

impl Pipes {
    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Closing the pipe is the request to end; the wait makes "dropped" mean "gone".
        self.pipes.lock().take();
        let _ended = self.shell.lock().wait();
    }
}

impl Process {
    /// The number the system gave it.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Sends a signal, named as `kill -s` names it (`STOP`, `CONT`).
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        self.supervisor.ask(&format!("signal {} {signal}", self.id)).map(drop)
    }

    /// Whether none of its threads runs, by a signal. Always true where there is no /proc to ask.
    pub(crate) fn is_stopped(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.id)) else { return true };
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit(')').next().is_none_or(|rest| rest.starts_with(" T") || rest.is_empty())
        })
    }

    /// Whether it has ended by itself. Always false where there is no /proc to ask.
    pub(crate) fn has_ended(&self) -> bool {
        match std::fs::read_to_string(format!("/proc/{}/stat", self.id)) {
            // The state follows the command's name, which is in parentheses and may itself hold any character.
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")),
            // Some shells reap at once, others when they are next asked for something.
            Err(_) => Path::new("/proc/self").exists(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without its shell it has been ended already.
        let _answer = self.supervisor.ask(&format!("end {}", self.id));
    }
}

/// One shell word with this exact text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(supervisor: &Arc<Supervisor>, name: &str) -> Process {
        supervisor.run(name, Path::new("sleep"), &["1000".to_owned()]).unwrap()
    }

    fn exists(id: u32) -> bool {
        Path::new(&format!("/proc/{id}")).exists()
    }

    #[test]
    fn closing_the_pipe_ends_stopped_processes_too_and_removes_the_folder() {
        let supervisor = Arc::new(Supervisor::start().unwrap());
        let root = supervisor.root().to_owned();
        let process = sleeper(&supervisor, "sleeper");
        process.signal("STOP").unwrap();
        assert!(exists(process.id()) && root.exists());
        // What the system does when the owner dies.
        supervisor.pipes.lock().take();
        supervisor.shell.lock().wait().unwrap();
        assert!(!exists(process.id()), "the process outlived its supervisor");
        assert!(!root.exists(), "the folder outlived its supervisor");
    }

    #[test]
    fn a_dropped_process_is_gone_and_the_others_stay() {
        let supervisor = Arc::new(Supervisor::start().unwrap());
        let first = sleeper(&supervisor, "first");
        let second = sleeper(&supervisor, "second");
        let gone = first.id();
        drop(first);
        assert!(!exists(gone));
        assert!(exists(second.id()) && !second.has_ended());
    }

    #[test]
    fn a_process_that_ends_by_itself_is_noticed_and_its_output_is_kept() {
        let supervisor = Arc::new(Supervisor::start().unwrap());
        let arguments = ["-c".to_owned(), r#"echo "it's \$HOME""#.to_owned()];
        let process = supervisor.run("word", Path::new("sh"), &arguments).unwrap();
        while !process.has_ended() {
            std::thread::yield_now();
        }
        assert_eq!(std::fs::read_to_string(process.log()).unwrap(), "it's $HOME\n");
    }
}
