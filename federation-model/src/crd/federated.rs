//! The definition of a federated kind: one CRD, two forms.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

use super::{COMPONENT, literal};
use crate::{CLUSTER_FORM_VERSION, FederatedTypeConfig, TOPOLOGY_FORM_VERSION};

/// Where the API server asks for conversions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversionWebhook {
    /// A URL, and the PEM certificates that sign its server's.
    Url {
        /// `https://host:port/convert`.
        url: String,
        /// PEM.
        ca_bundle: String,
    },
    /// Not known yet: the definition can be applied, the cluster form can be used, and the topology form can once the
    /// control plane has filled its address in.
    Pending,
    /// Only the cluster form is served.
    None,
}

/// What a federated kind's definition says besides its type config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FederatedKind {
    /// The target's short names; the federated kind's are these with an `f` before.
    pub target_short_names: Vec<String>,
    /// Whether the target's `spec.replicas` is a number, so that `retainReplicas` means something.
    pub with_replicas: bool,
}

/// The address of a [`ConversionWebhook::Pending`]: nothing listens there, port 9 is "discard".
const PENDING_URL: &str = "https://127.0.0.1:9/convert";

/// The definition of the federated kind of a type config (with its defaults filled in).
///
/// The cluster form is KubeFed's and the stored one. Lists of clusters, topologies and overrides are maps by name, so
/// that server-side apply merges what different managers own.
pub fn federated_crd(
    config: &FederatedTypeConfig,
    kind: &FederatedKind,
    webhook: &ConversionWebhook,
) -> CustomResourceDefinition {
    let names = &config.spec.federated_type;
    let scope = if config.is_federated_namespaced() { "Namespaced" } else { "Cluster" };
    let short_names: Vec<_> = kind.target_short_names.iter().map(|n| format!("f{n}")).collect();
    let target = &config.spec.target_type.kind;
    let mut versions = vec![version(CLUSTER_FORM_VERSION, true, target, &CLUSTER_FORM, kind.with_replicas)];
    if *webhook != ConversionWebhook::None {
        versions.push(version(TOPOLOGY_FORM_VERSION, false, target, &TOPOLOGY_FORM, kind.with_replicas));
    }
    let client_config = |url: &str, ca: Option<&str>| {
        let mut config = json!({"url": url});
        if let Some(ca) = ca {
            config["caBundle"] =
                serde_json::to_value(k8s_openapi::ByteString(ca.as_bytes().to_vec())).unwrap_or_default();
        }
        json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config}})
    };
    let conversion = match webhook {
        ConversionWebhook::Url { url, ca_bundle } => client_config(url, Some(ca_bundle)),
        ConversionWebhook::Pending => client_config(PENDING_URL, None),
        ConversionWebhook::None => json!({"strategy": "None"}),
    };
    literal(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", names.plural_name, names.group), "labels": {COMPONENT.0: COMPONENT.1}},
        "spec": {
            "group": names.group,
            "scope": scope,
            "names": {
                "kind": names.kind,
                "listKind": format!("{}List", names.kind),
                "plural": names.plural_name,
                "singular": names.kind.to_lowercase(),
                "shortNames": short_names,
                "categories": ["federated"],
            },
            "conversion": conversion,
            "versions": versions,
        }
    }))
}

/// The words in which the two forms differ.
struct Form {
    one: &'static str,
    many: &'static str,
    selector: &'static str,
    override_name: &'static str,
    override_list: &'static str,
    is_topology: bool,
}

const CLUSTER_FORM: Form = Form {
    one: "cluster",
    many: "clusters",
    selector: "clusterSelector",
    override_name: "clusterName",
    override_list: "clusterOverrides",
    is_topology: false,
};

const TOPOLOGY_FORM: Form = Form {
    one: "topology",
    many: "topologies",
    selector: "topologySelector",
    override_name: "topologyName",
    override_list: "topologyOverrides",
    is_topology: true,
};

fn version(name: &str, storage: bool, target: &str, form: &Form, with_replicas: bool) -> Value {
    let column = |name: &str, type_: &str, path: &str| json!({"name": name, "type": type_, "jsonPath": path});
    let mut columns = Vec::new();
    if form.is_topology {
        columns.push(column("Topology", "string", ".spec.topologyType"));
        columns.push(column("Placed", "string", ".spec.placement.topologies[*].name"));
        columns.push(column("Mask", "string", ".spec.placementMask.topologies[*].name"));
    }
    columns.push(column("Propagated", "string", ".status.conditions[?(@.type=='Propagation')].status"));
    columns.push(column("Reason", "string", ".status.conditions[?(@.type=='Propagation')].reason"));
    columns.push(column("Age", "date", ".metadata.creationTimestamp"));
    json!({
        "name": name, "served": true, "storage": storage,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": {
            "type": "object",
            "description": format!("A {target} on many clusters, by {}.", form.one),
            "required": ["spec"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": spec(form, target, with_replicas),
                "status": status(form),
            }}}
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// A list that is a map by one field, for server-side apply.
fn map_list(key: &str, description: &str, items: Value) -> Value {
    json!({
        "type": "array", "description": description, "items": items,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key],
    })
}

