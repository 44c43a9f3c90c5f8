//! A KMS plugin that does what a test says.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::net::UnixStream;

use crate::{
    Binary, Error, Result,
    blocking::blocking,
    etcd::check_socket_path,
    readiness::ready,
    supervisor::{Process, Supervisor},
};

/// What a [`KmsPlugin`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsControl {
    /// The key that encrypts.
    pub key_id: String,
    /// AES-256 keys by their ids. What was encrypted with one that is not here cannot be decrypted.
    pub keys: BTreeMap<String, [u8; 32]>,
    /// Milliseconds that pass before each answer.
    pub delay_milliseconds: u64,
    /// What it answers to everything, as an error, if there is something.
    pub fail: String,
    /// Whether it encrypts and decrypts to random bytes.
    pub garbage: bool,
}

impl Default for KmsControl {
    /// One key, `key-1`.
    fn default() -> Self {
        Self {
            key_id: "key-1".to_owned(),
            keys: BTreeMap::from([("key-1".to_owned(), [1; 32])]),
            delay_milliseconds: 0,
            fail: String::new(),
            garbage: false,
        }
    }
}

impl KmsControl {
    /// Makes a new key the one that encrypts.
    pub fn rotate_to(&mut self, key_id: &str, key: [u8; 32]) {
        self.keys.insert(key_id.to_owned(), key);
        key_id.clone_into(&mut self.key_id);
    }
}

/// A plugin of Kubernetes' KMS protocol, version 2, built on Kubernetes' own library. It ends when it is dropped.
pub struct KmsPlugin {
    process: Option<Process>,
    supervisor: Arc<Supervisor>,
    binary: PathBuf,
    control: KmsControl,
}

const NAME: &str = "kms-plugin";

impl KmsPlugin {
    /// Starts one with [`KmsControl::default`].
    ///
    /// # Errors
    /// It cannot be built or started.
    pub async fn start() -> Result<Self> {
        let binary = blocking(|| Binary::KmsPlugin.path()).await?;
        let supervisor = Arc::new(Supervisor::start()?);
        let mut plugin = Self { process: None, supervisor, binary, control: KmsControl::default() };
        plugin.supervisor.make_folder(NAME)?;
        plugin.control(|_| ())?;
        plugin.start_again().await?;
        Ok(plugin)
    }

    /// Changes what it does, from its next call on.
    ///
    /// # Errors
    /// The file that tells it cannot be written.
    pub fn control(&mut self, change: impl FnOnce(&mut KmsControl)) -> Result<()> {
        change(&mut self.control);
        let keys: BTreeMap<_, _> =
            self.control.keys.iter().map(|(id, key)| (id, STANDARD.encode(key))).collect();
        let text = json!({
            "keyID": self.control.key_id,
            "keys": keys,
            "delayMilliseconds": self.control.delay_milliseconds,
            "fail": self.control.fail,
            "garbage": self.control.garbage,
        });
        // Renamed, so that no call reads half of it.
        let (path, draft) = (self.file("control"), self.file("draft"));
        fs::write(&draft, text.to_string()).map_err(|source| Error::file(&draft, source))?;
        fs::rename(&draft, &path).map_err(|source| Error::file(&path, source))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.supervisor.root().join(NAME).join(name)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.file("socket")
    }

    /// Where it listens, as an EncryptionConfiguration writes it.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its folder, removed when it is dropped.
    pub fn folder(&self) -> &Path {
        self.supervisor.root()
    }

    /// How often it was asked to `encrypt`, to `decrypt` or for its `status`.
    pub fn calls(&self, call: &str) -> usize {
        let log = fs::read_to_string(self.file("log")).unwrap_or_default();
        log.lines().filter(|line| *line == call).count()
    }

    /// Kills it. Does nothing if it is stopped.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again after a stop.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        let socket = self.socket();
        check_socket_path(&socket)?;
        self.stop();
        // One that was killed leaves its socket.
        let _absent = fs::remove_file(&socket);
        let arguments = [
            format!("--socket={}", socket.display()),
            format!("--control={}", self.file("control").display()),
        ];
        let process = self.supervisor.run(NAME, &self.binary, &arguments)?;
        ready(NAME, &process, async || {
            UnixStream::connect(&socket).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }
}
