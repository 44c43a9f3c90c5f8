//! Calls to webhooks: of admission, and of the conversion of custom resources.
//!
//! What is sent, what is made of the answer, and what clients are told is kube-apiserver's, as described in "Dynamic
//! Admission Control" and "Versions in CustomResourceDefinitions", so that webhooks made for it work here.
//!
//! A webhook is called at its `url`, or, if it is a `service`, at `<name>.<namespace>.svc` and the service's port. There
//! are no services here that would be resolved in another way: the name must be one that this host resolves, by its
//! DNS or its hosts file. Calls are HTTP/1.1 over TLS; a server's certificate must be signed by the `caBundle`, or,
//! without one, by an authority that the server was given to trust.

mod admission;
mod answer;
mod blocking;
mod condition;
mod configurations;
mod connection;
mod conversion;
mod endpoint;
mod hook;
mod matching;
mod outcome;
mod review;
mod rule;

pub use admission::AdmissionWebhooks;
pub use configurations::{Configurations, FollowConfigurations};
pub use conversion::ConversionWebhooks;
