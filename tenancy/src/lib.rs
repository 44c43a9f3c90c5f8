#![doc = include_str!("../README.md")]

mod admission;
mod keys;
mod preselect;
mod scope;
mod shard;

pub use admission::{CellFacts, NamedCluster, ObjectFacts, Refusal, Rule};
pub use keys::{Labels, ScopeKeys, TENANT, WORKSPACE_GROUP};
pub use preselect::preselect;
pub use scope::Scope;
pub use shard::Shard;
