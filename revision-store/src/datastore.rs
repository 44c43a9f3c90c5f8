//! Where data are kept, as one line of text.

mod mysql_url;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use crate::{MysqlAddress, MysqlStore, Place, SqliteStore, Store, StoreError};

/// A place for a store, such as `sqlite:///var/lib/fedd/data.db` or `mysql://fedd@db.example:3306/fedd`.
///
/// | text | store |
/// |---|---|
/// | `sqlite:///absolute/path`, `sqlite://relative/path` | a file: [`SqliteStore`] |
/// | `mysql://user:password@host:3306/database` | a database: [`MysqlStore`] |
/// | `mysql://user@tcp(host:3306)/database`, `mysql://user@unix(/path)/database` | the same, as kine writes it |
///
/// After a `?`, options of a database follow, separated by `&`, in percent-encoding like everything before:
///
/// | option | meaning |
/// |---|---|
/// | `socket=/path` | a Unix socket instead of host and port |
/// | `password-file=/path` | the password is this file's first line, read at each new connection |
/// | `tls=true` | TLS, and the server's certificate has to be its host's |
/// | `tls=skip-verify` | TLS with whoever answers |
/// | `ca=/path` | the authorities to trust (PEM), instead of those that web browsers do; means `tls=true` |
/// | `cert=/path`, `key=/path` | a client's certificate and key (PEM); mean `tls=true` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datastore {
    /// A file.
    Sqlite(PathBuf),
    /// A database.
    Mysql(Box<MysqlAddress>),
}

/// Why a text names no place for a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a datastore: {0}")]
pub struct DatastoreError(pub(crate) String);

impl Datastore {
    /// Reads a place.
    ///
    /// ```
    /// # use revision_store::Datastore;
    /// let datastore = Datastore::parse("mysql://fedd:secret@db.example/fedd?tls=true").unwrap();
    /// assert_eq!(datastore.to_string(), "mysql://fedd@db.example:3306/fedd");
    /// assert!(Datastore::parse("postgres://db.example/fedd").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, DatastoreError> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return match path.split_once('?') {
                Some(_) => Err(DatastoreError("a file takes no options: write sqlite:///path".to_owned())),
                None if path.is_empty() => {
                    Err(DatastoreError("the file is missing: write sqlite:///path".to_owned()))
                }
                None => Ok(Self::Sqlite(path.into())),
            };
        }
        match text.strip_prefix("mysql://") {
            Some(rest) => mysql_url::parse(rest).map(|address| Self::Mysql(Box::new(address))),
            None => Err(DatastoreError("write sqlite:///path or mysql://user@host:port/database".to_owned())),
        }
    }

    /// Opens the store that is there, or makes it.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Mysql(address) => Arc::new(MysqlStore::open((**address).clone()).await?),
        })
    }

    /// How errors name it.
    pub fn place(&self) -> Place {
        match self {
            Self::Sqlite(path) => path.as_path().into(),
            Self::Mysql(address) => address.to_string().as_str().into(),
        }
    }
}

impl FromStr for Datastore {
    type Err = DatastoreError;

    fn from_str(text: &str) -> Result<Self, DatastoreError> {
        Self::parse(text)
    }
}

impl fmt::Display for Datastore {
    /// Without the password and the options.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite://{}", path.display()),
            Self::Mysql(address) => address.fmt(formatter),
        }
    }
}
