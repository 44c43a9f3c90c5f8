//! A Kubernetes API server as a library.

pub mod admission;
pub mod auth;
pub mod body;
pub mod builtin;
pub mod control;
pub mod conversion;
pub mod definition;
pub mod discovery;
mod embedded;
mod in_process;
pub mod object;
pub mod openapi;
mod ownership;
pub mod protobuf;
mod raw;
pub mod request;
pub mod resource;
pub mod rest;
pub mod select;
pub mod server;
pub mod status;
pub mod syntax;
pub mod table;
pub mod webhook;

pub use embedded::{EmbeddedError, EmbeddedServer, ISSUER, Options, Secrets};
pub use in_process::InProcess;
pub use structural_schema::{Cause, FieldError};
