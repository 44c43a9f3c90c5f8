//! The webhook configurations, under KubeFed's names.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use serde_json::{Value, json};

use super::Registration;
use crate::webhook::path;

/// Name of the validating configuration (KubeFed's).
pub const VALIDATING_NAME: &str = "validations.core.kubefed.io";
/// Name of the mutating configuration (KubeFed's).
pub const MUTATING_NAME: &str = "mutation.core.kubefed.io";

/// Seconds that the API server waits for an answer; asking takes well under one.
const TIMEOUT: i32 = 10;

/// What one webhook is asked about.
struct Question {
    name: &'static str,
    path: &'static str,
    group: &'static str,
    versions: &'static [&'static str],
    resources: &'static str,
    operations: &'static [&'static str],
}

const WRITES: &[&str] = &["CREATE", "UPDATE"];

const VALIDATING: [Question; 7] = [
    Question {
        name: "federated.types.kubefed.io",
        path: path::VALIDATE_FEDERATED,
        group: "types.kubefed.io",
        versions: &["v1beta1", "v1beta2"],
        resources: "*",
        operations: WRITES,
    },
    Question {
        name: "kubefedclusters.core.kubefed.io",
        path: path::VALIDATE_CLUSTER,
        group: "core.kubefed.io",
        versions: &["v1beta1"],
        resources: "kubefedclusters",
        operations: WRITES,
    },
    Question {
        name: "federatedtypeconfigs.core.kubefed.io",
        path: path::VALIDATE_TYPE_CONFIG,
        group: "core.kubefed.io",
        versions: &["v1beta1"],
        resources: "federatedtypeconfigs",
        operations: WRITES,
    },
    Question {
        name: "kubefedconfigs.core.kubefed.io",
        path: path::VALIDATE_CONFIG,
        group: "core.kubefed.io",
        versions: &["v1beta1"],
        resources: "kubefedconfigs",
        operations: WRITES,
    },
    Question {
        name: "cells.fedd.io",
        path: path::VALIDATE_CELL,
        group: "fedd.io",
        versions: &["v1alpha1"],
        resources: "cells",
        operations: WRITES,
    },
    Question {
        name: "celldeletions.fedd.io",
        path: path::DELETE_CELL,
        group: "fedd.io",
        versions: &["v1alpha1"],
        resources: "cells",
        operations: &["DELETE"],
    },
    Question {
        name: "topologytypes.fedd.io",
        path: path::VALIDATE_TOPOLOGY_TYPE,
        group: "fedd.io",
        versions: &["v1alpha1"],
        resources: "topologytypes",
        operations: WRITES,
    },
];

const MUTATING: [Question; 2] = [
    Question {
        name: "federated.types.kubefed.io",
        path: path::MUTATE_FEDERATED,
        group: "types.kubefed.io",
        versions: &["v1beta1", "v1beta2"],
        resources: "*",
        operations: WRITES,
    },
    Question {
        name: "kubefedconfigs.core.kubefed.io",
        path: path::DEFAULT_CONFIG,
        group: "core.kubefed.io",
        versions: &["v1beta1"],
        resources: "kubefedconfigs",
        operations: &["CREATE"],
    },
];

fn webhook(question: &Question, registration: &Registration, bundle: Option<&[u8]>) -> Value {
    let mut webhook = json!({
        "name": question.name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": registration.address.admission_client(question.path, bundle),
        "rules": [{
            "apiGroups": [question.group],
            "apiVersions": question.versions,
            "resources": [question.resources],
            "operations": question.operations,
            "scope": "*",
        }],
        "matchPolicy": "Equivalent",
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT,
    });
    if !question.operations.contains(&"DELETE") {
        // Decided by the API server itself: a finalizer must come off though no webhook answers. Labels are a scope, and
        // deletions go by it, so a change of them is asked about all the same.
        webhook["matchConditions"] = json!([{
            "name": "not-being-deleted-or-relabelled",
            "expression": "!has(object.metadata.deletionTimestamp) || (oldObject != null && \
                (has(object.metadata.labels) != has(oldObject.metadata.labels) || \
                (has(object.metadata.labels) && object.metadata.labels != oldObject.metadata.labels)))",
        }]);
    }
    if let Some(namespace) = &registration.only_namespace {
        webhook["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    }
    webhook
}

fn configuration(
    name: &str,
    questions: &[Question],
    registration: &Registration,
    bundle: Option<&[u8]>,
) -> Value {
    let webhooks: Vec<_> = questions.iter().map(|q| webhook(q, registration, bundle)).collect();
    json!({"metadata": {"name": name}, "webhooks": webhooks})
}

/// The validating configuration.
#[allow(
    clippy::expect_used,
    reason = "the JSON is made of literals of this module, and is made in the tests"
)]
pub fn validating_configuration(
    registration: &Registration,
    bundle: Option<&[u8]>,
) -> ValidatingWebhookConfiguration {
    serde_json::from_value(configuration(VALIDATING_NAME, &VALIDATING, registration, bundle))
        .expect("well-formed")
}

/// The mutating configuration.
#[allow(
    clippy::expect_used,
    reason = "the JSON is made of literals of this module, and is made in the tests"
)]
pub fn mutating_configuration(
    registration: &Registration,
    bundle: Option<&[u8]>,
) -> MutatingWebhookConfiguration {
    serde_json::from_value(configuration(MUTATING_NAME, &MUTATING, registration, bundle))
        .expect("well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::address::WebhookAddress;

    #[test]
    fn configurations_are_well_formed() {
        let registration = Registration {
            address: WebhookAddress::Service("fed/hooks:443".parse().unwrap()),
            only_namespace: Some("fed".to_owned()),
        };
        let validating = validating_configuration(&registration, Some(b"pem"));
        assert_eq!(validating.webhooks.unwrap_or_default().len(), VALIDATING.len());
        let mutating = mutating_configuration(&registration, None);
        assert_eq!(mutating.webhooks.unwrap_or_default().len(), MUTATING.len());
    }
}
