//! Every definition as it is applied. A changed snapshot is a changed API: read it as a user would.

use federation_model::{
    ConversionWebhook, DefaultType, core_crds, default_types, federated_crd, type_config,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

fn default_type(kind: &str) -> DefaultType {
    default_types().into_iter().find(|t| t.target.kind == kind).expect("it is one of the types")
}

fn federated(kind: &str, webhook: &ConversionWebhook) -> CustomResourceDefinition {
    let ty = default_type(kind);
    federated_crd(&type_config(&ty.target, "kube-federation-system"), &ty.kind, webhook)
}

#[test]
fn kinds_around_the_federated_ones() {
    for crd in core_crds() {
        insta::assert_yaml_snapshot!(format!("core_{}", crd.spec.names.singular.clone().unwrap()), crd);
    }
}

#[test]
fn a_workload_in_both_forms() {
    let webhook = ConversionWebhook::Url {
        url: "https://fedd.example:8443/convert".to_owned(),
        ca_bundle: "-----BEGIN CERTIFICATE-----\n".to_owned(),
    };
    insta::assert_yaml_snapshot!("federated_deployment", federated("Deployment", &webhook));
}

#[test]
fn a_cluster_scoped_kind_in_the_cluster_form_alone() {
    insta::assert_yaml_snapshot!("federated_clusterrole", federated("ClusterRole", &ConversionWebhook::None));
}

/// The schemas of the twenty differ in the target's name and in `retainReplicas`; so one line each.
#[test]
fn the_types_out_of_the_box() {
    let lines: Vec<_> = default_types()
        .iter()
        .map(|ty| {
            let crd = federated(&ty.target.kind, &ConversionWebhook::Pending);
            let names = &crd.spec.names;
            let versions: Vec<_> = crd.spec.versions.iter().map(|v| v.name.as_str()).collect();
            let schema = serde_json::to_string(&crd.spec.versions).unwrap();
            format!(
                "{} {} {} {} [{}] {}{}",
                ty.target.api_version(),
                names.kind,
                crd.metadata.name.as_deref().unwrap_or_default(),
                crd.spec.scope,
                names.short_names.as_deref().unwrap_or_default().join(","),
                versions.join(","),
                if schema.contains("retainReplicas") { " retainReplicas" } else { "" },
            )
        })
        .collect();
    insta::assert_snapshot!("default_types", lines.join("\n"));
}

/// A definition that is applied before the control plane runs must pass the API server, which asks a webhook for a
/// https URL or a Service, and must not be asked for the stored form.
#[test]
fn a_pending_webhook_can_be_applied_and_the_stored_form_needs_none() {
    for kind in ["ConfigMap", "Namespace"] {
        let crd = federated(kind, &ConversionWebhook::Pending);
        let conversion = crd.spec.conversion.unwrap();
        assert_eq!(conversion.strategy, "Webhook");
        let webhook = conversion.webhook.unwrap();
        assert_eq!(webhook.conversion_review_versions, ["v1"]);
        assert!(webhook.client_config.unwrap().url.unwrap().starts_with("https://"));
        let stored: Vec<_> =
            crd.spec.versions.iter().filter(|v| v.storage).map(|v| v.name.as_str()).collect();
        assert_eq!(stored, ["v1beta1"]);
        assert_eq!(crd.spec.scope, "Namespaced");
    }
}