fn names(form: &Form, description: &str) -> Value {
    let item = json!({"type": "object", "required": ["name"], "properties": {"name": text(&format!("Name of the {}.", form.one))}});
    map_list("name", description, item)
}

fn spec(form: &Form, target: &str, with_replicas: bool) -> Value {
    let Form { one, many, .. } = form;
    let mut properties = Map::new();
    if form.is_topology {
        let words =
            "What the topologies below are: cell, cluster (the default), or the name of a TopologyType.";
        properties.insert("topologyType".to_owned(), text(words));
    }
    properties.insert(
        "template".to_owned(),
        json!({
            "type": "object",
            "description": format!("The {target}, without kind, name and namespace: they are this object's."),
            "x-kubernetes-preserve-unknown-fields": true,
        }),
    );
    properties.insert(
        "placement".to_owned(),
        json!({"type": "object", "description": format!("The {many} that are to hold the {target}."), "properties": {
            (*many): names(form, "By name. An empty list selects none; when it is there, the selector is not read."),
            form.selector: selector(many),
        }}),
    );
    properties.insert(
        "placementMask".to_owned(),
        json!({
            "type": "object",
            "description": format!("The {many} that may be touched. Absent: all of them; an empty list: none."),
            "required": [many],
            "properties": {(*many): names(form, "By name.")},
        }),
    );
    let patch = json!({"type": "object", "required": ["path"], "properties": {
        "path": text("JSON pointer into the template, such as /spec/replicas."),
        "op": {"type": "string", "pattern": "^(add|remove|replace)?$", "description": "add, remove or replace (the default)."},
        "value": {"x-kubernetes-preserve-unknown-fields": true, "description": "The value, for add and replace."},
    }});
    let item = json!({"type": "object", "required": [form.override_name], "properties": {
        form.override_name: text(&format!("Name of the {one}.")),
        form.override_list: {"type": "array", "description": "Patches of the template, applied in order.", "items": patch},
    }});
    properties.insert(
        "overrides".to_owned(),
        map_list(form.override_name, &format!("What differs per {one}."), item),
    );
    if with_replicas {
        let words = "Whether each member's own spec.replicas stays, such as an autoscaler's.";
        properties.insert("retainReplicas".to_owned(), json!({"type": "boolean", "description": words}));
    }
    json!({"type": "object", "description": "What is wanted.", "properties": properties})
}

fn selector(many: &str) -> Value {
    json!({"type": "object", "description": format!("By label. An empty selector selects all {many}."), "properties": {
        "matchLabels": {"type": "object", "description": "Labels that must be there.", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "description": "Conditions that must hold.", "items": {
            "type": "object", "required": ["key", "operator"], "properties": {
                "key": text("Label key."),
                "operator": text("In, NotIn, Exists or DoesNotExist."),
                "values": {"type": "array", "description": "Values, for In and NotIn.", "items": {"type": "string"}},
            }}},
    }})
}

fn status(form: &Form) -> Value {
    let Form { one, many, .. } = form;
    let time = |words: &str| json!({"type": "string", "description": words});
    let condition = json!({"type": "object", "required": ["type", "status"], "properties": {
        "type": text("Propagation."),
        "status": text("True when everything is as wanted."),
        "reason": text("One word: CheckClusters, NamespaceNotFederated, ComputePlacementFailed."),
        "message": text("What is wrong and where."),
        "lastUpdateTime": time("When anything below last changed."),
        "lastTransitionTime": time("When status or reason last changed."),
    }});
    let line = json!({"type": "object", "required": ["name"], "properties": {
        "name": text(&format!("The {one}.")),
        "status": text("Absent when all is as wanted, else one word."),
        "message": text("What is wrong, in the member's own words where it refused something."),
        "revision": text("The revision (hash of template and overrides) that the member runs."),
        "version": text("Version of the member's object after the last write of that revision."),
        "heldByMask": {"type": "boolean", "description": "Something is due that the placement mask holds back."},
        "remoteStatus": {"description": "The member object's own status.", "x-kubernetes-preserve-unknown-fields": true},
        "remoteAnnotations": {"type": "object", "description": "The member object's own annotations.", "additionalProperties": {"type": "string"}},
    }});
    json!({"type": "object", "description": "How it goes.", "properties": {
        "observedGeneration": {"type": "integer", "format": "int64", "description": "Generation that the rest speaks of."},
        "conditions": {"type": "array", "description": "One condition, Propagation.", "items": condition},
        (*many): {"type": "array", "description": format!("Per {one}."), "items": line},
    }})
}
