//! A revisioned key-value store with watches: what a Kubernetes API server keeps its objects in.
//!
//! ```text
//!            write ──▶ backend (a table of versions) ──▶ hub (recent events) ──▶ watches
//!  get, list, count ──▶ backend                                   │ a watch that is behind
//!                          ▲──────────────────────────────────────┘ reads the table again
//! ```
//!
//! [`Store`] says what every backend does. [`SqliteStore`] keeps everything in one file, with the table of
//! [kine](https://github.com/k3s-io/kine), so that kine and a stock kube-apiserver can serve the same file later.
//! [`MysqlStore`] keeps it in a database of MySQL, MariaDB or OceanBase, for any number of processes at once.
//! [`Datastore`] names either. [`MemoryStore`] keeps it in memory and behaves the same; tests run on it.
//!
//! ```
//! use bytes::Bytes;
//! use revision_store::{MemoryStore, Range, Store, Write};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let create = Write::Create { key: "/fruit/apple".into(), value: Bytes::from("red"), lease: 0 };
//! let written = store.write(create).await.unwrap();
//! let delete = Write::Delete { key: "/fruit/apple".into(), expected: written.revision };
//! store.write(delete).await.unwrap();
//!
//! let now = store.list(Range::prefix("/fruit/")).await.unwrap();
//! let then = store.list(Range { at: Some(written.revision), ..Range::prefix("/fruit/") }).await.unwrap();
//! assert_eq!((now.entries.len(), then.entries.len()), (0, 1));
//! # });
//! ```

mod batch;
mod check;
mod commits;
mod datastore;
mod entry;
mod error;
mod event;
mod history;
mod hub;
mod leases;
mod limits;
mod memory;
mod mysql;
mod place;
mod prefix;
mod read;
mod row;
mod rows;
mod sqlite;
mod step;
mod store;
mod watch;
mod write;

pub use check::{Check, Checked, Finding};
pub use commits::Commits;
pub use datastore::{Datastore, DatastoreError};
pub use entry::{Entry, Revision};
pub use error::{StoreError, WriteError};
pub use event::{Event, EventKind, WatchItem};
pub use memory::MemoryStore;
pub use mysql::{MysqlAddress, MysqlOptions, MysqlPassword, MysqlServer, MysqlStore, MysqlTls};
pub use place::Place;
pub use read::{Got, Page, Range};
pub use row::Row;
pub use rows::Rows;
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::Store;
pub use watch::Watch;
pub use write::{Write, Written};
