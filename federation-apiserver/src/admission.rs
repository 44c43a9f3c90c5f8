//! What may still be said to a write before it is stored.
//!
//! Plugins run in the order of kube-apiserver ("Admission Control in Kubernetes"): first all that change objects,
//! then, after the schema's validation, all that only look.

use async_trait::async_trait;
use serde_json::Value;

use crate::auth::User;
use crate::request::{DeleteOptions, WriteOptions};
use crate::resource::Resource;
use crate::status::ApiError;

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A changed one.
    Update,
    /// One that goes.
    Delete,
}

impl Operation {
    /// The name in an `AdmissionReview`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// The options of a write.
#[derive(Clone, Copy, Debug)]
pub enum Options<'a> {
    /// Of a create, an update or a patch.
    Write(&'a WriteOptions),
    /// Of a delete.
    Delete(&'a DeleteOptions),
}

/// A write that is under way.
pub struct Attributes<'a> {
    /// What it does.
    pub operation: Operation,
    /// To which resource, in the version of the request.
    pub resource: &'a Resource,
    /// To which part of the object.
    pub subresource: Option<&'a str>,
    /// In which namespace; a namespace is in itself.
    pub namespace: Option<&'a str>,
    /// To which object; empty while its name is still to be made.
    pub name: &'a str,
    /// The object as it will be; `Null` for a delete.
    pub object: Value,
    /// The object as it is; `None` for a create.
    pub old: Option<&'a Value>,
    /// Who asks.
    pub user: &'a User,
    /// Nothing will be stored.
    pub dry_run: bool,
    /// What else was asked for.
    pub options: Options<'a>,
    /// What the client will be warned of.
    pub warnings: Vec<String>,
}

/// Something that has a say.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// Changes the object, or refuses it.
    ///
    /// # Errors
    /// Why the write is refused.
    async fn admit(&self, _write: &mut Attributes<'_>) -> Result<(), ApiError> {
        Ok(())
    }

    /// Refuses the object, or lets it pass.
    ///
    /// # Errors
    /// Why the write is refused.
    async fn validate(&self, _write: &mut Attributes<'_>) -> Result<(), ApiError> {
        Ok(())
    }
}
