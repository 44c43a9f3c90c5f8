//! Keeps the API server told where the webhook is and which authorities sign its certificate: the two webhook
//! configurations, and the conversion of every federated CRD.
//!
//! It starts when the webhook serves, since a registration with `failurePolicy: Fail` that nobody answers stops every
//! write. It acts on events alone: a rotated authority, a CRD that appears or changes, a configuration that somebody
//! edits or deletes.

mod configuration;
mod conversion;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::address::WebhookAddress;

pub use self::configuration::{
    MUTATING_NAME, Registration, VALIDATING_NAME, mutating_configuration, validating_configuration,
};
pub use self::conversion::{CONVERSION_CHANGED_BY_OTHERS_PAUSE, conversion_patch, is_federated};

/// Field manager of what is registered.
pub const FIELD_MANAGER: &str = "fedd-webhook";
