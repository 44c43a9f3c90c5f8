//! fedd's own kinds, and the two forms of federated objects.

use annotation_policy::AnnotationPolicy;
use federation_model::{
    Cell, FederatedTypeConfig, KubeFedCluster, KubeFedConfig, NameTemplate, TopologyType, format_duration,
    parse_duration, validate_cell, validate_cluster, validate_config, validate_federated,
    validate_topology_type, validate_type_config,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use topology_convert::{Registry, to_cluster_form, to_topology_form};

use super::documents;

/// From one form to the other and back: where the first conversion has written out what needs it, nothing changes any more.
pub(crate) fn forms(input: &[u8]) {
    let registry = Registry::default();
    for object in documents(input) {
        if !object.is_object() {
            continue;
        }
        let named = |api_version: &str| {
            let mut object = object.clone();
            object["apiVersion"] = json!(api_version);
            object
        };
        // A name of the other form's annotation or field is not the object's to use: the crate's documentation names these
        // exceptions, and admission refuses them.
        let by_cluster = named("types.kubefed.io/v1beta1");
        if by_cluster.pointer("/spec/topologyType").is_none() {
            let there = to_topology_form(by_cluster.clone(), &registry);
            assert_eq!(to_cluster_form(there, &registry), by_cluster, "by cluster, and back");
        }
        let by_topology = named("types.kubefed.io/v1beta2");
        let once = to_cluster_form(by_topology, &registry);
        let again = to_cluster_form(to_topology_form(once.clone(), &registry), &registry);
        if once.pointer("/spec/topologyType").is_none() {
            assert_eq!(again, once, "by topology, and back");
        }
        let _ = validate_federated(&once, Some(&again), "ConfigMap");
        let _ = validate_federated(&object, None, "ConfigMap");
    }
}

/// An object of each kind that can be read of a document; the rules for it have an answer, and nothing that is as it was
/// is refused in an update.
pub(crate) fn kinds(input: &[u8]) {
    fn of<K: DeserializeOwned>(document: &Value, check: impl Fn(&K, Option<&K>) -> usize) {
        if let Ok(object) = serde_json::from_value::<K>(document.clone()) {
            let _ = check(&object, None);
            assert_eq!(
                check(&object, Some(&object)),
                0,
                "an update that changes nothing is refused: {document}"
            );
        }
    }
    for document in documents(input) {
        of::<KubeFedConfig>(&document, |new, old| validate_config(new, old).len());
        of::<KubeFedCluster>(&document, |new, old| validate_cluster(new, old).len());
        of::<FederatedTypeConfig>(&document, |new, old| validate_type_config(new, old).len());
        of::<Cell>(&document, |new, old| validate_cell(new, old).len());
        of::<TopologyType>(&document, |new, old| validate_topology_type(new, old).len());
        if let Ok(config) = serde_json::from_value::<KubeFedConfig>(document) {
            let _ = config.spec.settings();
            let full = config.spec.with_defaults();
            assert_eq!(full.clone().with_defaults(), full, "defaults are filled in once");
        }
    }
}

/// A template of names on the first line, a name on the second, a duration on the third, patterns on the others.
pub(crate) fn texts(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (template, name, duration) = (line(), line(), line());
    if let Ok(template) = NameTemplate::parse(template, &["name", "cell"], "name") {
        let value = |wanted: &str| if wanted == "name" { name } else { "c" };
        let rendered = template.render(value);
        let read = template.invert(&rendered, "name", value);
        assert_eq!(read.unwrap_or_default(), name, "{template} made {rendered}");
    }
    if let Ok(duration) = parse_duration(duration) {
        assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
    let patterns: Vec<&str> = lines.collect();
    if let Ok(policy) = AnnotationPolicy::compile(&patterns) {
        let _ = policy.is_spec(name);
    }
}
