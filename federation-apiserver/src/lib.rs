//! A Kubernetes API server as a library: kubectl and client-go work with it, and its objects are in a
//! [`revision_store::Store`].
//!
//! [`EmbeddedServer`] is all of it as one value. Below it, from a request to the store:
//!
//! | module | holds |
//! | --- | --- |
//! | [`server`], [`request`], [`body`], [`protobuf`] | HTTP: listening, limits, paths, options, forms of answers |
//! | [`auth`] | who asks, and may they |
//! | [`resource`], [`builtin`], [`definition`], [`conversion`] | what is served, and what is particular to each kind |
//! | [`rest`] | the verbs |
//! | [`encryption`] | encryption at rest, between the verbs and the store |
//! | [`admission`], [`webhook`] | what may still be said to a write |
//! | [`control`] | the parts that act by themselves |
//! | [`metrics`], [`audit`] | what is counted, and what is recorded |
//! | [`discovery`], [`openapi`], [`table`], [`select`], [`status`] | documents, tables, selectors, errors |
//!
//! What it has of Kubernetes' API and what it has not is in the project's docs/api-conformance.md.

pub mod admission;
pub mod audit;
pub mod auth;
pub mod body;
pub mod builtin;
pub mod control;
pub mod conversion;
pub mod definition;
pub mod discovery;
mod embedded;
pub mod encryption;
mod in_process;
pub mod metrics;
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
