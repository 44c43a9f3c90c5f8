#![doc = include_str!("../README.md")]
//!
//! ## Sources
//!
//! The rules are Kubernetes': "Extend the Kubernetes API with CustomResourceDefinitions", and "Server-Side Apply",
//! section "Merge strategy", for how lists and maps merge, which [`SchemaRef`] tells to whoever merges.

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
pub use rules::Condition;
