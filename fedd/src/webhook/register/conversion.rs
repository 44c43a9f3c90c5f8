//! The conversion of federated CRDs.

use std::collections::BTreeSet;

use federation_model::{CLUSTER_FORM_VERSION, TOPOLOGY_FORM_VERSION, TYPES_GROUP};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::FederatedResource;
use crate::webhook::{CONVERT_PATH, address::WebhookAddress};

/// Whether a definition has the versions of both forms. Whether it is a federated kind's, [`is_federated`] says.
pub(super) fn has_both_forms(definition: &CustomResourceDefinition) -> bool {
    let has = |version| definition.spec.versions.iter().any(|v| v.name == version);
    has(CLUSTER_FORM_VERSION) && has(TOPOLOGY_FORM_VERSION)
}

/// Whether a definition is a federated kind's: it is in KubeFed's group, a type config names it, or it asks this webhook
/// already, since its objects outlive its type config and must stay readable.
pub(super) fn is_federated(
    definition: &CustomResourceDefinition,
    federated: &BTreeSet<FederatedResource>,
    address: &WebhookAddress,
) -> bool {
    let spec = &definition.spec;
    let wanted = address.conversion_client(CONVERT_PATH, None);
    let asked = spec.conversion.as_ref().and_then(|c| c.webhook.as_ref()?.client_config.as_ref());
    spec.group == TYPES_GROUP
        || federated.iter().any(|f| f.group == spec.group && f.plural == spec.names.plural)
        || asked.is_some_and(|asked| asked.url == wanted.url && asked.service == wanted.service)
}

/// The JSON merge patch that tells a federated definition where to ask for conversions; `None` when it knows, or has one
/// form only.
pub fn conversion_patch(
    definition: &CustomResourceDefinition,
    address: &WebhookAddress,
    bundle: Option<&[u8]>,
) -> Option<Value> {
    if !has_both_forms(definition) {
        return None;
    }
    let wanted = address.conversion_client(CONVERT_PATH, bundle);
    let webhook = definition
        .spec
        .conversion
        .as_ref()
        .filter(|c| c.strategy == "Webhook")
        .and_then(|c| c.webhook.as_ref());
    if webhook.and_then(|w| w.client_config.as_ref()) == Some(&wanted) {
        return None;
    }
    let mut client = json!({"url": null, "service": null, "caBundle": null});
    json_patch::merge(&mut client, &serde_json::to_value(&wanted).unwrap_or_default());
    // A merge took the nulls of what is not wanted away; the API server needs them said.
    for key in ["url", "service", "caBundle"] {
        if client.get(key).is_none() {
            client[key] = Value::Null;
        }
    }
    Some(json!({"spec": {"conversion": {
        "strategy": "Webhook",
        "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client},
    }}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{ConversionWebhook, FederatedKind, default_types, federated_crd, type_config};

    #[test]
    fn a_definition_is_told_once() {
        let config = type_config(&default_types()[1].target, "fed");
        let address = WebhookAddress::Url("https://h:1".parse().unwrap());
        let mut crd = federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::Pending);
        let patch = conversion_patch(&crd, &address, Some(b"pem")).unwrap();
        assert_eq!(patch["spec"]["conversion"]["webhook"]["clientConfig"]["url"], "https://h:1/convert");
        let mut value = serde_json::to_value(&crd).unwrap();
        json_patch::merge(&mut value, &patch);
        crd = serde_json::from_value(value).unwrap();
        assert_eq!(conversion_patch(&crd, &address, Some(b"pem")), None);
        assert!(conversion_patch(&crd, &address, Some(b"rotated")).is_some());
        let one_form = federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::None);
        assert_eq!(conversion_patch(&one_form, &address, None), None);
    }

    #[test]
    fn a_definition_of_another_group_is_told_while_a_type_config_names_it_and_kept_told_after() {
        let mut config = type_config(&default_types()[1].target, "fed");
        config.spec.federated_type.group = "types.example.com".to_owned();
        let address = WebhookAddress::Url("https://h:1".parse().unwrap());
        let crd = federated_crd(&config, &FederatedKind::default(), &ConversionWebhook::Pending);
        assert!(has_both_forms(&crd));
        assert!(!is_federated(&crd, &BTreeSet::new(), &address), "somebody else's");
        let named = BTreeSet::from([FederatedResource::of(&config)]);
        assert!(is_federated(&crd, &named, &address));
        let mut value = serde_json::to_value(&crd).unwrap();
        json_patch::merge(&mut value, &conversion_patch(&crd, &address, Some(b"pem")).unwrap());
        assert!(is_federated(&serde_json::from_value(value).unwrap(), &BTreeSet::new(), &address));
    }
}
