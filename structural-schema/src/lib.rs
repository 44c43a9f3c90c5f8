//! Structural schemas of Kubernetes resources.
//!
//! A [`Schema`] is compiled once, from a custom resource definition's `openAPIV3Schema` or from the definitions that
//! an API server publishes ([`Definitions`]), and then read many times: for pruning, defaulting and validation here,
//! and by whoever needs to know how the lists and maps of a type merge.
//!
//! The rules are Kubernetes': "Extend the Kubernetes API with CustomResourceDefinitions", section "Specifying a
//! structural schema", and "Server-Side Apply", section "Merge strategy".

mod compile;
mod correlate;
mod default;
mod definition;
mod definitions;
mod embedded;
mod field_error;
mod formats;
mod go_regex;
pub mod go_text;
mod keywords;
mod list_types;
mod node;
mod open_api;
mod path;
mod prune;
mod rules;
mod validate;

pub use compile::CompileError;
pub use definition::{check_definition, structural_violations};
pub use definitions::Definitions;
pub use field_error::{Cause, FieldError};
pub use node::{Additional, Kind, ListType, MapType, Node, Patch, Schema, SchemaRef};
