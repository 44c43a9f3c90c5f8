//! The reviews that ask what the authorizer would say: SubjectAccessReview, LocalSubjectAccessReview,
//! SelfSubjectAccessReview and SelfSubjectRulesReview.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::FieldError;
use crate::auth::{Attributes, Policy, Refusal, ResourceTarget, User, policy::joined};

const GROUP: &str = "authorization.k8s.io";

/// Which of the three kinds a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessReview {
    /// May this user do this?
    Subject,
    /// May this user do this in the namespace of the request's path?
    Local,
    /// May I do this?
    SelfSubject,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    resource_attributes: Option<ResourceAttributes>,
    non_resource_attributes: Option<PathAttributes>,
    user: String,
    #[serde(deserialize_with = "crate::auth::rule::null_is_empty")]
    groups: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceAttributes {
    namespace: String,
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PathAttributes {
    path: String,
    verb: String,
}

/// Answers a review. `me` is who asks, `namespace` that of the path, which only a local review has.
///
/// Selectors in the review are checked for form and otherwise have no effect: roles know none.
pub fn access_review(
    review: AccessReview,
    mut request: Value,
    policy: &Policy,
    me: &User,
    namespace: &str,
) -> Result<Value, Refusal> {
    let spec = match &request["spec"] {
        Value::Null => Spec::default(),
        spec => Spec::deserialize(spec).map_err(|error| Refusal::BadRequest(format!("spec: {error}")))?,
    };
    let causes = check(review, &request, &spec);
    if !causes.is_empty() {
        // kube-apiserver leaves the kind out.
        return Err(Refusal::Invalid { group: GROUP, kind: "", name: String::new(), causes });
    }
    if review == AccessReview::Local && request["metadata"]["namespace"].as_str() != Some(namespace) {
        let message = format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
        return Err(Refusal::BadRequest(message));
    }
    let other = User::new(spec.user.clone(), spec.groups.iter().cloned());
    let user = if review == AccessReview::SelfSubject { me } else { &other };
    let decision = policy.authorize(user, &spec.attributes());
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    request["status"] = status;
    Ok(request)
}

/// Answers a SelfSubjectRulesReview: all that `me` may do in the namespace that the review names.
pub fn rules_review(request: &Value, policy: &Policy, me: &User) -> Result<Value, Refusal> {
    let namespace = request["spec"]["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(Refusal::BadRequest("no namespace on request".to_owned()));
    }
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    let holdings = policy.holdings(me, namespace);
    for rule in &holdings.rules {
        if !rule.resources.is_empty() {
            let mut said =
                json!({"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources});
            if !rule.resource_names.is_empty() {
                said["resourceNames"] = json!(rule.resource_names);
            }
            resources.push(said);
        }
        if !rule.non_resource_urls.is_empty() {
            paths.push(json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls}));
        }
    }
    let mut status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if !holdings.missing.is_empty() {
        status["evaluationError"] = json!(joined(&holdings.missing));
    }
    Ok(json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "metadata": {},
        "spec": {},
        "status": status,
    }))
}

impl Spec {
    fn attributes(&self) -> Attributes<'_> {
        match (&self.resource_attributes, &self.non_resource_attributes) {
            (Some(ResourceAttributes { namespace, verb, group, resource, subresource, name }), _) => {
                Attributes::resource(verb, ResourceTarget { group, resource, subresource, namespace, name })
            }
            (None, Some(PathAttributes { path, verb })) => Attributes::path(verb, path),
            (None, None) => Attributes::path("", ""),
        }
    }
}

fn check(review: AccessReview, request: &Value, spec: &Spec) -> Vec<FieldError> {
    let mut causes = Vec::new();
    // The value as kube-apiserver shows it: its internal type has no names for JSON.
    let path = match &spec.non_resource_attributes {
        Some(PathAttributes { path, verb }) => json!({"Path": path, "Verb": verb}),
        None => Value::Null,
    };
    match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(_), Some(_)) => causes.push(FieldError::invalid(
            "spec.nonResourceAttributes",
            &path,
            "cannot be specified in combination with resourceAttributes",
        )),
        (None, None) => causes.push(FieldError::invalid(
            "spec.resourceAttributes",
            &Value::Null,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    if review != AccessReview::SelfSubject && spec.user.is_empty() && spec.groups.is_empty() {
        let detail = "at least one of user or group must be specified";
        causes.push(FieldError::invalid("spec.user", &json!(""), detail));
    }
    for selector in ["fieldSelector", "labelSelector"] {
        check_selector(selector, &request["spec"]["resourceAttributes"][selector], &mut causes);
    }
    causes.extend(check_metadata(review, &request["metadata"]));
    if review == AccessReview::Local {
        let own = request["metadata"]["namespace"].as_str().unwrap_or_default();
        if let Some(resource) = spec.resource_attributes.as_ref().filter(|resource| resource.namespace != own)
        {
            causes.push(FieldError::invalid(
                "spec.resourceAttributes.namespace",
                &json!(resource.namespace),
                "must match metadata.namespace",
            ));
        }
        if spec.non_resource_attributes.is_some() {
            let detail = "disallowed on this kind of request";
            causes.push(FieldError::invalid("spec.nonResourceAttributes", &path, detail));
        }
    }
    causes
}

/// A selector is either text or a list of requirements.
fn check_selector(name: &str, selector: &Value, causes: &mut Vec<FieldError>) {
    if selector.is_null() {
        return;
    }
    let field = format!("spec.resourceAttributes.{name}");
    let raw = selector["rawSelector"].as_str().unwrap_or_default();
    let listed = selector["requirements"].as_array().is_some_and(|listed| !listed.is_empty());
    if !raw.is_empty() && listed {
        let detail = "may not specified at the same time as requirements";
        causes.push(FieldError::invalid(format!("{field}.rawSelector"), &json!(raw), detail));
    }
    if raw.is_empty() && !listed {
        let detail = format!("when {field} is specified, requirements or rawSelector is required");
        causes.push(FieldError::required(format!("{field}.requirements"), &detail));
    }
}

fn check_metadata(review: AccessReview, metadata: &Value) -> Option<FieldError> {
    let (allowed, detail) = match review {
        AccessReview::Local => (&["managedFields", "namespace"][..], "must be empty except for namespace"),
        _ => (&["managedFields"][..], "must be empty"),
    };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let surplus = metadata
        .as_object()?
        .iter()
        .any(|(field, value)| !allowed.contains(&field.as_str()) && !empty(value));
    surplus.then(|| FieldError::invalid("metadata", metadata, detail))
}
