//! CA bundles of webhooks, which certificate controllers of the member fill in.

use serde_json::Value;

use super::fields::{at, at_mut, is_empty};

const CA_BUNDLE: &str = "caBundle";
/// Where a CustomResourceDefinition says how its conversion is called.
const CONVERSION: &[&str] = &["spec", "conversion", "webhook", "clientConfig"];

/// Name and CA bundle of every webhook of a configuration that has both.
pub(super) fn of_webhooks(live: &Value) -> impl Iterator<Item = (&str, &str)> {
    at(live, &["webhooks"]).and_then(Value::as_array).into_iter().flatten().filter_map(|webhook| {
        let name = webhook.get("name")?.as_str().filter(|name| !name.is_empty())?;
        Some((name, bundle(at(webhook, &["clientConfig"])?)?))
    })
}

/// The CA bundle of a CustomResourceDefinition's conversion.
pub(super) fn of_conversion(live: &Value) -> Option<&str> {
    bundle(at(live, CONVERSION)?)
}

fn bundle(client_config: &Value) -> Option<&str> {
    client_config.get(CA_BUNDLE)?.as_str().filter(|bundle| !bundle.is_empty())
}

/// Gives the webhook of a name its CA bundle, unless it brings one.
pub(super) fn restore_of_webhook(desired: &mut Value, webhook: &str, bundle: &str) {
    let webhooks = at_mut(desired, &["webhooks"]).and_then(Value::as_array_mut);
    let named =
        webhooks.into_iter().flatten().find(|w| w.get("name").and_then(Value::as_str) == Some(webhook));
    if let Some(config) = named.and_then(|webhook| at_mut(webhook, &["clientConfig"])) {
        fill(config, bundle);
    }
}

/// Gives a CustomResourceDefinition's conversion its CA bundle, unless it brings one.
pub(super) fn restore_of_conversion(desired: &mut Value, bundle: &str) {
    if let Some(config) = at_mut(desired, CONVERSION) {
        fill(config, bundle);
    }
}

fn fill(client_config: &mut Value, bundle: &str) {
    if let Value::Object(config) = client_config
        && config.get(CA_BUNDLE).is_none_or(is_empty)
    {
        config.insert(CA_BUNDLE.to_owned(), bundle.into());
    }
}
