//! A server, and kubectl on it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::builtin::Profile;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use revision_store::MemoryStore;
use tempfile::TempDir;
use tokio::process::Command;

/// A server of its own with a namespace `shop`, in which kubectl works.
pub(crate) struct Session {
    kubectl: PathBuf,
    folder: TempDir,
    server: EmbeddedServer,
}

impl Session {
    pub(crate) async fn start() -> Self {
        let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
        let listen = Some(([127, 0, 0, 1], 0).into());
        let options = Options::new(Arc::new(MemoryStore::new()), Profile::Member, secrets);
        let server = EmbeddedServer::start(Options { listen, ..options }).await.unwrap();
        let folder = TempDir::new().unwrap();
        let kubeconfig = server.admin_kubeconfig("test").unwrap().to_string();
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        let session = Self { kubectl: testbed::kubectl_path().await.unwrap(), folder, server };
        session.done("create namespace shop").await;
        session
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.server.address().unwrap())
    }

    /// kubectl with the arguments of a line, which are separated by spaces.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.args(["--namespace", "shop"]).args(line.split(' ')).current_dir(self.folder.path());
        command.env("KUBECONFIG", self.folder.path().join("kubeconfig")).env("HOME", self.folder.path());
        command.env_remove("KUBE_EDITOR").env_remove("KUBECTL_EXTERNAL_DIFF").kill_on_drop(true);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command: its exit code, what it printed, and what it complained of.
    pub(crate) async fn run(&self, mut command: Command) -> (i32, String, String) {
        let output = within("kubectl ends", command.output()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// What a line that succeeds prints.
    pub(crate) async fn done(&self, line: &str) -> String {
        let (code, printed, complaint) = self.run(self.command(line)).await;
        assert_eq!(code, 0, "kubectl {line}: {printed}\n{complaint}");
        printed
    }

    /// What a line that fails says.
    pub(crate) async fn refused(&self, line: &str) -> String {
        let (code, printed, complaint) = self.run(self.command(line)).await;
        assert_ne!(code, 0, "kubectl {line}: {printed}");
        complaint
    }

    /// A field of an object, by a JSON path.
    pub(crate) async fn field(&self, object: &str, path: &str) -> String {
        self.done(&format!("get {object} -o jsonpath={{{path}}}")).await
    }

    /// Writes a file beside kubectl.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The path of a file beside kubectl.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}

/// Something that comes soon if it comes at all.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .unwrap_or_else(|_| panic!("a minute passed, but not: {what}"))
}
