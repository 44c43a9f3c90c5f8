//! Where a federation's data and keys are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use federation_apiserver::Secrets;
use revision_store::{SqliteStore, Store};

use super::data::{DataFolder, secrets_in};

/// Where a federation's data and keys are.
#[derive(Clone, Debug)]
pub struct Storage {
    data: PathBuf,
    secrets: Option<PathBuf>,
}

/// Data in use.
pub struct Opened {
    /// The objects.
    pub store: Arc<dyn Store>,
    /// The keys.
    pub secrets: Secrets,
    /// Whether other processes may have the data too.
    pub is_shared: bool,
}

impl Storage {
    /// One file, for one process, with the keys beside it.
    pub fn file(data: PathBuf) -> Self {
        Self { data, secrets: None }
    }

    /// With the keys in this folder, if it is given.
    #[must_use]
    pub fn with_secrets_in(self, folder: Option<PathBuf>) -> Self {
        Self { secrets: folder, ..self }
    }

    /// What lies on this machine's disk beside the data.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn folder(&self) -> anyhow::Result<DataFolder> {
        DataFolder::of(&self.data)
    }

    /// Opens it.
    ///
    /// # Errors
    /// The data or the keys cannot be used.
    pub async fn open(&self) -> anyhow::Result<Opened> {
        let folder = DataFolder::of(&self.data)?;
        // Its errors name the file.
        let store = Arc::new(SqliteStore::open(&self.data).await?);
        let secrets = match &self.secrets {
            Some(secrets) => secrets_in(secrets),
            None => folder.secrets(),
        };
        let secrets = secrets.context("keys of the API server")?;
        Ok(Opened { store, secrets, is_shared: false })
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.display().fmt(formatter)
    }
}
