//! The shell that owns the processes of one testbed.
//!
//! A test that is killed runs no destructor, so something outside it must end the servers. A parent-death
//! signal would do, but it follows the thread that spawned and needs unsafe code. A shell that waits for the end
//! of its standard input follows the process, however that one ends.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
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

/// A process of the supervisor, by its id. The id stays valid until [`Supervisor::end`], since nothing reaps it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pid(u32);

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
        let mut pipes = Pipes {
            requests,
            answers: BufReader::new(answers),
        };
        let root = pipes.answer().map_err(Error::Supervisor)?;
        Ok(Self {
            root: PathBuf::from(root),
            pipes: Mutex::new(Some(pipes)),
            shell: Mutex::new(shell),
        })
    }

    /// The testbed's temporary folder, removed with everything in it when the supervisor ends.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one process: its `run` script, its `log` and its own files.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Makes the folder of a process before it is started.
    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        Ok(folder)
    }

    /// Runs `program` with `arguments`. Its output goes to the end of `log` in the folder of `name`.
    pub(crate) fn run(&self, name: &str, program: &Path, arguments: &[String]) -> Result<Pid> {
        let script = self.make_folder(name)?.join("run");
        let mut text = format!("exec {}", quoted(&program.to_string_lossy()));
        for argument in arguments {
            text.push_str(" \\\n  ");
            text.push_str(&quoted(argument));
        }
        text.push('\n');
        std::fs::write(&script, text).map_err(|source| Error::file(&script, source))?;
        let answer = self.ask(&format!("start {name}"))?;
        answer
            .parse()
            .map(Pid)
            .map_err(|_| Error::Supervisor(io::Error::other(format!("no process id: {answer:?}"))))
    }

    /// Sends a signal, named as `kill -s` names it (`STOP`, `CONT`).
    pub(crate) fn signal(&self, Pid(pid): Pid, signal: &str) -> Result<()> {
        self.ask(&format!("signal {pid} {signal}")).map(drop)
    }

    /// Kills the process and waits until it is gone.
    pub(crate) fn end(&self, Pid(pid): Pid) -> Result<()> {
        self.ask(&format!("end {pid}")).map(drop)
    }

    fn ask(&self, request: &str) -> Result<String> {
        let mut pipes = self.pipes.lock();
        let pipes = pipes
            .as_mut()
            .ok_or_else(|| Error::Supervisor(io::ErrorKind::BrokenPipe.into()))?;
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

impl Pid {
    /// Whether the process has ended and only waits to be reaped. False where there is no /proc to ask.
    pub(crate) fn has_ended(self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0));
        // The state follows the command's name, which is in parentheses and may itself hold any character.
        stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
    }

    /// The number of the process.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// One shell word with this exact text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Vec<String> {
        vec!["-c".to_owned(), text.to_owned()]
    }

    fn exists(pid: Pid) -> bool {
        Path::new(&format!("/proc/{}", pid.number())).exists()
    }

    #[test]
    fn dropping_ends_the_processes_and_removes_the_folder() {
        let supervisor = Supervisor::start().unwrap();
        let root = supervisor.root().to_owned();
        let pid = supervisor.run("sleeper", Path::new("sleep"), &["1000".into()]).unwrap();
        supervisor.signal(pid, "STOP").unwrap();
        assert!(exists(pid) && root.exists());
        drop(supervisor);
        assert!(!exists(pid), "the process outlived its supervisor");
        assert!(!root.exists(), "the folder outlived its supervisor");
    }

    #[test]
    fn an_ended_process_is_gone_and_the_others_stay() {
        let supervisor = Supervisor::start().unwrap();
        let first = supervisor.run("first", Path::new("sleep"), &["1000".into()]).unwrap();
        let second = supervisor.run("second", Path::new("sleep"), &["1000".into()]).unwrap();
        supervisor.end(first).unwrap();
        assert!(!exists(first));
        assert!(exists(second) && !second.has_ended());
    }

    #[test]
    fn a_process_that_ends_by_itself_is_noticed_and_its_output_is_kept() {
        let supervisor = Supervisor::start().unwrap();
        let pid = supervisor
            .run("word", Path::new("sh"), &script("echo \"it's \\$HOME\""))
            .unwrap();
        while !pid.has_ended() {
            std::thread::yield_now();
        }
        let log = std::fs::read_to_string(supervisor.folder("word").join("log")).unwrap();
        assert_eq!(log, "it's $HOME\n");
    }
}
