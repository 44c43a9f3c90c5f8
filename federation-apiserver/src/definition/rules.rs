//! What is particular to a CustomResourceDefinition as an object.

use serde_json::{Value, json};
use structural_schema::{Schema, check_definition};

use super::CLEANUP;
use crate::builtin::BuiltinRules;
use crate::resource::Rules;
use crate::{Cause, FieldError, syntax};

/// The rules of definitions.
pub(crate) struct DefinitionRules {
    /// Those that every built-in kind has.
    general: BuiltinRules,
}

impl DefinitionRules {
    pub(crate) fn new(general: BuiltinRules) -> Self {
        Self { general }
    }
}

/// The versions of a definition, in the order in which they are written.
pub(super) fn versions(definition: &Value) -> impl Iterator<Item = &Value> {
    definition["spec"]["versions"].as_array().into_iter().flatten()
}

/// The version in which objects are stored.
pub(super) fn storage_version(definition: &Value) -> Option<&str> {
    versions(definition)
        .find(|version| version["storage"] == true)
        .and_then(|version| version["name"].as_str())
}

/// Every version in which objects may be stored is told, so that none is removed too early.
fn note_stored_version(definition: &mut Value) {
    let Some(version) = storage_version(definition).map(str::to_owned) else { return };
    let status = &mut definition["status"];
    if !status["storedVersions"].is_array() {
        status["storedVersions"] = json!([]);
    }
    if let Some(stored) = status["storedVersions"].as_array_mut()
        && !stored.iter().any(|one| *one == version)
    {
        stored.push(version.into());
    }
}

impl Rules for DefinitionRules {
    fn schema(&self) -> Option<&Schema> {
        self.general.schema()
    }

    fn read(&self, object: Value) -> Result<(Value, Vec<String>), String> {
        self.general.read(object)
    }

    fn default(&self, object: &mut Value) {
        self.general.default(object);
        let spec = &mut object["spec"];
        if !spec.is_object() {
            return;
        }
        let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
        if spec["names"].is_object() {
            if spec["names"]["singular"].as_str().unwrap_or_default().is_empty() {
                spec["names"]["singular"] = kind.to_lowercase().into();
            }
            if spec["names"]["listKind"].as_str().unwrap_or_default().is_empty() && !kind.is_empty() {
                spec["names"]["listKind"] = format!("{kind}List").into();
            }
        }
        if spec["conversion"].is_null() {
            spec["conversion"] = json!({"strategy": "None"});
        }
        let service = &mut spec["conversion"]["webhook"]["clientConfig"]["service"];
        if service.is_object() && service["port"].is_null() {
            service["port"] = 443.into();
        }
        // Looking for a field has made those on the way to it.
        remove_nulls(&mut spec["conversion"]);
    }

    fn prepare_create(&self, object: &mut Value) {
        self.general.prepare_create(object);
        self.default(object);
        object["status"] =
            json!({"conditions": null, "acceptedNames": {"kind": "", "plural": ""}, "storedVersions": null});
        note_stored_version(object);
    }

    fn prepare_update(&self, subresource: &str, object: &mut Value, old: &Value) {
        self.general.prepare_update(subresource, object, old);
        if subresource.is_empty() {
            self.default(object);
            note_stored_version(object);
        }
    }

    /// A definition goes when its objects are gone.
    fn prepare_delete(&self, object: &mut Value, now: jiff::Timestamp) {
        const MESSAGE: &str =
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
        super::status::set(
            &mut object["status"],
            "Terminating",
            true,
            "InstanceDeletionPending",
            MESSAGE,
            now,
        );
        let finalizers = &mut object["metadata"]["finalizers"];
        match finalizers.as_array_mut() {
            Some(all) if all.iter().any(|one| one == CLEANUP) => {}
            Some(all) => all.push(CLEANUP.into()),
            None => *finalizers = json!([CLEANUP]),
        }
    }

