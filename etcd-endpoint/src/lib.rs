//! etcd's v3 API over a [`revision_store`], as far as a Kubernetes API server uses it, and a small client of it.
//!
//! ```text
//! gRPC ──▶ KV, Watch, Lease, … ──▶ translation ──▶ Store
//!          (services, effects)     (values in, values out: span, range, txn, keys, leases)
//! ```
//!
//! The store writes one key at a time and expects a revision. What a kube-apiserver does with etcd is of that form: it
//! creates, updates and deletes one object if it is at a revision, lists a prefix at a revision, and watches a prefix
//! from a revision. So a stock kube-apiserver runs on every backend of the store, on the same data that the server in
//! this project writes. What of etcd's API is of another form is refused in words, never done by halves.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use etcd_endpoint::{Endpoint, Identity, Listening};
//! use revision_store::{SqliteStore, Store};
//!
//! let store = Arc::new(SqliteStore::open("data.db").await?);
//! let identity = Identity { name: "default".into(), client_urls: vec!["http://127.0.0.1:2379".into()] };
//! let endpoint = Endpoint::new(store.clone(), identity);
//! let listening = Listening::bind(endpoint, &["http://127.0.0.1:2379".parse()?], None).await?;
//! listening.run(std::future::pending()).await?;
//! store.close().await;
//! # Ok(())
//! # }
//! ```

pub mod client;
mod endpoint;
mod hash;
mod keys;
mod kv;
mod lease;
mod leases;
mod listen;
mod members;
pub mod proto;
mod range;
mod read;
mod serve;
mod span;
mod status;
mod txn;
mod watch;

pub use endpoint::{Endpoint, Identity};
pub use listen::{ListenUrl, ListenUrlError, Place};
pub use serve::{Listening, ServeError, ServerTls};
