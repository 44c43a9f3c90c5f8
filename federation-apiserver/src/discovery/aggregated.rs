//! All of discovery in two documents (`apidiscovery.k8s.io/v2`), for clients that ask for them.

use serde_json::{Value, json};

use super::{Described, Group, in_order, of_version};

/// The content type of the aggregated documents, as clients ask for it and as it is answered.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/api`.
pub fn aggregated_core(all: &[Described]) -> Value {
    list(all, |group| group.name.is_empty())
}

/// `/apis`.
pub fn aggregated_groups(all: &[Described]) -> Value {
    list(all, |group| !group.name.is_empty())
}

fn list(all: &[Described], wanted: impl Fn(&Group<'_>) -> bool) -> Value {
    let items: Vec<_> =
        in_order(all).iter().filter(|group| wanted(group)).map(|group| item(all, group)).collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn item(all: &[Described], group: &Group<'_>) -> Value {
    let versions = group.versions.iter().map(|version| {
        let resources: Vec<_> = of_version(all, group.name, version).into_iter().map(resource).collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    });
    let versions: Vec<_> = versions.collect();
    let metadata = if group.name.is_empty() { json!({}) } else { json!({"name": group.name}) };
    json!({"metadata": metadata, "versions": versions})
}

fn resource(one: &Described) -> Value {
    // Group and version of built-in kinds are those of the document; of custom resources they are said.
    let own = |kind: &str| match one.builtin {
        Some(_) => json!({"group": "", "version": "", "kind": kind}),
        None => json!({"group": one.group, "version": one.version, "kind": kind}),
    };
    let subresources = one.subresources.iter().map(|sub| {
        let kind = match &sub.kind {
            Some((group, version, kind)) => json!({"group": group, "version": version, "kind": kind}),
            None => own(&one.kind),
        };
        json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
    });
    let mut described = json!({
        "resource": one.plural,
        "responseKind": own(&one.kind),
        "scope": if one.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": one.singular,
        "verbs": one.verbs,
    });
    for (name, texts) in [("shortNames", &one.short_names), ("categories", &one.categories)] {
        if !texts.is_empty() {
            described[name] = json!(texts);
        }
    }
    let subresources: Vec<_> = subresources.collect();
    if !subresources.is_empty() {
        described["subresources"] = json!(subresources);
    }
    described
}
