//! One webhook of a configuration, ready to be called.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use serde_json::Value;

use super::condition::Conditions;
use super::endpoint::Endpoint;
use super::review::ReviewVersion;
use super::rule::Rule;
use crate::select::LabelSelector;

/// A webhook of admission.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a field of the configuration, and independent of the others"
)]
pub(super) struct Hook {
    /// Tells it apart from all others: configuration, webhook, and its place, since names may be the same.
    pub(super) id: String,
    /// Its name, which errors tell.
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
    /// Its rules also ask for other versions of what they name (`matchPolicy: Equivalent`).
    pub(super) equivalent: bool,
    /// `None` is one that cannot be read.
    pub(super) namespaces: Option<LabelSelector>,
    /// As above.
    pub(super) objects: Option<LabelSelector>,
    pub(super) conditions: Conditions,
    /// A failed call is as good as none (`failurePolicy: Ignore`).
    pub(super) may_fail: bool,
    /// It may be called on a dry run.
    pub(super) without_side_effects: bool,
    /// It is called again when a later one has changed the object (`reinvocationPolicy: IfNeeded`).
    pub(super) again: bool,
    pub(super) timeout: Duration,
    /// The first of its versions that is known here.
    pub(super) version: Option<ReviewVersion>,
    /// Why it cannot be called at all is told when it is to be called.
    pub(super) endpoint: Result<Endpoint, String>,
}

impl Hook {
    /// The webhooks of a configuration, in their order.
    pub(super) fn all(configuration: &Value, trusted: &Arc<RootCertStore>) -> Vec<Arc<Self>> {
        let name = crate::object::name(configuration);
        let webhooks = configuration["webhooks"].as_array().into_iter().flatten().enumerate();
        webhooks.map(|(place, webhook)| Arc::new(Self::new(name, place, webhook, trusted))).collect()
    }

    fn new(configuration: &str, place: usize, webhook: &Value, trusted: &Arc<RootCertStore>) -> Self {
        let name = webhook["name"].as_str().unwrap_or_default().to_owned();
        let list = |field: &str| webhook[field].as_array().into_iter().flatten();
        let selector = |field: &str| match &webhook[field] {
            Value::Null => Some(LabelSelector::default()),
            selector => LabelSelector::of_object(selector),
        };
        Self {
            id: format!("{configuration}/{name}/{place}"),
            rules: list("rules").map(Rule::new).collect(),
            equivalent: webhook["matchPolicy"] != "Exact",
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            conditions: Conditions::new(webhook),
            may_fail: webhook["failurePolicy"] == "Ignore",
            without_side_effects: ["None", "NoneOnDryRun"].iter().any(|one| webhook["sideEffects"] == *one),
            again: webhook["reinvocationPolicy"] == "IfNeeded",
            timeout: Duration::from_secs(webhook["timeoutSeconds"].as_u64().unwrap_or(10).clamp(1, 30)),
            version: list("admissionReviewVersions")
                .find_map(|version| ReviewVersion::named(version.as_str()?)),
            endpoint: Endpoint::new(&webhook["clientConfig"], trusted),
            name,
        }
    }
}
