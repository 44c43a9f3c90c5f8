//! The conversion of federated CRDs.

use federation_model::{TOPOLOGY_FORM_VERSION, TYPES_GROUP};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::webhook::{CONVERT_PATH, address::WebhookAddress};

/// Whether a definition is a federated kind's in both forms.
pub(super) fn has_both_forms(definition: &CustomResourceDefinition) -> bool {
    let spec = &definition.spec;
    spec.group == TYPES_GROUP && spec.versions.iter().any(|v| v.name == TOPOLOGY_FORM_VERSION)
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
}
