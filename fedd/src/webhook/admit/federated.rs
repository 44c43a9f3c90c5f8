//! Federated objects, in the form that their user writes.

use federation_model::{FederatedTypeConfig, Mode, finalizer, validate_federated as model_rules};
use serde_json::{Map, Value, json};
use tenancy::{Labels, NamedCluster, ObjectFacts, Scope, ScopeKeys};
use topology_convert::{Registry, check_topology_type, default_topology_type, to_cluster_form};

use crate::webhook::review::{Operation, Request, Verdict};

/// What the rules look up.
pub struct FederatedFacts<'a> {
    /// The type's config; none when the kind is not federated here.
    pub type_config: Option<&'a FederatedTypeConfig>,
    /// Labels of the object's namespace; none for cluster-scoped objects.
    pub namespace: Option<&'a Labels>,
    /// The topology types.
    pub registry: &'a Registry,
    /// Keys of the scope labels; none when tenant isolation is off.
    pub keys: Option<&'a ScopeKeys>,
    /// Whether there are placement masks; where there are none, one that is written would hold nothing back.
    pub masks: bool,
    /// The scope of a cluster that exists.
    pub scope_of_cluster: &'a dyn Fn(&str) -> Option<Scope>,
}

/// Initialisation: topology type, scope labels from the namespace, and the engine's finalizer, which saves it a write.
pub fn mutate_federated(request: &Request, facts: &FederatedFacts<'_>) -> Verdict {
    let Some(object) = request.object.as_ref().filter(|_| !request.is_being_deleted()) else {
        return Verdict::Allow;
    };
    let mut operations = Vec::new();
    if let Some(topology_type) = default_topology_type(object) {
        if object["spec"].is_null() {
            operations.push(json!({"op": "add", "path": "/spec", "value": {}}));
        }
        operations.push(json!({"op": "add", "path": "/spec/topologyType", "value": topology_type}));
    }
    let own = labels(object);
    let missing = facts.keys.map(|keys| keys.scope_labels_to_add(&own, facts.namespace)).unwrap_or_default();
    if !missing.is_empty() {
        let mut all = own;
        all.extend(missing);
        operations.push(json!({"op": "add", "path": "/metadata/labels", "value": all}));
    }
    let propagates = facts.type_config.is_some_and(|c| c.spec.propagation == Mode::Enabled);
    if request.operation == Operation::Create && propagates {
        let mut finalizers: Vec<&str> = object["metadata"]["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !finalizers.contains(&finalizer::SYNC) {
            finalizers.push(finalizer::SYNC);
            operations.push(json!({"op": "add", "path": "/metadata/finalizers", "value": finalizers}));
        }
    }
    Verdict::Patch(operations)
}

/// The rules of the model, of topologies and of scopes.
pub fn validate_federated(request: &Request, facts: &FederatedFacts<'_>) -> Verdict {
    let Some(object) = request.object.as_ref() else { return Verdict::Allow };
    let old = request.old_object.as_ref();
    // Of an object on its way out only the scope counts: the engine's deletions go by it.
    let mut findings =
        if request.is_being_deleted() { Vec::new() } else { form_findings(object, old, facts) };
    if let Some(keys) = facts.keys {
        let (new_labels, new_clusters) = (labels(object), clusters(object, facts.registry));
        let before = old.map(|old| (labels(old), clusters(old, facts.registry)));
        let old = before.as_ref().map(|(labels, clusters)| ObjectFacts { labels, clusters });
        let new = ObjectFacts { labels: &new_labels, clusters: &new_clusters };
        let refusals = keys.check_object(new, old, facts.namespace, facts.scope_of_cluster);
        findings.extend(refusals.iter().map(ToString::to_string));
    }
    findings.sort();
    findings.dedup();
    Verdict::from_findings(&findings)
}

/// What is wrong with an object by the rules of the model and of topologies.
fn form_findings(object: &Value, old: Option<&Value>, facts: &FederatedFacts<'_>) -> Vec<String> {
    let target = facts.type_config.map(|c| c.spec.target_type.kind.as_str()).unwrap_or_default();
    let mut findings: Vec<String> =
        model_rules(object, old, target).iter().map(ToString::to_string).collect();
    let masked = |object: &Value| !object["spec"]["placementMask"].is_null();
    if !facts.masks && masked(object) && !old.is_some_and(masked) {
        findings.push(
            "spec.placementMask: the feature gate PlacementMask is off, so that a mask would hold nothing back; leave \
             it out, or turn the gate on in the KubeFedConfig"
                .to_owned(),
        );
    }
    if let Err(refusal) = check_topology_type(object, old, facts.registry) {
        findings.push(refusal.to_string());
    }
    findings
}

