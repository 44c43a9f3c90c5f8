//! The webhook configurations, under KubeFed's names.

use std::collections::{BTreeMap, BTreeSet};

use federation_model::{
    CLUSTER_FORM_VERSION, CORE_GROUP, FEDD_GROUP, TOKEN_KEY, TOPOLOGY_FORM_VERSION, TYPES_GROUP,
};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use serde_json::{Value, json};

use super::{FederatedResource, Registration};
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
    about: About,
    operations: &'static [&'static str],
}

/// Which resources.
enum About {
    /// Every federated type.
    Federated,
    /// One of the federation's own kinds.
    One { group: &'static str, version: &'static str, resource: &'static str },
}

const WRITES: &[&str] = &["CREATE", "UPDATE"];

const fn core(resource: &'static str) -> About {
    About::One { group: CORE_GROUP, version: "v1beta1", resource }
}

const fn fedd(resource: &'static str) -> About {
    About::One { group: FEDD_GROUP, version: "v1alpha1", resource }
}

const VALIDATING: [Question; 7] = [
    Question {
        name: "federated.types.kubefed.io",
        path: path::VALIDATE_FEDERATED,
        about: About::Federated,
        operations: WRITES,
    },
    Question {
        name: "kubefedclusters.core.kubefed.io",
        path: path::VALIDATE_CLUSTER,
        about: core("kubefedclusters"),
        operations: WRITES,
    },
    Question {
        name: "federatedtypeconfigs.core.kubefed.io",
        path: path::VALIDATE_TYPE_CONFIG,
        about: core("federatedtypeconfigs"),
        operations: WRITES,
    },
    Question {
        name: "kubefedconfigs.core.kubefed.io",
        path: path::VALIDATE_CONFIG,
        about: core("kubefedconfigs"),
        operations: WRITES,
    },
    Question { name: "cells.fedd.io", path: path::VALIDATE_CELL, about: fedd("cells"), operations: WRITES },
    Question {
        name: "celldeletions.fedd.io",
        path: path::DELETE_CELL,
        about: fedd("cells"),
        operations: &["DELETE"],
    },
    Question {
        name: "topologytypes.fedd.io",
        path: path::VALIDATE_TOPOLOGY_TYPE,
        about: fedd("topologytypes"),
        operations: WRITES,
    },
];

const MUTATING: [Question; 2] = [
    Question {
        name: "federated.types.kubefed.io",
        path: path::MUTATE_FEDERATED,
        about: About::Federated,
        operations: WRITES,
    },
    Question {
        name: "kubefedconfigs.core.kubefed.io",
        path: path::DEFAULT_CONFIG,
        about: core("kubefedconfigs"),
        operations: &["CREATE"],
    },
];

/// Secrets with a readable token, in the federation's namespace.
const CREDENTIALS: Question = Question {
    name: "credentials.fedd.io",
    path: path::VALIDATE_CREDENTIALS,
    about: About::One { group: "", version: "v1", resource: "secrets" },
    operations: WRITES,
};

/// The paths that are asked about a write, in order: those that change objects, or those that only judge.
pub(crate) fn paths<'a>(
    mutating: bool,
    resource: (&'a str, &'a str, &'a str),
    operation: &'a str,
    federated: &'a BTreeSet<FederatedResource>,
) -> impl Iterator<Item = &'static str> + 'a {
    let (group, version, plural) = resource;
    let questions: &[Question] = if mutating { &MUTATING } else { &VALIDATING };
    let is_about = move |question: &&Question| match question.about {
        About::Federated => federated_rules(federated).into_iter().any(|(g, versions, plurals)| {
            g == group && versions.contains(version) && (plurals.contains("*") || plurals.contains(plural))
        }),
        About::One { group: g, version: v, resource } => (g, v, resource) == (group, version, plural),
    };
    questions
        .iter()
        .filter(move |question| question.operations.contains(&operation))
        .filter(is_about)
        .map(|question| question.path)
}

/// The rules for the federated types: KubeFed's group whole, so that an object is judged though its type config is on its
/// way; of other groups, which others may share, what type configs name.
fn federated_rules(federated: &BTreeSet<FederatedResource>) -> Vec<(&str, BTreeSet<&str>, BTreeSet<&str>)> {
    let forms = || BTreeSet::from([CLUSTER_FORM_VERSION, TOPOLOGY_FORM_VERSION]);
    let mut rules = vec![(TYPES_GROUP, forms(), BTreeSet::from(["*"]))];
    let mut others: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for FederatedResource { group, version, plural } in federated {
        if group != TYPES_GROUP || version != CLUSTER_FORM_VERSION {
            others.entry((group, version)).or_default().insert(plural);
        }
    }
    let others = others.into_iter().map(|((group, version), plurals)| {
        (group, BTreeSet::from([version, TOPOLOGY_FORM_VERSION]), plurals)
    });
    rules.extend(others);
    rules
}

fn webhook(
    question: &Question,
    registration: &Registration,
    federated: &BTreeSet<FederatedResource>,
    bundle: Option<&[u8]>,
) -> Value {
    let rules = match question.about {
        About::Federated => federated_rules(federated),
        About::One { group, version, resource } => {
            vec![(group, BTreeSet::from([version]), BTreeSet::from([resource]))]
        }
    };
    let rule = |(group, versions, resources)| {
        json!({
            "apiGroups": [group],
            "apiVersions": versions,
            "resources": resources,
            "operations": question.operations,
            "scope": "*",
        })
    };
    let rules: Vec<_> = rules.into_iter().map(rule).collect();
    let mut webhook = json!({
        "name": question.name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": registration.address.admission_client(question.path, bundle),
        "rules": rules,
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

/// What is asked about credentials. While no webhook answers, Secrets without a readable token can be written all the same:
/// the webhook's own certificate above all, without which it does not come up.
fn of_credentials(registration: &Registration, namespace: &str, bundle: Option<&[u8]>) -> Value {
    let mut webhook = webhook(&CREDENTIALS, registration, &BTreeSet::new(), bundle);
    webhook["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    webhook["matchConditions"] = json!([{
        "name": "holds-a-readable-token",
        "expression": format!("has(object.data) && '{TOKEN_KEY}' in object.data"),
    }]);
    webhook
}

fn configuration(
    name: &str,
    questions: &[Question],
    registration: &Registration,
    federated: &BTreeSet<FederatedResource>,
    bundle: Option<&[u8]>,
) -> Value {
    let webhooks: Vec<_> = questions.iter().map(|q| webhook(q, registration, federated, bundle)).collect();
    json!({"metadata": {"name": name}, "webhooks": webhooks})
}

/// The validating configuration.
#[allow(
    clippy::expect_used,
    reason = "the JSON is made of literals of this module, and is made in the tests"
)]
pub fn validating_configuration(
    registration: &Registration,
    federated: &BTreeSet<FederatedResource>,
    bundle: Option<&[u8]>,
) -> ValidatingWebhookConfiguration {
    let mut configuration = configuration(VALIDATING_NAME, &VALIDATING, registration, federated, bundle);
    if let (Some(namespace), Some(webhooks)) =
        (&registration.sealed_only_in, configuration["webhooks"].as_array_mut())
    {
        webhooks.push(of_credentials(registration, namespace, bundle));
    }
    serde_json::from_value(configuration).expect("well-formed")
}

