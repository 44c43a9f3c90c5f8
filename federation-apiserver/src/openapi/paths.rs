//! The paths of a document: what clients look up to know what a server can do with a kind.

use serde_json::{Map, Value, json};

use super::schemas::{META, PREFIX, list_name, name, subresource_name};
use crate::discovery::Described;

/// The paths of a resource, its collections and its subresources.
pub(super) fn of_resource(resource: &Described) -> Vec<(String, Value)> {
    let base = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    let within = if resource.namespaced { format!("{base}/namespaces/{{namespace}}") } else { base.clone() };
    let collection = format!("{within}/{}", resource.plural);
    let mut paths = vec![(collection.clone(), self::collection(resource))];
    if resource.verbs.iter().any(|verb| verb == "get") {
        paths.push((format!("{collection}/{{name}}"), object(resource, None, &resource.verbs)));
    }
    if resource.namespaced && resource.verbs.iter().any(|verb| verb == "list") {
        let all = Operation { of: resource, action: "list", part: None, everywhere: true };
        paths.push((format!("{base}/{}", resource.plural), json!({"get": all.describe()})));
    }
    for one in &resource.subresources {
        let path = format!("{collection}/{{name}}/{}", one.name);
        paths.push((path, object(resource, Some(one), &one.verbs)));
    }
    paths
}

fn collection(resource: &Described) -> Value {
    let mut path = Map::new();
    for (verb, method, action) in [
        ("list", "get", "list"),
        ("create", "post", "post"),
        ("deletecollection", "delete", "deletecollection"),
    ] {
        if resource.verbs.iter().any(|one| one == verb) {
            let operation = Operation { of: resource, action, part: None, everywhere: false };
            path.insert(method.to_owned(), operation.describe());
        }
    }
    path.insert("parameters".to_owned(), parameters(resource, false));
    Value::Object(path)
}

fn object(resource: &Described, part: Option<&Part>, verbs: &[String]) -> Value {
    let mut path = Map::new();
    let mut operations = vec![("get", "get"), ("update", "put"), ("patch", "patch")];
    // What is created at an object's path is the subresource, such as a token.
    operations.push(if part.is_some() { ("create", "post") } else { ("delete", "delete") });
    for (verb, method) in operations {
        if verbs.iter().any(|one| one == verb) {
            let operation = Operation { of: resource, action: method, part, everywhere: false };
            path.insert(method.to_owned(), operation.describe());
        }
    }
    path.insert("parameters".to_owned(), parameters(resource, true));
    Value::Object(path)
}

type Part = crate::discovery::DescribedSubresource;

/// What stands in the path.
fn parameters(resource: &Described, named: bool) -> Value {
    let in_path = |name: &str, text: String| json!({"name": name, "in": "path", "required": true, "description": text, "schema": text_schema()});
    let mut all = Vec::new();
    if named {
        all.push(in_path("name", format!("name of the {}", resource.kind)));
    }
    if resource.namespaced {
        all.push(in_path(
            "namespace",
            "object name and auth scope, such as for teams and projects".to_owned(),
        ));
    }
    all.push(query("pretty", "string"));
    Value::Array(all)
}

fn text_schema() -> Value {
    json!({"type": "string", "uniqueItems": true})
}

fn query(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

/// One method at one path.
struct Operation<'a> {
    of: &'a Described,
    /// `x-kubernetes-action`.
    action: &'static str,
    part: Option<&'a Part>,
    /// The list of all namespaces.
    everywhere: bool,
}

