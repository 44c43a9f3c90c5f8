//! What can go wrong while a testbed starts.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a testbed starts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Binaries must be built and there is no Go to build them.
    #[error(
        "`go` is not on PATH and {binary} is not in KUBEBUILDER_ASSETS: install Go {wanted} or later, or set \
         KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd"
    )]
    NoGo {
        /// The binary that was wanted.
        binary: &'static str,
        /// The lowest version of Go that builds it.
        wanted: String,
    },
    /// `KUBEBUILDER_ASSETS` is set and is not a folder.
    #[error(
        "KUBEBUILDER_ASSETS is {0:?}, which is not a folder: set it to the folder of the binaries, or unset it"
    )]
    Assets(PathBuf),
    /// No folder for built binaries is known.
    #[error("no folder to keep built binaries in: set FEDD_TESTBED_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// `go build` failed.
    #[error("cannot build {binary}: {status}; the end of {}:\n{tail}", log.display())]
    Build {
        /// The binary that was being built.
        binary: &'static str,
        /// How `go` ended.
        status: std::process::ExitStatus,
        /// Where all of its output is.
        log: PathBuf,
        /// The last lines of the output.
        tail: String,
    },
    /// A database server's package could not be fetched.
    #[error("cannot fetch {server}: {command} failed: {detail}")]
    Fetch {
        /// `mariadb` or `oceanbase`.
        server: &'static str,
        /// What was run.
        command: String,
        /// What it said.
        detail: String,
    },
    /// A database's first files could not be made.
    #[error("cannot make a database of {server}: {detail}")]
    Initialise {
        /// `mariadb`.
        server: &'static str,
        /// The end of what it said.
        detail: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The shell that owns the processes could not be started or has gone.
    #[error(
        "the shell that runs the servers failed: {0}; is `sh` on PATH and the temporary folder writable?"
    )]
    Supervisor(#[source] io::Error),
    /// The temporary folder's path leaves no room for a Unix socket's name.
    #[error("the socket {} has a longer path than Unix allows: set TMPDIR to a shorter one", .0.display())]
    SocketPath(PathBuf),
    /// A server's name is not usable.
    #[error(
        "the server name {0:?} is not a DNS label: write 1 to 40 of a-z, 0-9 and -, with a letter or digit at each end"
    )]
    Name(String),
    /// A server's name is in use.
    #[error("the testbed already has a server named {0:?}: choose another name")]
    NameInUse(String),
    /// No port could be found.
    #[error("no free port on 127.0.0.1 between {first} and {last}")]
    NoPort {
        /// The first port that was tried.
        first: u16,
        /// The last port that was tried.
        last: u16,
    },
    /// A server ended before it was ready.
    #[error("{name} ended before it was ready; the end of its log:\n{tail}")]
    Ended {
        /// The server's name.
        name: String,
        /// The last lines of its log.
        tail: String,
    },
    /// A server was not ready in time.
    #[error("{name} was not ready after {} s ({reason}); the end of its log:\n{tail}", waited.as_secs())]
    NotReady {
        /// The server's name.
        name: String,
        /// How long it was waited for.
        waited: Duration,
        /// What the last question was answered with.
        reason: String,
        /// The last lines of its log.
        tail: String,
    },
    /// A certificate or key could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A kubeconfig could not be made or read.
    #[error("cannot make a kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// A client could not be made or a request failed.
    #[error("a request to a server of the testbed failed: {0}")]
    Client(#[from] kube::Error),
    /// A service account got no token.
    #[error("{server} answered a TokenRequest for the service account kube-system/{account} without a token")]
    NoToken {
        /// The server's name.
        server: String,
        /// The service account's name.
        account: String,
    },
    /// A line of the audit log is not an event.
    #[error("the audit log of {name} has a line that is not an event: {source}")]
    AuditLog {
        /// The server's name.
        name: String,
        /// What is wrong with the line.
        source: serde_json::Error,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}
