//! One command per file. Which one is called is said in [`crate::cli`].

pub mod agent;
pub mod completion;
pub mod crds;
pub mod credentials;
pub mod datastore;
pub mod disable;
pub mod enable;
pub mod etcd_endpoint;
pub mod install;
pub mod join;
pub mod permissions;
pub mod quickstart;
pub mod run;
pub mod serve;
pub mod tunnel_client;
pub mod tunnel_server;
pub mod unjoin;
pub mod version;
