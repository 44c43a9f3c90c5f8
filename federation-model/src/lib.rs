//! The API of a cell-based multi-cluster federation.
//!
//! Kinds, names, and the arithmetic of placement and mask, as values: nothing here does I/O, reads a clock or has state.
//!
//! | module | holds |
//! | --- | --- |
//! | [`names`] | every label, annotation, finalizer and group |
//! | `federated` | [`FederatedObject`] (by cluster) and [`TopologyObject`] (by topology), placement, mask, overrides, status |
//! | `cluster`, `cell`, `topology_type`, `type_config`, `config` | the kinds around it |
//! | `crd` | [`core_crds`] and [`federated_crd`]: every definition, as data |
//! | [`FeatureGates`] | what goes beyond KubeFed, one switch each |

mod cell;
mod cluster;
mod config;
mod crd;
mod duration;
mod federated;
mod gates;
mod key;
mod name_template;
pub mod names;
mod propagated_version;
mod replica_scheduling;
mod topology_type;
mod type_config;
mod validate;

pub use cell::*;
pub use cluster::*;
pub use config::*;
pub use crd::*;
pub use duration::*;
pub use federated::*;
pub use gates::*;
pub use key::*;
pub use name_template::*;
pub use names::*;
pub use propagated_version::*;
pub use replica_scheduling::*;
pub use topology_type::*;
pub use type_config::*;
pub use validate::*;

/// The README's example, so that it is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
