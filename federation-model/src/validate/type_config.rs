//! `FederatedTypeConfig`: KubeFed's rules.

use kube::ResourceExt as _;

use super::{Violation, brought_in, is_dns_subdomain};
use crate::{
    ApiResourceReference, CLUSTER_FORM_VERSION, FederatedTypeConfig, TOPOLOGY_FORM_VERSION, TYPES_GROUP,
};

/// What is wrong with a type config; `old` is the one that it replaces. Patterns of `propagatingAnnotations` are the
/// annotation policy's to check.
pub fn validate_type_config(new: &FederatedTypeConfig, old: Option<&FederatedTypeConfig>) -> Vec<Violation> {
    match old {
        Some(old) => brought_in(all(new), &all(old)),
        None => all(new),
    }
}

fn all(config: &FederatedTypeConfig) -> Vec<Violation> {
    let mut found = Vec::new();
    let filled = config.clone().with_defaults();
    if filled.expected_name() != config.name_any() {
        found.push(Violation::new("metadata.name", "name must be 'TARGET_PLURAL_NAME(.TARGET_GROUP_NAME)'"));
    }
    resource("spec.targetType", &filled.spec.target_type, false, &mut found);
    resource("spec.federatedType", &filled.spec.federated_type, true, &mut found);
    let federated = &filled.spec.federated_type;
    if federated.group.ends_with(".k8s.io") || federated.group.ends_with(".kubernetes.io") {
        found.push(Violation::new(
            "spec.federatedType.group",
            format!(
                "{} is Kubernetes' own; federated types are in one such as {TYPES_GROUP}",
                federated.group
            ),
        ));
    }
    if federated.version == TOPOLOGY_FORM_VERSION {
        found.push(Violation::new(
            "spec.federatedType.version",
            format!("is the topology form's; the stored form is read: write {CLUSTER_FORM_VERSION}"),
        ));
    }
    if let Some(status) = &filled.spec.status_type {
        resource("spec.statusType", status, true, &mut found);
    }
    found
}

fn resource(field: &str, resource: &ApiResourceReference, group_required: bool, found: &mut Vec<Violation>) {
    let mut refuse =
        |part: &str, message: &str| found.push(Violation::new(format!("{field}.{part}"), message));
    if group_required && !resource.group.contains('.') {
        refuse("group", "is required, and is a domain such as types.kubefed.io");
    } else if !resource.group.is_empty() && !is_dns_subdomain(&resource.group) {
        refuse("group", "must be a DNS subdomain, such as apps");
    }
    if !is_dns_1035(&resource.version) {
        refuse("version", "must be an API version such as v1");
    }
    if !is_dns_1035(&resource.kind.to_lowercase()) {
        refuse("kind", "must be a kind such as Deployment");
    }
    if !is_dns_1035(&resource.plural_name) {
        refuse("pluralName", "must be a plural such as deployments");
    }
}

fn is_dns_1035(name: &str) -> bool {
    super::is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{default_types, type_config};

    #[test]
    fn the_types_out_of_the_box_are_well_formed() {
        for ty in default_types() {
            assert_eq!(validate_type_config(&type_config(&ty.target, "fed"), None), [], "{}", ty.target.kind);
        }
    }

    #[test]
    fn kubefeds_rules() {
        let mut config = type_config(&default_types()[6].target, "fed");
        config.metadata.name = Some("deployments".to_owned());
        config.spec.federated_type.group = "nodots".to_owned();
        config.spec.target_type.version = "V 1".to_owned();
        let fields: Vec<_> = validate_type_config(&config, None).into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["metadata.name", "spec.targetType.version", "spec.federatedType.group"]);
        let mut config = type_config(&default_types()[6].target, "fed");
        config.spec.federated_type.group = "rbac.authorization.k8s.io".to_owned();
        assert_eq!(validate_type_config(&config, None)[0].field, "spec.federatedType.group");
        let mut config = type_config(&default_types()[6].target, "fed");
        config.spec.federated_type.version = "v1beta2".to_owned();
        let found = validate_type_config(&config, None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "spec.federatedType.version");
        assert!(found[0].message.contains("write v1beta1"), "{}", found[0]);
        // It may have been stored before there was such a rule: its finalizers must come off, say.
        let mut new = config.clone();
        new.metadata.finalizers = Some(Vec::new());
        assert_eq!(validate_type_config(&new, Some(&config)), []);
        new.spec.target_type.plural_name = "De ploys".to_owned();
        let fields: Vec<_> = validate_type_config(&new, Some(&config)).into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["metadata.name", "spec.targetType.pluralName"]);
    }
}
