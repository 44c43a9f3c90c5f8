//! Real Kubernetes API servers for tests, benchmarks and demonstrations.
//!
//! A [`Testbed`] is one etcd on Unix sockets in a temporary folder. Each [`ApiServer`] on it is a kube-apiserver on
//! 127.0.0.1 with a free port, a prefix of its own in etcd, and certificates and keys of its own: to its clients a
//! cluster by itself. No container, no node and no privilege is needed.
//!
//! Nothing outlives its owner. A shell holds the processes and waits for the end of a pipe that only this process
//! holds; when the handles are dropped, a test panics, or this process is killed with SIGKILL, the shell kills the
//! servers and removes the folder.
//!
//! A [`Database`] is a MariaDB or an OceanBase server by itself, with an empty database; it ends as an API server does.
//!
//! The binaries come from `KUBEBUILDER_ASSETS` or are built once from Go modules that are pinned in the repository's
//! `tools` folder; see [`Binary::path`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use k8s_openapi::api::core::v1::Namespace;
//! use kube::Api;
//! use testbed::Testbed;
//!
//! let testbed = Testbed::start().await?;
//! let (host, member) = tokio::try_join!(testbed.api_server("host"), testbed.api_server("member"))?;
//! let namespaces: Api<Namespace> = Api::all(host.client());
//! assert!(namespaces.get("default").await.is_ok());
//! member.stop().await?;
//! member.start_again().await?;
//! # Ok(())
//! # }
//! ```

mod api_server;
mod audit;
mod binaries;
mod blocking;
mod certificates;
mod client_go;
mod controller_manager;
mod database;
mod error;
mod etcd;
mod kine;
mod kms_plugin;
mod libraries;
mod log_tail;
mod network_proxy;
mod ports;
mod readiness;
mod restartable;
mod supervisor;
mod testbed;

pub use api_server::{ApiServer, ApiServerOptions};
pub use audit::AuditedWrite;
pub use binaries::{Binary, kubectl_path};
pub use certificates::Identity;
pub use client_go::{ClientGo, Judgement};
pub use controller_manager::ControllerManager;
pub use database::{Database, DatabaseKind};
pub use error::{Error, Result};
pub use kms_plugin::{KmsControl, KmsPlugin};
pub use libraries::{faketime_library, softhsm_module};
pub use network_proxy::{FrontEnd, NetworkProxy, ProxyAddress, ProxyAgent, ProxyServer};

pub use crate::testbed::Testbed;
