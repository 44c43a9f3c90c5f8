//! A Kubernetes API server as a library.

pub mod admission;
pub mod auth;
pub mod body;
pub mod builtin;
<<<<<<< HEAD
pub mod conversion;
mod field_error;
pub mod object;
mod ownership;
mod raw;
pub mod request;
pub mod resource;
pub mod rest;
=======
pub mod discovery;
mod field_error;
pub mod openapi;
>>>>>>> 54204210a9341b4ecaf88861f81378c4373075bc
pub mod select;
pub mod status;
pub mod syntax;
pub mod table;

pub use field_error::{Cause, FieldError};