impl Operation<'_> {
    fn describe(&self) -> Value {
        let mut operation = json!({
            "tags": [format!("{}_{}", camel(&self.of.group, false), self.of.version)],
            "operationId": self.id(),
            "parameters": self.queries(),
            "responses": self.responses(),
            "x-kubernetes-action": self.action,
            "x-kubernetes-group-version-kind": self.kind(),
        });
        if let Some(body) = self.body() {
            operation["requestBody"] = body;
        }
        operation
    }

    /// Such as `replaceAppsV1NamespacedDeploymentScale`.
    fn id(&self) -> String {
        let verb = match self.action {
            "list" => "list",
            "post" => "create",
            "get" => "read",
            "put" => "replace",
            "patch" => "patch",
            _ => "delete",
        };
        let within = if self.of.namespaced && !self.everywhere { "Namespaced" } else { "" };
        let within = match self.action {
            "deletecollection" => format!("Collection{within}"),
            _ => within.to_owned(),
        };
        let part = self.part.map(|part| camel(&part.name, true)).unwrap_or_default();
        let all = if self.everywhere { "ForAllNamespaces" } else { "" };
        let (group, version) = (camel(&self.of.group, true), camel(&self.of.version, true));
        format!("{verb}{group}{version}{within}{}{part}{all}", self.of.kind)
    }

    fn queries(&self) -> Value {
        let names: &[(&str, &str)] = match self.action {
            "deletecollection" if self.of.builtin.is_some() => &[
                ("continue", "string"),
                ("dryRun", "string"),
                ("fieldSelector", "string"),
                ("gracePeriodSeconds", "integer"),
                ("labelSelector", "string"),
                ("limit", "integer"),
                ("orphanDependents", "boolean"),
                ("propagationPolicy", "string"),
                ("resourceVersion", "string"),
                ("resourceVersionMatch", "string"),
                ("sendInitialEvents", "boolean"),
                ("timeoutSeconds", "integer"),
            ],
            "list" | "deletecollection" => &[
                ("allowWatchBookmarks", "boolean"),
                ("continue", "string"),
                ("fieldSelector", "string"),
                ("labelSelector", "string"),
                ("limit", "integer"),
                ("resourceVersion", "string"),
                ("resourceVersionMatch", "string"),
                ("sendInitialEvents", "boolean"),
                ("timeoutSeconds", "integer"),
                ("watch", "boolean"),
            ],
            "post" | "put" => {
                &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")]
            }
            "patch" => &[
                ("dryRun", "string"),
                ("fieldManager", "string"),
                ("fieldValidation", "string"),
                ("force", "boolean"),
            ],
            "delete" => &[
                ("dryRun", "string"),
                ("gracePeriodSeconds", "integer"),
                ("orphanDependents", "boolean"),
                ("propagationPolicy", "string"),
            ],
            _ => &[],
        };
        names.iter().map(|(name, kind)| query(name, kind)).collect()
    }

    /// The name of what is read and written.
    fn definition(&self) -> String {
        self.part.and_then(|part| part.kind.as_ref()).map_or_else(|| name(self.of), subresource_name)
    }

    fn body(&self) -> Option<Value> {
        let schema = |name: String| json!({"schema": {"$ref": format!("{PREFIX}{name}")}});
        let content = match self.action {
            "post" | "put" => json!({"*/*": schema(self.definition())}),
            "delete" | "deletecollection" => json!({"*/*": schema(format!("{META}.DeleteOptions"))}),
            "patch" => {
                let mut kinds = vec![
                    "application/apply-patch+yaml",
                    "application/json-patch+json",
                    "application/merge-patch+json",
                ];
                if self.of.builtin.is_some() {
                    kinds.push("application/strategic-merge-patch+json");
                }
                kinds.into_iter().map(|kind| (kind.to_owned(), schema(format!("{META}.Patch")))).collect()
            }
            _ => return None,
        };
        let mut body = json!({"content": content});
        if !self.action.starts_with("delete") {
            body["required"] = true.into();
        }
        Some(body)
    }

    fn responses(&self) -> Value {
        let answered = match self.action {
            "list" => list_name(self.of),
            "delete" | "deletecollection" => format!("{META}.Status"),
            _ => self.definition(),
        };
        let schema = json!({"schema": {"$ref": format!("{PREFIX}{answered}")}});
        let content = json!({"application/json": schema, "application/yaml": schema});
        let codes: &[(&str, &str)] = match self.action {
            "post" => &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
            "put" | "patch" => &[("200", "OK"), ("201", "Created")],
            "delete" => &[("200", "OK"), ("202", "Accepted")],
            _ => &[("200", "OK")],
        };
        let answers = codes
            .iter()
            .map(|(code, text)| ((*code).to_owned(), json!({"description": text, "content": content})));
        let mut answers: Map<_, _> = answers.collect();
        answers.insert("401".to_owned(), json!({"description": "Unauthorized"}));
        Value::Object(answers)
    }

    fn kind(&self) -> Value {
        // The scale of a custom resource goes by the resource's kind.
        let part = self.part.filter(|_| self.of.builtin.is_some());
        match part.and_then(|part| part.kind.as_ref()) {
            Some((group, version, kind)) => json!({"group": group, "version": version, "kind": kind}),
            None => json!({"group": self.of.group, "version": self.of.version, "kind": self.of.kind}),
        }
    }
}

/// `ExampleCom` of `example.com`, `Core` of the core group; the first letter as it is asked for. Of Kubernetes' own
/// groups the domain is left out.
fn camel(text: &str, first_upper: bool) -> String {
    let text = text.strip_suffix(".k8s.io").unwrap_or(text);
    let text = if text.is_empty() { "core" } else { text };
    let mut camel = String::new();
    for (index, word) in text.split(['.', '-']).enumerate() {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if index > 0 || first_upper => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(chars.as_str());
    }
    camel
}
