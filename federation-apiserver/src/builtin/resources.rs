//! The built-in kinds as resources that are served.

use std::sync::Arc;

use serde_json::Value;
use structural_schema::Schema;

use super::events::EventForms;
use super::kind::{Kind, Profile};
use super::strategy::merge_string_data;
use super::{prepare_create, prepare_update, schemas, set_defaults, typed, validate};
use crate::FieldError;
use crate::conversion::Conversion;
use crate::definition::DefinitionRules;
use crate::discovery::Described;
use crate::resource::{Resource, Rules, ScalePaths};
use crate::table::TableFormat;

/// How long an event is kept: kube-apiserver's default of `--event-ttl`.
const EVENT_SECONDS: u32 = 3600;

/// The stored resources of a profile.
pub fn resources(profile: Profile) -> impl Iterator<Item = Resource> {
    super::kinds(profile).filter(|kind| kind.storage.is_some()).map(resource)
}

fn resource(kind: &'static Kind) -> Resource {
    let rules: Arc<dyn Rules> = match kind.kind {
        "CustomResourceDefinition" => Arc::new(DefinitionRules::new(BuiltinRules { kind })),
        _ => Arc::new(BuiltinRules { kind }),
    };
    let special = kind.subresources.iter().map(|one| one.name);
    Resource {
        group: kind.group().to_owned(),
        version: kind.version().to_owned(),
        plural: kind.plural.to_owned(),
        kind: kind.kind.to_owned(),
        list_kind: kind.list_kind(),
        namespaced: kind.namespaced,
        status: kind.has("status"),
        scale: kind.has("scale").then(|| ScalePaths {
            spec_replicas: "/spec/replicas".to_owned(),
            status_replicas: "/status/replicas".to_owned(),
            label_selector: Some("/spec/selector".to_owned()),
        }),
        key_prefix: kind.key_prefix().unwrap_or_default().trim_end_matches('/').to_owned(),
        storage_version: kind.stored_as.map_or_else(|| kind.group_version.api_version(), str::to_owned),
        conversion: if kind.kind == "Event" {
            Conversion::By(Arc::new(EventForms))
        } else {
            Conversion::None
        },
        defaults_on_read: false,
        custom: false,
        special: special.filter(|name| !["status", "scale"].contains(name)).map(str::to_owned).collect(),
        selectable: kind.selectable_fields(),
        described: Described::from(kind),
        table: TableFormat::of_kind(kind),
        rules,
        lease: if kind.kind == "Event" { EVENT_SECONDS } else { 0 },
        deprecation_warning: None,
    }
}

/// The rules of a built-in kind.
pub(crate) struct BuiltinRules {
    kind: &'static Kind,
}

impl BuiltinRules {
    fn is_of_namespaces(&self) -> bool {
        self.kind.kind == "Namespace"
    }
}

impl Rules for BuiltinRules {
    /// It is unpacked when it is first asked for.
    fn schema(&self) -> Option<&Schema> {
        schemas::schema(self.kind)
    }

    fn read(&self, object: Value) -> Result<(Value, Vec<String>), String> {
        let mut read = typed::read(self.kind, object).map_err(|error| error.to_string())?;
        // Whoever writes texts owns the data that they become.
        if let ("Secret", Some(fields)) = (self.kind.kind, read.object.as_object_mut()) {
            merge_string_data(fields);
        }
        Ok((read.object, read.unknown))
    }

    fn default(&self, object: &mut Value) {
        set_defaults(self.kind, object);
    }

    fn prepare_create(&self, object: &mut Value) {
        prepare_create(self.kind, object);
    }

    fn prepare_update(&self, subresource: &str, object: &mut Value, old: &Value) {
        prepare_update(self.kind, subresource, object, old);
    }

    fn validate(&self, subresource: &str, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        validate(self.kind, subresource, object, old)
    }

    fn prepare_delete(&self, object: &mut Value, _now: jiff::Timestamp) {
        if self.is_of_namespaces() {
            object["status"]["phase"] = "Terminating".into();
        }
    }

    /// A namespace is kept by its content, for which a finalizer of its own stands.
    fn is_kept(&self, object: &Value) -> bool {
        self.is_of_namespaces() && object["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
    }
}
