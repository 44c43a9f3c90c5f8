//! Federated objects, in either form.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Violation, brought_in, is_dns_label, is_dns_subdomain, is_label_key, is_label_value};
use crate::{CELL_TOPOLOGY, TOPOLOGY_FORM_VERSION, TYPES_GROUP, annotation};

/// Largest template in bytes of JSON. etcd takes 1.5 MiB for the whole object, which also holds status, overrides and
/// bookkeeping; the member's copy has bookkeeping of its own.
pub const MAX_TEMPLATE_BYTES: usize = 1024 * 1024;

/// Paths that no override may have: what an object is, is the federated object's to say.
const IDENTITY: [&str; 6] =
    ["/metadata", "/metadata/name", "/metadata/namespace", "/metadata/generateName", "/kind", "/apiVersion"];

/// A type of Secrets that members fill in: what they write into one would be taken out of it again, without an end.
const TOKEN_SECRET: &str = "kubernetes.io/service-account-token";

/// The words in which the two forms differ.
struct Form {
    many: &'static str,
    selector: &'static str,
    override_name: &'static str,
    override_list: &'static str,
    other: &'static Form,
}

static CLUSTER: Form = Form {
    many: "clusters",
    selector: "clusterSelector",
    override_name: "clusterName",
    override_list: "clusterOverrides",
    other: &TOPOLOGY,
};
static TOPOLOGY: Form = Form {
    many: "topologies",
    selector: "topologySelector",
    override_name: "topologyName",
    override_list: "topologyOverrides",
    other: &CLUSTER,
};

/// What is wrong with a federated object, in the form that its `apiVersion` says; `old` is the one that it replaces, in
/// the same form. `target_kind` is the kind of the plain object.
pub fn validate_federated(new: &Value, old: Option<&Value>, target_kind: &str) -> Vec<Violation> {
    let found = all(new, target_kind);
    match old {
        Some(old) => brought_in(found, &all(old, target_kind)),
        None => found,
    }
}

fn all(object: &Value, target_kind: &str) -> Vec<Violation> {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = api_version.rsplit_once('/').unwrap_or((TYPES_GROUP, api_version));
    let is_topology = version == TOPOLOGY_FORM_VERSION;
    let form = if is_topology { &TOPOLOGY } else { &CLUSTER };
    let names_are_cells = is_topology && object["spec"]["topologyType"] == CELL_TOPOLOGY;
    let mut check = Check { form, group, names_are_cells, found: Vec::new() };
    let spec = &object["spec"];
    check.template(object, target_kind);
    if target_kind == "Secret" {
        check.secret(spec);
    }
    check.placement(&spec["placement"]);
    check.mask(&spec["placementMask"]);
    check.overrides(&spec["overrides"]);
    if !is_topology && !spec["topologyType"].is_null() {
        check.refuse(
            "spec.topologyType",
            format!("belongs to the topology form; write it with apiVersion {group}/{TOPOLOGY_FORM_VERSION}"),
        );
    }
    check.annotations(&object["metadata"]["annotations"]);
    check.found
}

struct Check<'a> {
    form: &'static Form,
    group: &'a str,
    names_are_cells: bool,
    found: Vec<Violation>,
}

