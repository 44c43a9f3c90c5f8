//! The resources that a definition makes.

use std::sync::Arc;

use serde_json::Value;
use structural_schema::Schema;

use super::converters::{Converters, conversion};
use super::custom::CustomRules;
use super::rules::{storage_version, versions};
use crate::discovery::Described;
use crate::discovery::version_order::newest_first;
use crate::resource::{Resource, ScalePaths, api_version};
use crate::select::SelectableFields;
use crate::table::TableFormat;

/// The served versions of an established definition.
pub(super) fn resources(definition: &Value, converters: &dyn Converters) -> Vec<Resource> {
    let spec = &definition["spec"];
    let group = text(&spec["group"]);
    let Some(storage) = storage_version(definition) else { return Vec::new() };
    let names = &definition["status"]["acceptedNames"];
    let namespaced = spec["scope"] == "Namespaced";
    let conversion = conversion(definition, converters);
    let served = versions(definition).filter(|version| version["served"] == true);
    served
        .filter_map(|version| {
            // What does not compile was refused when it was written.
            let schema = Schema::compile(&version["schema"]["openAPIV3Schema"]).ok()?;
            let (name, plural) = (text(&version["name"]), text(&names["plural"]));
            let subresources = &version["subresources"];
            let status = subresources["status"].is_object();
            let paths = version["selectableFields"].as_array().into_iter().flatten();
            let selectable = SelectableFields::of_custom_resource(
                namespaced,
                paths.filter_map(|field| field["jsonPath"].as_str()),
            );
            let defaults_on_read = schema.has_defaults() || storage != name;
            let scale = scale(&subresources["scale"]);
            let rules = CustomRules { schema, namespaced, status, scale: scale.clone() };
            Some(Resource {
                key_prefix: format!("/registry/{group}/{plural}"),
                storage_version: api_version(&group, storage),
                deprecation_warning: deprecation(definition, &group, &name, version),
                group: group.clone(),
                version: name.clone(),
                kind: text(&names["kind"]),
                list_kind: text(&names["listKind"]),
                namespaced,
                status,
                scale,
                conversion: conversion.clone(),
                defaults_on_read,
                custom: true,
                special: Vec::new(),
                selectable,
                described: Described::of_definition(definition, &name)?,
                table: TableFormat::of_custom_resource(&version["additionalPrinterColumns"]),
                rules: Arc::new(rules),
                lease: 0,
                plural,
            })
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn scale(paths: &Value) -> Option<ScalePaths> {
    let pointer = |field: &str| paths[field].as_str().map(|path| path.replace('.', "/"));
    Some(ScalePaths {
        spec_replicas: pointer("specReplicasPath")?,
        status_replicas: pointer("statusReplicasPath")?,
        label_selector: pointer("labelSelectorPath"),
    })
}

fn deprecation(definition: &Value, group: &str, version: &str, declared: &Value) -> Option<String> {
    if declared["deprecated"] != true {
        return None;
    }
    if let Some(text) = declared["deprecationWarning"].as_str() {
        return Some(text.to_owned());
    }
    let kind = text(&definition["status"]["acceptedNames"]["kind"]);
    let of = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
    let current = versions(definition).filter(|one| one["served"] == true && one["deprecated"] != true);
    let best = current.map(of).min_by(|a, b| newest_first(a, b));
    let instead = best.filter(|best| newest_first(best, version).is_lt());
    let instead = instead.map(|best| format!("; use {group}/{best} {kind}")).unwrap_or_default();
    Some(format!("{group}/{version} {kind} is deprecated{instead}"))
}
