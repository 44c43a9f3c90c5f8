//! The description of a served resource.

use std::sync::Arc;

use serde_json::Value;

use crate::builtin::Kind;

/// A resource that is served in a group and version.
#[derive(Clone, Debug)]
pub struct Described {
    /// The group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The resource's name, such as `configmaps`.
    pub plural: String,
    /// The name of one.
    pub singular: String,
    /// The kind.
    pub kind: String,
    /// The kind of a list.
    pub list_kind: String,
    /// What kubectl also understands.
    pub short_names: Vec<String>,
    /// Groups of resources that kubectl gets together.
    pub categories: Vec<String>,
    /// Whether objects are in namespaces.
    pub namespaced: bool,
    /// What can be done with it, as it is listed.
    pub verbs: Vec<String>,
    /// Its subresources.
    pub subresources: Vec<DescribedSubresource>,
    /// The built-in kind, if it is one.
    pub builtin: Option<&'static Kind>,
    /// The `openAPIV3Schema` of a custom resource's version.
    pub schema: Option<Arc<Value>>,
}

/// A part of a resource with a path of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSubresource {
    /// The last part of its path.
    pub name: String,
    /// Group, version and kind of what is read and written there; `None` for the resource's own.
    pub kind: Option<(String, String, String)>,
    /// What can be done with it.
    pub verbs: Vec<String>,
}

impl From<&'static Kind> for Described {
    fn from(kind: &'static Kind) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let subresources = kind.subresources.iter().map(|one| DescribedSubresource {
            name: one.name.to_owned(),
            kind: one
                .kind
                .map(|(group, version, kind)| (group.to_owned(), version.to_owned(), kind.to_owned())),
            verbs: owned(one.verbs),
        });
        Self {
            group: kind.group().to_owned(),
            version: kind.version().to_owned(),
            plural: kind.plural.to_owned(),
            singular: kind.singular(),
            kind: kind.kind.to_owned(),
            list_kind: kind.list_kind(),
            short_names: owned(kind.short_names),
            categories: owned(kind.categories),
            namespaced: kind.namespaced,
            verbs: owned(kind.verbs),
            subresources: subresources.collect(),
            builtin: Some(kind),
            schema: None,
        }
    }
}

impl Described {
    /// A version of a custom resource definition, with the names that were accepted; `None` when the definition has
    /// no such version or lacks what a definition must have.
    pub fn of_definition(definition: &Value, version: &str) -> Option<Self> {
        let spec = &definition["spec"];
        let names = definition.pointer("/status/acceptedNames").filter(|names| names["kind"].is_string());
        let names = names.unwrap_or(&spec["names"]);
        let text = |name: &str| names[name].as_str().map(str::to_owned);
        let texts = |name: &str| -> Vec<String> {
            names[name]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let declared = spec["versions"].as_array()?.iter().find(|one| one["name"] == version)?;
        let kind = text("kind")?;
        let verbs = |verbs: &[&str]| verbs.iter().map(|verb| (*verb).to_owned()).collect::<Vec<_>>();
        let subresource = |name: &str, kind| DescribedSubresource {
            name: name.to_owned(),
            kind,
            verbs: verbs(&["get", "patch", "update"]),
        };
        let has = |name: &str| declared["subresources"][name].is_object();
        let mut subresources = Vec::new();
        if has("status") {
            subresources.push(subresource("status", None));
        }
        if has("scale") {
            let scale = ("autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned());
            subresources.push(subresource("scale", Some(scale)));
        }
        Some(Self {
            group: spec["group"].as_str()?.to_owned(),
            version: version.to_owned(),
            plural: text("plural")?,
            singular: text("singular").unwrap_or_else(|| kind.to_lowercase()),
            list_kind: text("listKind").unwrap_or_else(|| format!("{kind}List")),
            kind,
            short_names: texts("shortNames"),
            categories: texts("categories"),
            namespaced: spec["scope"] == "Namespaced",
            verbs: verbs(&[
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "create",
                "update",
                "watch",
            ]),
            subresources,
            builtin: None,
            schema: declared.pointer("/schema/openAPIV3Schema").cloned().map(Arc::new),
        })
    }
}
