//! A Kubernetes API server as a library.

pub mod auth;
pub mod builtin;
mod field_error;
pub mod select;
pub mod syntax;
pub mod table;

pub use field_error::{Cause, FieldError};
