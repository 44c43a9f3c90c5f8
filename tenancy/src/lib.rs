//! Tenant scopes of federated objects and clusters.
//!
//! A scope is a pair of labels: tenant and workspace group. An object has its own, else its namespace's; a cluster has
//! those of its `KubeFedCluster`. Whoever reads or writes for an object does so on clusters of its scope only; objects
//! without a scope reach only clusters without one. [`ScopeKeys`] says which labels count, [`Scope::reaches`] who may
//! reach what, and the `check_…` rules keep a scope from changing once it is set.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tenancy::{Scope, ScopeKeys};
//!
//! let keys = ScopeKeys::default();
//! let bank = BTreeMap::from([
//!     ("fedd.io/tenant".to_owned(), "bank".to_owned()),
//!     ("fedd.io/workspace-group".to_owned(), "prod".to_owned()),
//! ]);
//! let object = keys.of_object(&BTreeMap::new(), Some(&bank));
//! assert!(object.reaches(&keys.of_labels(&bank)));
//! assert!(!object.reaches(&Scope::Shared));
//! ```

mod admission;
mod scope;

pub use admission::Refusal;
pub use scope::{Labels, Scope, ScopeKeys, preselect};
