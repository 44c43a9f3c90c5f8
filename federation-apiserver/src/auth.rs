//! Who asks, and may they: users and how they prove who they are, role-based access control, and the review kinds.
//!
//! Everything here is a decision over plain values. What a decision needs from the store or from the clock is an
//! argument, so that the same code serves requests, reviews and tests. Texts are kube-apiserver's, since clients and
//! people read them.
//!
//! * [`User`] comes from a client certificate, a static token or a service account's token.
//! * [`Policy`] holds roles and bindings, indexed by subject, and answers [`Policy::authorize`].
//! * [`escalation`] keeps users from granting more than they hold, [`impersonation`] from being whom they may not be.
//! * [`default_roles`] is what a server starts with.

mod access_review;
pub mod aggregation;
mod attributes;
mod authenticate;
mod binding;
mod binding_index;
pub mod certificates;
mod claims;
pub mod client_certificate;
mod coverage;
pub mod default_roles;
pub mod escalation;
mod fingerprint;
mod identity_review;
pub mod impersonation;
mod kubeconfig;
mod policy;
mod quote;
mod refusal;
mod role;
mod rule;
mod tls;
mod token;
mod token_error;
mod token_request;
mod user;

pub use access_review::{AccessReview, access_review, rules_review};
pub use attributes::{Attributes, ResourceTarget, Target};
pub use authenticate::{
    Authenticated, Authenticators, Credentials, StaticTokens, Unauthenticated, bearer_token,
};
pub use binding::{Binding, RoleRef, Subject};
pub use certificates::{CertificatesError, Identity};
pub use claims::{BoundKind, BoundTo, Claims, Live, NamedUid, Reference};
pub use client_certificate::{CertificateError, ClientCertificate};
pub use identity_review::{TokenQuestion, self_review, token_review};
pub use kubeconfig::{Login, kubeconfig};
pub use policy::{Decision, Holdings, MissingRole, Policy, RbacKind};
pub use refusal::Refusal;
pub use role::{AggregationRule, Role, RoleMeta};
pub use rule::PolicyRule;
pub use tls::server_config;
pub use token::{TokenKeys, Verified};
pub use token_error::TokenError;
pub use token_request::{Account, BoundObject, Grant, TokenRequest};
pub use user::{
    ALL_SERVICE_ACCOUNTS, ANONYMOUS, AUTHENTICATED, CREDENTIAL_ID, MASTERS, UNAUTHENTICATED, User,
    service_account_groups, service_account_name,
};
