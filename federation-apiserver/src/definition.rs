//! Custom resource definitions: what they make of the catalog, and what the server makes of them.
//!
//! The rules are those of "Extend the Kubernetes API with CustomResourceDefinitions".

mod controller;
mod converters;
mod custom;
mod names;
mod rules;
pub(crate) mod scale;
mod served;
mod status;

pub use controller::Definitions;
pub use converters::Converters;
pub(crate) use rules::DefinitionRules;

/// The finalizer that is on a definition from its deletion until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Where definitions are stored.
pub(crate) const PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
