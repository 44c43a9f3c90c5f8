//! The objects that make an API server a federation.

use federation_model::{
    CONFIG_NAME, ConversionWebhook, DefaultType, KubeFedConfig, core_crds, default_types, federated_crd,
    type_config,
};
use k8s_openapi::api::core::v1::Namespace;

use crate::manifest::Manifest;
use crate::settings;

/// What a federation is made of, in the order in which it can be applied.
#[derive(Clone, Debug)]
pub struct Federation {
    /// The definitions.
    pub definitions: Vec<Manifest>,
    /// The federation's namespace.
    pub namespace: Manifest,
    /// The settings, all defaults written out.
    pub config: Manifest,
    /// The types' configs.
    pub types: Vec<Manifest>,
}

impl Federation {
    /// The federation of a namespace, with these types. `topology_form`: whether both forms are served.
    ///
    /// # Errors
    /// An object cannot be written as JSON.
    pub fn new(namespace: &str, types: &[DefaultType], topology_form: bool) -> serde_json::Result<Self> {
        let webhook = if topology_form { ConversionWebhook::Pending } else { ConversionWebhook::None };
        let mut definitions = core_crds().iter().map(Manifest::of).collect::<serde_json::Result<Vec<_>>>()?;
        let mut configs = Vec::new();
        for ty in types {
            let config = type_config(&ty.target, namespace);
            definitions.push(Manifest::of(&federated_crd(&config, &ty.kind, &webhook))?);
            configs.push(Manifest::of(&config)?);
        }
        let mut config = KubeFedConfig::new(CONFIG_NAME, settings::written_out());
        config.metadata.namespace = Some(namespace.to_owned());
        Ok(Self {
            definitions,
            namespace: Manifest::of(&namespace_object(namespace))?,
            config: Manifest::of(&config)?,
            types: configs,
        })
    }

    /// Everything, in order.
    pub fn all(self) -> Vec<Manifest> {
        let Self { definitions, namespace, config, types } = self;
        definitions.into_iter().chain([namespace, config]).chain(types).collect()
    }
}

/// A namespace without anything else.
pub fn namespace_object(name: &str) -> Namespace {
    let mut namespace = Namespace::default();
    namespace.metadata.name = Some(name.to_owned());
    namespace
}

/// A name for none of the default types, and those that there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--types: {name:?} is no default type; choose from: {known} (others by `fedd enable`)")]
pub struct UnknownType {
    name: String,
    known: String,
}

/// The default types of these names (plural, plural.group, kind or short name); all of them when no name is given.
///
/// Namespaced types go where their namespaces go, so `namespaces` is always among them.
///
/// # Errors
/// A name is none of theirs.
pub fn choose_types(names: Option<&[String]>) -> Result<Vec<DefaultType>, UnknownType> {
    let all = default_types();
    let Some(names) = names else { return Ok(all) };
    let is_meant = |ty: &DefaultType, name: &str| {
        let target = &ty.target;
        name.eq_ignore_ascii_case(&target.plural_name)
            || name.eq_ignore_ascii_case(&target.kind)
            || name.eq_ignore_ascii_case(&format!("{}.{}", target.plural_name, target.group))
            || ty.kind.target_short_names.iter().any(|s| name.eq_ignore_ascii_case(s))
    };
    if let Some(name) = names.iter().find(|name| !all.iter().any(|ty| is_meant(ty, name))) {
        let known = all.iter().map(|ty| ty.target.plural_name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(UnknownType { name: name.clone(), known });
    }
    let is_namespaces = |ty: &DefaultType| ty.target.kind == "Namespace" && ty.target.group.is_empty();
    Ok(all
        .into_iter()
        .filter(|ty| is_namespaces(ty) || names.iter().any(|name| is_meant(ty, name)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_chosen_by_any_of_their_names() {
        let plurals = |names: &[&str]| -> Vec<String> {
            let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
            choose_types(Some(&names)).unwrap().into_iter().map(|t| t.target.plural_name).collect()
        };
        assert_eq!(plurals(&["deploy", "Service"]), ["namespaces", "services", "deployments"]);
        assert_eq!(plurals(&["deployments.apps"]), ["namespaces", "deployments"]);
        assert_eq!(plurals(&[]), ["namespaces"]);
        assert_eq!(choose_types(None).unwrap().len(), 20);
    }

    #[test]
    fn a_name_of_no_type_is_answered_with_those_that_there_are() {
        let error = choose_types(Some(&["widgets".to_owned()])).unwrap_err().to_string();
        assert!(error.contains("\"widgets\"") && error.contains("configmaps"), "{error}");
    }

    #[test]
    fn a_federation_has_a_definition_and_a_config_for_every_type() {
        let federation = Federation::new("fed", &choose_types(None).unwrap(), true).unwrap();
        assert_eq!(federation.types.len(), 20);
        assert!(federation.definitions.len() > 20);
        assert!(federation.types.iter().all(|t| t.namespace.as_deref() == Some("fed")));
        let title = federation
            .definitions
            .iter()
            .find(|d| d.name == "federateddeployments.types.kubefed.io")
            .unwrap()
            .title();
        assert_eq!(
            title,
            "customresourcedefinition.apiextensions.k8s.io/federateddeployments.types.kubefed.io"
        );
    }
}