impl Check<'_> {
    fn refuse(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.found.push(Violation::new(field, message));
    }

    fn template(&mut self, object: &Value, target_kind: &str) {
        let template = &object["spec"]["template"];
        if template.is_null() {
            // A Namespace needs nothing but its name, and KubeFed's users leave the template out.
            if target_kind == "Namespace" {
                return;
            }
            self.refuse("spec.template", "is required: the plain object, without kind, name and namespace");
            return;
        }
        let bytes = serde_json::to_string(template).map_or(0, |t| t.len());
        if bytes > MAX_TEMPLATE_BYTES {
            self.refuse("spec.template", format!("has {bytes} bytes, more than the {MAX_TEMPLATE_BYTES} that a member can be sure to store; split the object"));
        }
        for (field, wanted) in [
            ("kind", target_kind),
            ("metadata.name", object["metadata"]["name"].as_str().unwrap_or_default()),
            ("metadata.namespace", object["metadata"]["namespace"].as_str().unwrap_or_default()),
        ] {
            let pointer = format!("/{}", field.replace('.', "/"));
            if let Some(said) = template.pointer(&pointer).and_then(Value::as_str)
                && said != wanted
                && !wanted.is_empty()
            {
                self.refuse(
                    format!("spec.template.{field}"),
                    format!("is {said:?}, but this object stands for {wanted:?}; leave it out"),
                );
            }
        }
    }

    /// Each member signs tokens of its own, so that a token of the template would open nothing there.
    fn secret(&mut self, spec: &Value) {
        let mut refuse = |field: String, said: &Value| {
            if said == TOKEN_SECRET {
                self.found.push(Violation::new(
                    field,
                    format!(
                        "is {TOKEN_SECRET:?}, which each member fills in by itself and no federation can; federate the \
                         ServiceAccount, and make its token on the member"
                    ),
                ));
            }
        };
        refuse("spec.template.type".to_owned(), &spec["template"]["type"]);
        let list = self.form.override_list;
        for (i, item) in spec["overrides"].as_array().into_iter().flatten().enumerate() {
            for (j, patch) in item[list].as_array().into_iter().flatten().enumerate() {
                if patch["path"] == "/type" {
                    refuse(format!("spec.overrides[{i}].{list}[{j}].value"), &patch["value"]);
                }
            }
        }
    }

    fn placement(&mut self, placement: &Value) {
        let Form { many, selector, other, .. } = *self.form;
        self.names(&placement[many], &format!("spec.placement.{many}"));
        self.selector(&placement[selector], &format!("spec.placement.{selector}"));
        for foreign in [other.many, other.selector] {
            if !placement[foreign].is_null() {
                self.foreign(&format!("spec.placement.{foreign}"));
            }
        }
    }

    fn mask(&mut self, mask: &Value) {
        let Form { many, other, .. } = *self.form;
        if mask.is_null() {
            return;
        }
        if !mask[other.many].is_null() {
            self.foreign(&format!("spec.placementMask.{}", other.many));
        } else if mask[many].is_null() {
            self.refuse(
                format!("spec.placementMask.{many}"),
                "is required: leave placementMask out to touch all, or write [] to touch none",
            );
        }
        self.names(&mask[many], &format!("spec.placementMask.{many}"));
    }

    fn foreign(&mut self, field: &str) {
        let (mine, theirs) =
            if self.form.many == "clusters" { ("v1beta1", "v1beta2") } else { ("v1beta2", "v1beta1") };
        let group = self.group;
        self.refuse(
            field,
            format!(
                "belongs to the other form: write {} here ({mine}), or apiVersion {group}/{theirs}",
                self.form.many
            ),
        );
    }

    fn names(&mut self, list: &Value, field: &str) {
        let mut seen = BTreeSet::new();
        for (i, item) in list.as_array().into_iter().flatten().enumerate() {
            let name = item["name"].as_str().unwrap_or_default();
            self.name(name, &format!("{field}[{i}].name"));
            if !seen.insert(name) {
                self.refuse(format!("{field}[{i}].name"), format!("{name:?} stands twice; keep one"));
            }
        }
    }

    fn name(&mut self, name: &str, field: &str) {
        // By topology, a cluster that is none of the type's topologies is written out.
        let written_out = name.strip_prefix("cluster/").filter(|_| self.form.many == "topologies");
        if let Some(cluster) = written_out {
            if !is_dns_subdomain(cluster) {
                self.refuse(field, format!("{cluster:?} is no cluster's name"));
            }
        } else if self.names_are_cells && !is_dns_label(name) {
            self.refuse(field, format!("{name:?} is no cell's name: a DNS label, without a dot"));
        } else if !is_dns_subdomain(name) {
            self.refuse(field, format!("{name:?} is no name: lower-case letters, digits, - and . only"));
        }
    }

    fn selector(&mut self, selector: &Value, field: &str) {
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            self.label(key, [value], &format!("{field}.matchLabels[{key}]"));
        }
        for (i, expression) in selector["matchExpressions"].as_array().into_iter().flatten().enumerate() {
            let at = format!("{field}.matchExpressions[{i}]");
            let (key, list) = (&expression["key"], expression["values"].as_array());
            self.label(key.as_str().unwrap_or_default(), list.into_iter().flatten(), &at);
            let values = expression["values"].as_array().map_or(0, Vec::len);
            match expression["operator"].as_str().unwrap_or_default() {
                "In" | "NotIn" if values == 0 => {
                    self.refuse(format!("{at}.values"), "is required with In and NotIn");
                }
                "Exists" | "DoesNotExist" if values > 0 => {
                    self.refuse(format!("{at}.values"), "must be left out with Exists and DoesNotExist");
                }
                "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
                other => self.refuse(
                    format!("{at}.operator"),
                    format!("{other:?} is none of In, NotIn, Exists, DoesNotExist"),
                ),
            }
        }
    }

    /// A key and values that no label can have: they would select nothing, or (`NotIn`) everything, in silence.
    fn label<'v>(&mut self, key: &str, values: impl IntoIterator<Item = &'v Value>, field: &str) {
        if !is_label_key(key) {
            self.refuse(field, format!("{key:?} is no label key; write name or domain/name"));
        }
        for value in values.into_iter().filter_map(Value::as_str).filter(|v| !is_label_value(v)) {
            self.refuse(
                field,
                format!("{value:?} is no label value; write at most 63 letters, digits, -, _ and ."),
            );
        }
    }

    fn overrides(&mut self, overrides: &Value) {
        let Form { override_name, override_list, other, .. } = *self.form;
        let mut seen = BTreeSet::new();
        for (i, item) in overrides.as_array().into_iter().flatten().enumerate() {
            let at = format!("spec.overrides[{i}]");
            for foreign in [other.override_name, other.override_list] {
                if !item[foreign].is_null() {
                    self.foreign(&format!("{at}.{foreign}"));
                }
            }
            let name = item[override_name].as_str().unwrap_or_default();
            self.name(name, &format!("{at}.{override_name}"));
            if !seen.insert(name) {
                self.refuse(
                    format!("{at}.{override_name}"),
                    format!("{name:?} stands twice; put its overrides into one entry"),
                );
            }
            let mut paths = BTreeSet::new();
            for (j, patch) in item[override_list].as_array().into_iter().flatten().enumerate() {
                let at = format!("{at}.{override_list}[{j}]");
                let path = patch["path"].as_str().unwrap_or_default();
                self.path(path, name, &format!("{at}.path"));
                if !paths.insert(path) {
                    self.refuse(
                        format!("{at}.path"),
                        format!("{path:?} stands twice for {name:?}; keep one"),
                    );
                }
                if !matches!(patch["op"].as_str().unwrap_or_default(), "" | "add" | "remove" | "replace") {
                    self.refuse(
                        format!("{at}.op"),
                        format!("{} (for {name:?}) is none of add, remove, replace", patch["op"]),
                    );
                }
            }
        }
    }

    /// `name` is whom the override is for: it tells one entry from another when they move.
    fn path(&mut self, path: &str, name: &str, field: &str) {
        // KubeFed drops the text before the first slash, so that x/kind is read as /kind.
        let read = path.find('/').map_or("", |at| &path[at..]);
        let trouble = if read.is_empty() {
            "the whole object, whose identity no override may change; name a field, such as /spec/replicas"
                .to_owned()
        } else if IDENTITY.contains(&read) {
            "what the object is, which no override may change; for labels write /metadata/labels/…".to_owned()
        } else if read.len() < path.len() {
            format!("no JSON pointer, which begins with /; write {read:?}")
        } else if path.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            "no JSON pointer: write ~0 for ~, and ~1 for / within a key".to_owned()
        } else {
            return;
        };
        self.refuse(field, format!("{path:?} (for {name:?}) is {trouble}"));
    }

    fn annotations(&mut self, annotations: &Value) {
        let field = |key: &str| format!("metadata.annotations[{key}]");
        if let Some(orphan) = annotations[annotation::ORPHAN].as_str()
            && !matches!(orphan, "true" | "false")
        {
            self.refuse(field(annotation::ORPHAN), format!("{orphan:?} is neither \"true\" nor \"false\""));
        }
        if let Some(options) = annotations[annotation::DELETE_OPTION].as_str()
            && !serde_json::from_str::<Value>(options).is_ok_and(|v| v.is_object())
        {
            self.refuse(
                field(annotation::DELETE_OPTION),
                "is not a JSON object; write DeleteOptions, such as {\"propagationPolicy\":\"Orphan\"}",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(version: &str, spec: Value) -> Value {
        json!({"apiVersion": format!("types.kubefed.io/{version}"), "kind": "FederatedConfigMap",
               "metadata": {"name": "cm", "namespace": "bank"}, "spec": spec})
    }

    fn fields(version: &str, spec: Value) -> Vec<String> {
        validate_federated(&object(version, spec), None, "ConfigMap").into_iter().map(|v| v.field).collect()
    }

    #[test]
    fn what_is_right_passes() {
        assert!(fields("v1beta1", json!({"template": {}, "placement": {"clusters": [{"name": "rz00a.bank"}]}, "placementMask": {"clusters": []},
            "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": "/data/k", "value": "v"}, {"path": "/metadata/labels/x", "op": "add", "value": "y"}]}]})).is_empty());
        assert!(
            fields(
                "v1beta2",
                json!({"topologyType": "cell", "template": {"kind": "ConfigMap", "metadata": {"name": "cm"}},
            "placement": {"topologySelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}})
            )
            .is_empty()
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (version, spec, field) in [
            ("v1beta1", json!({}), "spec.template"),
            ("v1beta1", json!({"template": {"kind": "Secret"}}), "spec.template.kind"),
            (
                "v1beta1",
                json!({"template": {"metadata": {"namespace": "kube-system"}}}),
                "spec.template.metadata.namespace",
            ),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"topologies": []}}),
                "spec.placement.topologies",
            ),
            ("v1beta2", json!({"template": {}, "placement": {"clusters": []}}), "spec.placement.clusters"),
            ("v1beta2", json!({"template": {}, "placementMask": {}}), "spec.placementMask.topologies"),
            ("v1beta1", json!({"template": {}, "topologyType": "cell"}), "spec.topologyType"),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"clusters": [{"name": "A_b"}]}}),
                "spec.placement.clusters[0].name",
            ),
            (
                "v1beta2",
                json!({"template": {}, "topologyType": "cell", "placement": {"topologies": [{"name": "a.b"}]}}),
                "spec.placement.topologies[0].name",
            ),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"clusters": [{"name": "a"}, {"name": "a"}]}}),
                "spec.placement.clusters[1].name",
            ),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}}),
                "spec.placement.clusterSelector.matchExpressions[0].operator",
            ),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"clusterSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}}),
                "spec.placement.clusterSelector.matchExpressions[0].values",
            ),
            (
                "v1beta1",
                json!({"template": {}, "placement": {"clusterSelector": {"matchExpressions": [{"key": "a b", "operator": "Exists"}]}}}),
                "spec.placement.clusterSelector.matchExpressions[0]",
            ),
            (
                "v1beta2",
                json!({"template": {}, "placement": {"topologySelector": {"matchLabels": {"zone": "a/b"}}}}),
                "spec.placement.topologySelector.matchLabels[zone]",
            ),
            (
                "v1beta1",
                json!({"template": {}, "overrides": [{"clusterName": "a"}, {"clusterName": "a"}]}),
                "spec.overrides[1].clusterName",
            ),
            (
                "v1beta1",
                json!({"template": {}, "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": "/data/k"}, {"path": "/data/k"}]}]}),
                "spec.overrides[0].clusterOverrides[1].path",
            ),
            (
                "v1beta1",
                json!({"template": {}, "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": "/data/k", "op": "move"}]}]}),
                "spec.overrides[0].clusterOverrides[0].op",
            ),
            (
                "v1beta1",
                json!({"template": {}, "overrides": [{"clusterName": "a", "topologyOverrides": []}]}),
                "spec.overrides[0].topologyOverrides",
            ),
        ] {
            assert_eq!(fields(version, spec.clone()), [field], "{spec}");
        }
        for path in [
            "",
            "/metadata",
            "/metadata/name",
            "x/kind",
            "x/metadata/namespace",
            "nothing",
            "/apiVersion",
            "/data/a~b",
            "/data/a~",
        ] {
            let spec = json!({"template": {}, "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": path}]}]});
            let found = fields("v1beta1", spec);
            assert_eq!(found, ["spec.overrides[0].clusterOverrides[0].path"], "{path}");
        }
        let big = json!({"template": {"data": {"k": "x".repeat(MAX_TEMPLATE_BYTES)}}});
        assert_eq!(fields("v1beta1", big), ["spec.template"]);
    }

    #[test]
    fn messages_say_what_to_write() {
        let message =
            |spec: Value| validate_federated(&object("v1beta1", spec), None, "ConfigMap")[0].to_string();
        let patched = |path: &str| {
            message(
                json!({"template": {}, "overrides": [{"clusterName": "a", "clusterOverrides": [{"path": path}]}]}),
            )
        };
        for (found, part) in [
            (message(json!({})), "spec.template: is required: the plain object"),
            (message(json!({"template": {"metadata": {"name": "x"}}})), "stands for \"cm\"; leave it out"),
            (
                message(json!({"template": {}, "placement": {"topologies": []}})),
                "write clusters here (v1beta1), or apiVersion types.kubefed.io/v1beta2",
            ),
            (message(json!({"template": {}, "placementMask": {}})), "write [] to touch none"),
            (
                {
                    let mut elsewhere =
                        object("v1beta1", json!({"template": {}, "placement": {"topologies": []}}));
                    elsewhere["apiVersion"] = json!("types.example.com/v1beta1");
                    validate_federated(&elsewhere, None, "ConfigMap")[0].to_string()
                },
                "or apiVersion types.example.com/v1beta2",
            ),
            (patched("data/k"), "write \"/k\""),
            (patched("/metadata"), "write /metadata/labels/"),
            (patched(""), "such as /spec/replicas"),
            (
                message(json!({"template": {"data": {"k": "x".repeat(MAX_TEMPLATE_BYTES)}}})),
                "has 1048593 bytes, more than the 1048576",
            ),
        ] {
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn a_secret_that_members_fill_in_is_refused() {
        let found = |spec: Value, old: Option<&Value>, kind: &str| {
            let found = validate_federated(&object("v1beta2", spec), old, kind);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let token = json!({"template": {"type": TOKEN_SECRET}});
        let refused = found(token.clone(), None, "Secret");
        assert_eq!(refused.len(), 1);
        assert!(refused[0].starts_with("spec.template.type: ") && refused[0].contains("ServiceAccount"));
        assert!(found(token.clone(), Some(&object("v1beta2", token.clone())), "Secret").is_empty());
        assert!(found(token, None, "Widget").is_empty());
        assert!(found(json!({"template": {"type": "Opaque"}}), None, "Secret").is_empty());
        let patch = json!({"path": "/type", "value": TOKEN_SECRET});
        let overridden =
            json!({"template": {}, "overrides": [{"topologyName": "a", "topologyOverrides": [patch]}]});
        let refused = found(overridden, None, "Secret");
        assert!(refused[0].starts_with("spec.overrides[0].topologyOverrides[0].value: "), "{refused:?}");
    }

    #[test]
    fn annotations_are_read() {
        for (key, value, is_good) in [
            ("kubefed.io/orphan", "true", true),
            ("kubefed.io/orphan", "false", true),
            ("kubefed.io/orphan", "yes", false),
            ("kubefed.io/deleteoption", "{\"propagationPolicy\":\"Orphan\"}", true),
            ("kubefed.io/deleteoption", "Orphan", false),
            ("kubefed.io/deleteoption", "[]", false),
        ] {
            let mut object = object("v1beta1", json!({"template": {}}));
            object["metadata"]["annotations"] = json!({key: value});
            let found = validate_federated(&object, None, "ConfigMap");
            assert_eq!(found.is_empty(), is_good, "{key}={value}");
            assert!(found.iter().all(|v| v.field == format!("metadata.annotations[{key}]")));
        }
    }

    #[test]
    fn what_was_wrong_before_stays_editable_wherever_it_moves() {
        let wrong = |cluster: &str| json!({"clusterName": cluster, "clusterOverrides": [{"path": "/kind", "value": "x"}]});
        let old = object("v1beta1", json!({"template": {}, "overrides": [{"clusterName": "a"}, wrong("b")]}));
        let found = |overrides: Value| {
            let new = object("v1beta1", json!({"template": {}, "overrides": overrides}));
            validate_federated(&new, Some(&old), "ConfigMap").len()
        };
        assert_eq!(found(json!([wrong("b")])), 0);
        assert_eq!(found(json!([wrong("b"), wrong("c")])), 1);
        assert_eq!(found(json!([wrong("c")])), 1, "another cluster's is new");
    }

    #[test]
    fn what_was_wrong_before_stays_editable() {
        let old = object("v1beta1", json!({"placement": {"clusters": []}}));
        let mut new = object("v1beta1", json!({"placement": {"clusters": [{"name": "a"}]}}));
        assert!(validate_federated(&new, Some(&old), "ConfigMap").is_empty());
        new["metadata"]["annotations"] = json!({"kubefed.io/deleteoption": "no"});
        assert_eq!(validate_federated(&new, Some(&old), "ConfigMap").len(), 1);
    }
}
