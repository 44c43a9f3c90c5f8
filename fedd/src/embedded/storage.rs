//! Where a federation's data and keys are.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use federation_apiserver::Secrets;
use revision_store::{Datastore, Store};

use super::data::{DataFolder, default_data, secrets_in};
use super::shared_secrets;

/// Where a federation's data and keys are.
#[derive(Clone, Debug)]
pub struct Storage {
    datastore: Datastore,
    /// `None`: beside a file, in a database.
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
    /// A datastore, with the keys in this folder, if it is given.
    pub fn new(datastore: Datastore, secrets: Option<PathBuf>) -> Self {
        Self { datastore, secrets }
    }

    /// One file, for one process, with the keys beside it.
    pub fn file(data: PathBuf) -> Self {
        Self::new(Datastore::Sqlite(data), None)
    }

    /// What lies on this machine's disk: beside the file, or where it would be.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn folder(&self) -> anyhow::Result<DataFolder> {
        match &self.datastore {
            Datastore::Sqlite(path) => DataFolder::of(path),
            Datastore::Mysql(_) => DataFolder::of(&default_data()),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// The data or the keys cannot be used.
    pub async fn open(&self) -> anyhow::Result<Opened> {
        let is_shared = match &self.datastore {
            Datastore::Sqlite(path) => {
                // It is made for the file.
                DataFolder::of(path)?;
                false
            }
            Datastore::Mysql(_) => true,
        };
        // Its errors name the place.
        let store = self.datastore.open().await?;
        let secrets = match (&self.secrets, &self.datastore) {
            (Some(folder), _) => secrets_in(folder),
            (None, Datastore::Sqlite(path)) => DataFolder::of(path)?.secrets(),
            (None, Datastore::Mysql(_)) => shared_secrets::of(&*store).await,
        };
        let secrets = secrets.context("keys of the API server")?;
        Ok(Opened { store, secrets, is_shared })
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.datastore {
            Datastore::Sqlite(path) => path.display().fmt(formatter),
            Datastore::Mysql(address) => address.fmt(formatter),
        }
    }
}