fn labels(object: &Value) -> Labels {
    object["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// The clusters that an object names, each with the field in the form that its user writes.
fn clusters(object: &Value, registry: &Registry) -> Vec<NamedCluster> {
    let is_topology = object["apiVersion"].as_str().is_some_and(|v| v.ends_with("/v1beta2"));
    // Conversion keeps every list's order, so that the same index is the same entry in both forms.
    let stored = if is_topology {
        to_cluster_form(without_template(object), registry)
    } else {
        without_template(object)
    };
    let (many, override_name) =
        if is_topology { ("topologies", "topologyName") } else { ("clusters", "clusterName") };
    let names = |list: &Value, key: &str| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .map(|i| i[key].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let spec = &stored["spec"];
    let mut found = Vec::new();
    for (part, list) in
        [("placement", &spec["placement"]["clusters"]), ("placementMask", &spec["placementMask"]["clusters"])]
    {
        for (i, cluster) in names(list, "name").into_iter().enumerate() {
            found.push(NamedCluster { field: format!("spec.{part}.{many}[{i}].name"), cluster });
        }
    }
    for (i, cluster) in names(&spec["overrides"], "clusterName").into_iter().enumerate() {
        found.push(NamedCluster { field: format!("spec.overrides[{i}].{override_name}"), cluster });
    }
    found
}

/// The object without its largest part, which names no cluster.
fn without_template(object: &Value) -> Value {
    let pick = |from: &Value, without: &str| -> Map<String, Value> {
        from.as_object()
            .into_iter()
            .flatten()
            .filter(|(k, _)| *k != without)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "metadata": pick(&object["metadata"], "managedFields"),
        "spec": pick(&object["spec"], "template"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::{default_types, type_config};

    fn request(operation: Operation, object: Value) -> Request {
        Request { operation, object: Some(object), ..Request::default() }
    }

    fn object(version: &str, spec: Value) -> Value {
        json!({"apiVersion": format!("types.kubefed.io/{version}"), "kind": "FederatedConfigMap",
               "metadata": {"name": "cm", "namespace": "bank"}, "spec": spec})
    }

    fn with_facts<R>(f: impl FnOnce(&FederatedFacts<'_>) -> R) -> R {
        let keys = ScopeKeys::default();
        let bank = Labels::from([
            (keys.tenant.clone(), "bank".to_owned()),
            (keys.workspace_group.clone(), "prod".to_owned()),
        ]);
        let config = type_config(&default_types()[1].target, "fed");
        let theirs = keys.of_labels(&Labels::from([
            (keys.tenant.clone(), "other".to_owned()),
            (keys.workspace_group.clone(), "prod".to_owned()),
        ]));
        let ours = keys.of_labels(&bank);
        f(&FederatedFacts {
            type_config: Some(&config),
            namespace: Some(&bank),
            registry: &Registry::default(),
            keys: Some(&keys),
            masks: false,
            scope_of_cluster: &|name| match name {
                "rz00a.bank" => Some(ours.clone()),
                "foreign" => Some(theirs.clone()),
                _ => None,
            },
        })
    }

    fn denied(verdict: Verdict) -> String {
        match verdict {
            Verdict::Deny(denial) => denial.message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_new_object_is_initialised() {
        let created = request(Operation::Create, object("v1beta2", json!({"template": {}})));
        let Verdict::Patch(operations) = with_facts(|f| mutate_federated(&created, f)) else {
            panic!("no patch")
        };
        let paths: Vec<_> = operations.iter().map(|o| o["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["/spec/topologyType", "/metadata/labels", "/metadata/finalizers"]);
        let updated = request(Operation::Update, object("v1beta1", json!({"template": {}})));
        let Verdict::Patch(operations) = with_facts(|f| mutate_federated(&updated, f)) else {
            panic!("no patch")
        };
        assert_eq!(operations.len(), 1, "an update gets no finalizer: it may just have been taken off");
    }

    #[test]
    fn refusals_name_the_field_of_the_users_form() {
        let spec = json!({"topologyType": "cell", "template": {}, "placement": {"topologies": [{"name": "rz00a"}, {"name": "cluster/foreign"}]}});
        let mut labelled = object("v1beta2", spec);
        labelled["metadata"]["labels"] = json!({"fedd.io/tenant": "bank", "fedd.io/workspace-group": "prod"});
        let words = denied(with_facts(|f| validate_federated(&request(Operation::Create, labelled), f)));
        assert!(words.starts_with("spec.placement.topologies[1].name: "), "{words}");
        assert!(!words.contains("other"), "it does not tell whose the cluster is: {words}");
        let unknown = object("v1beta2", json!({"topologyType": "zone", "template": {}}));
        let words = denied(with_facts(|f| validate_federated(&request(Operation::Create, unknown), f)));
        assert!(words.contains("spec.topologyType: ") && words.contains("cell"), "{words}");
    }

    #[test]
    fn a_mask_that_would_hold_nothing_back_is_refused() {
        let spec = json!({"template": {}, "placementMask": {"clusters": []}});
        let mut masked = object("v1beta1", spec);
        masked["metadata"]["labels"] = json!({"fedd.io/tenant": "bank", "fedd.io/workspace-group": "prod"});
        let created = request(Operation::Create, masked.clone());
        assert!(denied(with_facts(|f| validate_federated(&created, f))).starts_with("spec.placementMask: "));
        let updated = Request { old_object: Some(masked.clone()), ..request(Operation::Update, masked) };
        assert_eq!(with_facts(|f| validate_federated(&updated, f)), Verdict::Allow, "it stays editable");
        let with_masks =
            |f: &FederatedFacts<'_>| validate_federated(&created, &FederatedFacts { masks: true, ..*f });
        assert_eq!(with_facts(with_masks), Verdict::Allow);
    }

    #[test]
    fn an_object_on_its_way_out_passes() {
        let mut going = object("v1beta1", json!({}));
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let update = |new: &Value| Request {
            old_object: Some(going.clone()),
            ..request(Operation::Update, new.clone())
        };
        assert_eq!(with_facts(|f| validate_federated(&update(&going), f)), Verdict::Allow);
        let mut relabelled = going.clone();
        relabelled["metadata"]["labels"] =
            json!({"fedd.io/tenant": "other", "fedd.io/workspace-group": "prod"});
        let words = denied(with_facts(|f| validate_federated(&update(&relabelled), f)));
        assert!(words.contains("fedd.io/tenant"), "its deletions go by its scope: {words}");
    }
}