/// The mutating configuration.
#[allow(
    clippy::expect_used,
    reason = "the JSON is made of literals of this module, and is made in the tests"
)]
pub fn mutating_configuration(
    registration: &Registration,
    federated: &BTreeSet<FederatedResource>,
    bundle: Option<&[u8]>,
) -> MutatingWebhookConfiguration {
    serde_json::from_value(configuration(MUTATING_NAME, &MUTATING, registration, federated, bundle))
        .expect("well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::address::WebhookAddress;

    fn registration() -> Registration {
        Registration {
            address: WebhookAddress::Service("fed/hooks:443".parse().unwrap()),
            only_namespace: Some("fed".to_owned()),
            sealed_only_in: None,
        }
    }

    #[test]
    fn secrets_are_asked_about_where_tokens_have_to_be_sealed() {
        let sealed_only =
            Registration { sealed_only_in: Some("fed".to_owned()), only_namespace: None, ..registration() };
        let of = |registration: &Registration| {
            let webhooks =
                validating_configuration(registration, &BTreeSet::new(), None).webhooks.unwrap_or_default();
            webhooks.into_iter().find(|webhook| webhook.name == CREDENTIALS.name)
        };
        assert_eq!(of(&registration()), None);
        let webhook = serde_json::to_value(of(&sealed_only)).unwrap();
        assert_eq!(webhook["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], "fed");
        assert_eq!(webhook["rules"][0]["resources"], json!(["secrets"]));
        assert_eq!(webhook["failurePolicy"], "Fail");
        assert_eq!(webhook["matchConditions"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn configurations_are_well_formed() {
        let validating = validating_configuration(&registration(), &BTreeSet::new(), Some(b"pem"));
        assert_eq!(validating.webhooks.unwrap_or_default().len(), VALIDATING.len());
        let mutating = mutating_configuration(&registration(), &BTreeSet::new(), None);
        assert_eq!(mutating.webhooks.unwrap_or_default().len(), MUTATING.len());
    }

    #[test]
    fn federated_types_of_other_groups_are_asked_about_by_name() {
        let resource = |group: &str, version: &str, plural: &str| FederatedResource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
        };
        let federated = BTreeSet::from([
            resource("types.kubefed.io", "v1beta1", "federatedsecrets"),
            resource("types.example.com", "v1beta1", "federatedgadgets"),
            resource("types.example.com", "v1beta1", "federatedwidgets"),
            resource("types.example.com", "v1", "federatedsprockets"),
        ]);
        let configuration = mutating_configuration(&registration(), &federated, None);
        let webhooks = serde_json::to_value(configuration.webhooks).unwrap();
        let rules: Vec<_> = webhooks[0]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["apiGroups"][0].clone(), r["apiVersions"].clone(), r["resources"].clone()))
            .collect();
        let gadgets = json!(["federatedgadgets", "federatedwidgets"]);
        assert_eq!(
            rules,
            [
                (json!("types.kubefed.io"), json!(["v1beta1", "v1beta2"]), json!(["*"])),
                (json!("types.example.com"), json!(["v1", "v1beta2"]), json!(["federatedsprockets"])),
                (json!("types.example.com"), json!(["v1beta1", "v1beta2"]), gadgets),
            ]
        );
        assert_eq!(webhooks[1]["rules"].as_array().unwrap().len(), 1);
    }
}