    fn validate(&self, subresource: &str, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = self.general.validate(subresource, object, old);
        if subresource == "status" {
            errors.extend(unserved_stored_versions(object));
            return errors;
        }
        let names = &object["spec"]["names"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (plural, group) = (text(&names["plural"]), text(&object["spec"]["group"]));
        let wanted = format!("{plural}.{group}");
        let name = crate::object::name(object);
        if name != wanted {
            errors.push(FieldError::invalid_text(
                "metadata.name",
                name,
                "must be spec.names.plural+\".\"+spec.group",
            ));
        }
        if group.is_empty() {
            errors.push(FieldError::required("spec.group", ""));
        } else if !group.contains('.') {
            errors.push(FieldError::invalid_text(
                "spec.group",
                &group,
                "should be a domain with at least one dot",
            ));
        } else {
            for wrong in syntax::dns_subdomain(&group) {
                errors.push(FieldError::invalid_text("spec.group", &group, &wrong));
            }
        }
        for field in ["plural", "singular", "kind", "listKind"] {
            let value = text(&names[field]);
            let path = format!("spec.names.{field}");
            if value.is_empty() {
                errors.push(FieldError::required(path, ""));
                continue;
            }
            let lowered = if field.ends_with("ind") { value.to_lowercase() } else { value.clone() };
            for wrong in syntax::dns_1035_label(&lowered) {
                errors.push(FieldError::invalid_text(path.as_str(), &value, &wrong));
            }
        }
        if !names["kind"].is_null() && names["kind"] == names["listKind"] {
            errors.push(FieldError::invalid(
                "spec.names.listKind",
                &names["listKind"],
                "kind and listKind may not be the same",
            ));
        }
        match object["spec"]["scope"].as_str() {
            Some("Namespaced" | "Cluster") => {}
            None | Some("") => errors.push(FieldError::required("spec.scope", "")),
            Some(_) => errors.push(FieldError::not_supported(
                "spec.scope",
                &object["spec"]["scope"],
                ["Cluster", "Namespaced"],
            )),
        }
        if let (true, None) = (is_protected(&group), old) {
            errors.extend(unapproved(object));
        }
        validate_versions(object, &mut errors);
        if let Some(old) = old {
            for (field, pointer) in [
                ("spec.group", "/spec/group"),
                ("spec.scope", "/spec/scope"),
                ("spec.names.kind", "/spec/names/kind"),
                ("spec.names.plural", "/spec/names/plural"),
            ] {
                let established = super::status::is_true(old, "Established");
                let guarded = established || field == "spec.group";
                if guarded && object.pointer(pointer) != old.pointer(pointer) {
                    let value = object.pointer(pointer).cloned().unwrap_or_default();
                    errors.push(FieldError::invalid(field, &value, "field is immutable"));
                }
            }
            errors.extend(unserved_stored_versions(object));
        }
        errors
    }
}

/// Versions in which objects may be stored and which the definition does not have.
fn unserved_stored_versions(definition: &Value) -> Vec<FieldError> {
    const WHY: &str = "missing from spec.versions; must remove version from status.storedVersions before removing it from spec";
    let stored = definition["status"]["storedVersions"].as_array().into_iter().flatten().enumerate();
    let missing = stored.filter(|(_, stored)| !versions(definition).any(|one| one["name"] == **stored));
    missing
        .map(|(i, stored)| FieldError::invalid(format!("status.storedVersions[{i}]"), stored, WHY))
        .collect()
}

/// Groups of Kubernetes' own, in which a definition must say who approved it.
fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|own| group.strip_suffix(own).is_some_and(|before| before.is_empty() || before.ends_with('.')))
}

fn unapproved(definition: &Value) -> Option<FieldError> {
    const ANNOTATION: &str = "api-approved.kubernetes.io";
    let said = definition["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default();
    (!said.starts_with("https://") && !said.starts_with("unapproved")).then(|| {
        FieldError::required(
            format!("metadata.annotations[{ANNOTATION}]"),
            "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111",
        )
    })
}

fn validate_versions(definition: &Value, errors: &mut Vec<FieldError>) {
    let mut seen = std::collections::BTreeSet::new();
    let mut storage = 0;
    for (i, version) in versions(definition).enumerate() {
        let path = format!("spec.versions[{i}]");
        let name = version["name"].as_str().unwrap_or_default();
        for wrong in syntax::dns_1035_label(name) {
            errors.push(FieldError::invalid_text(format!("{path}.name"), name, &wrong));
        }
        if !seen.insert(name) {
            errors.push(FieldError::invalid_text("spec.versions", name, "must contain unique version names"));
        }
        storage += usize::from(version["storage"] == true);
        if version["schema"]["openAPIV3Schema"].is_null() {
            errors.push(FieldError::required(format!("{path}.schema.openAPIV3Schema"), ""));
            continue;
        }
        // kube-apiserver keeps the schema of an only version where it was when there were no versions.
        let schema_path = if versions(definition).count() == 1 {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("{path}.schema.openAPIV3Schema")
        };
        let has_status = version["subresources"]["status"].is_object();
        errors.extend(check_definition(&version["schema"]["openAPIV3Schema"], &schema_path, has_status));
    }
    if storage != 1 {
        errors.push(FieldError {
            cause: Cause::Invalid,
            field: "spec.versions".to_owned(),
            message: format!(
                "Invalid value: {}: must have exactly one version marked as storage version",
                definition["spec"]["versions"]
            ),
        });
    }
}

fn remove_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.values_mut().for_each(remove_nulls);
        map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
}
