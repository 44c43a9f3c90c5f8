//! A Kubernetes API server as a library.

pub mod auth;
pub mod builtin;
pub mod discovery;
mod field_error;
pub mod openapi;
pub mod select;
pub mod syntax;
pub mod table;

pub use field_error::{Cause, FieldError};
