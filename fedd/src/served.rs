//! What an API server serves, and which of it a name means.

use anyhow::Context as _;
use federation_model::{ApiResourceReference, Scope};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::client::APIGroupDiscoveryList;

/// A resource type in one version, as an API server serves it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedType {
    /// The type.
    pub reference: ApiResourceReference,
    /// Its singular name.
    pub singular: String,
    /// Its short names.
    pub short_names: Vec<String>,
    /// What can be done with it.
    pub verbs: Vec<String>,
}

/// Why a name means no type, or not one alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing has that name.
    #[error("the API server serves no resource {0:?}; `kubectl api-resources` lists what it serves")]
    Unknown(String),
    /// Several have it.
    #[error("{name:?} is ambiguous; write one of: {}", candidates.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Names that are not ambiguous.
        candidates: Vec<String>,
    },
    /// The type is there, in other versions.
    #[error("{name} is not served in version {version:?}; it is in: {}", served.join(", "))]
    NoVersion {
        /// The type.
        name: String,
        /// The version that was asked for.
        version: String,
        /// Those that there are.
        served: Vec<String>,
    },
    /// It cannot be propagated.
    #[error("{name} cannot be federated: it cannot be {}", missing.join(", "))]
    Verbs {
        /// The type.
        name: String,
        /// What cannot be done with it.
        missing: Vec<&'static str>,
    },
}

/// What a type must allow to be propagated.
const NEEDED_VERBS: [&str; 6] = ["create", "delete", "get", "list", "update", "watch"];

impl ServedType {
    /// `plural.group`, or the plural alone for the core group.
    pub fn full_name(&self) -> String {
        let ApiResourceReference { plural_name, group, .. } = &self.reference;
        if group.is_empty() { plural_name.clone() } else { format!("{plural_name}.{group}") }
    }

    fn is_called(&self, name: &str) -> bool {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        is(&self.reference.plural_name)
            || is(&self.singular)
            || is(&self.reference.kind)
            || is(&self.full_name())
            || self.short_names.iter().any(|s| is(s))
    }
}

/// The type that a name means: a plural, singular, kind, short name or plural.group. The core group wins over others;
/// else several are an error (KubeFed's rule). Without a version, it is the first, which the API server prefers.
///
/// # Errors
/// The name means none, several, or one that cannot be propagated.
pub fn find<'a>(
    served: &'a [ServedType],
    name: &str,
    version: Option<&str>,
) -> Result<&'a ServedType, NameError> {
    let mut called: Vec<&ServedType> = served.iter().filter(|t| t.is_called(name)).collect();
    if called.iter().any(|t| t.reference.group.is_empty()) {
        called.retain(|t| t.reference.group.is_empty());
    }
    let Some(first) = called.first() else { return Err(NameError::Unknown(name.to_owned())) };
    let mut candidates: Vec<String> = called.iter().map(|t| t.full_name()).collect();
    candidates.sort();
    candidates.dedup();
    if candidates.len() > 1 {
        return Err(NameError::Ambiguous { name: name.to_owned(), candidates });
    }
    let found = match version {
        None => first,
        Some(version) => {
            called.iter().find(|t| t.reference.version == version).ok_or_else(|| NameError::NoVersion {
                name: first.full_name(),
                version: version.to_owned(),
                served: called.iter().map(|t| t.reference.version.clone()).collect(),
            })?
        }
    };
    let missing: Vec<_> =
        NEEDED_VERBS.into_iter().filter(|v| !found.verbs.iter().any(|has| has == v)).collect();
    if missing.is_empty() { Ok(found) } else { Err(NameError::Verbs { name: found.full_name(), missing }) }
}

/// Asks an API server which type a name means. Definitions that were applied a moment ago count, though discovery does
/// not have them yet.
///
/// # Errors
/// It does not answer, or the name means none, several, or one that cannot be propagated.
pub async fn look_up(client: &Client, name: &str, version: Option<&str>) -> anyhow::Result<ServedType> {
    let served = discover(client).await.context("cannot ask the API server what it serves")?;
    match find(&served, name, version) {
        Err(NameError::Unknown(_)) => {
            let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
            let defined = match definitions.list(&ListParams::default()).await {
                Ok(list) => list.items.iter().flat_map(defined_by).collect(),
                // Who may not see definitions gets what discovery says.
                Err(_) => Vec::new(),
            };
            Ok(find(&defined, name, version)?.clone())
        }
        other => Ok(other?.clone()),
    }
}

/// Everything that an API server serves, the preferred version of each group first.
///
/// # Errors
/// It does not answer.
pub async fn discover(client: &Client) -> kube::Result<Vec<ServedType>> {
    let (core, groups) =
        tokio::try_join!(client.list_core_api_versions_aggregated(), client.list_api_groups_aggregated())?;
    let served = of_discovery(&core).chain(of_discovery(&groups)).collect::<Vec<_>>();
    // Servers that know no aggregated discovery answer with the plain one, which has no items.
    if served.is_empty() { discover_one_by_one(client).await } else { Ok(served) }
}

fn of_discovery(list: &APIGroupDiscoveryList) -> impl Iterator<Item = ServedType> {
    list.items.iter().flat_map(|group| {
        let name = group.metadata.as_ref().and_then(|m| m.name.clone()).unwrap_or_default();
        group.versions.iter().flat_map(move |version| {
            let name = name.clone();
            version.resources.iter().map(move |resource| ServedType {
                reference: ApiResourceReference {
                    group: name.clone(),
                    version: version.version.clone().unwrap_or_default(),
                    kind: resource.response_kind.as_ref().and_then(|k| k.kind.clone()).unwrap_or_default(),
                    plural_name: resource.resource.clone().unwrap_or_default(),
                    scope: scope(resource.scope.as_deref() == Some("Namespaced")),
                },
                singular: resource.singular_resource.clone().unwrap_or_default(),
                short_names: resource.short_names.clone(),
                verbs: resource.verbs.clone(),
            })
        })
    })
}

async fn discover_one_by_one(client: &Client) -> kube::Result<Vec<ServedType>> {
    let mut served = Vec::new();
    for version in client.list_core_api_versions().await?.versions {
        let list = client.list_core_api_resources(&version).await?;
        served.extend(list.resources.into_iter().filter_map(|r| of_resource("", &version, r)));
    }
    for group in client.list_api_groups().await?.groups {
        let preferred = group.preferred_version.map(|v| v.version);
        let mut versions = group.versions;
        versions.sort_by_key(|v| Some(&v.version) != preferred.as_ref());
        for version in versions {
            // A group whose server is down must not hide the others.
            if let Ok(list) = client.list_api_group_resources(&version.group_version).await {
                served.extend(
                    list.resources.into_iter().filter_map(|r| of_resource(&group.name, &version.version, r)),
                );
            }
        }
    }
    Ok(served)
}

fn of_resource(
    group: &str,
    version: &str,
    resource: k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource,
) -> Option<ServedType> {
    (!resource.name.contains('/')).then(|| ServedType {
        reference: ApiResourceReference {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: resource.kind,
            plural_name: resource.name,
            scope: scope(resource.namespaced),
        },
        singular: resource.singular_name,
        short_names: resource.short_names.unwrap_or_default(),
        verbs: resource.verbs,
    })
}

/// The types that a definition defines, its stored version first.
fn defined_by(definition: &CustomResourceDefinition) -> impl Iterator<Item = ServedType> {
    let spec = &definition.spec;
    let mut versions: Vec<_> = spec.versions.iter().filter(|v| v.served).collect();
    versions.sort_by_key(|v| !v.storage);
    versions.into_iter().map(move |version| ServedType {
        reference: ApiResourceReference {
            group: spec.group.clone(),
            version: version.name.clone(),
            kind: spec.names.kind.clone(),
            plural_name: spec.names.plural.clone(),
            scope: scope(spec.scope == "Namespaced"),
        },
        singular: spec.names.singular.clone().unwrap_or_else(|| spec.names.kind.to_lowercase()),
        short_names: spec.names.short_names.clone().unwrap_or_default(),
        verbs: NEEDED_VERBS.map(str::to_owned).to_vec(),
    })
}

fn scope(namespaced: bool) -> Scope {
    if namespaced { Scope::Namespaced } else { Scope::Cluster }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(group: &str, version: &str, kind: &str, plural: &str, short: &[&str]) -> ServedType {
        ServedType {
            reference: ApiResourceReference {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.to_owned(),
                plural_name: plural.to_owned(),
                scope: Scope::Namespaced,
            },
            singular: kind.to_lowercase(),
            short_names: short.iter().map(|s| (*s).to_owned()).collect(),
            verbs: NEEDED_VERBS.map(str::to_owned).to_vec(),
        }
    }

    fn all() -> Vec<ServedType> {
        vec![
            ty("", "v1", "Event", "events", &["ev"]),
            ty("", "v1", "Service", "services", &["svc"]),
            ty("events.k8s.io", "v1", "Event", "events", &["ev"]),
            ty("apps", "v1", "Deployment", "deployments", &["deploy"]),
            ty("serving.knative.dev", "v1", "Service", "services", &["ksvc"]),
            ty("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"]),
            ty("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"]),
            ty("a.example", "v1", "Widget", "widgets", &["w"]),
            ty("b.example", "v1", "Widget", "widgets", &["w"]),
        ]
    }

    fn found(name: &str) -> Result<String, NameError> {
        find(&all(), name, None).map(|t| format!("{} {}", t.full_name(), t.reference.version))
    }

    #[test]
    fn a_type_is_found_by_each_of_its_names() {
        for name in ["deployments", "deployment", "Deployment", "deploy", "deployments.apps"] {
            assert_eq!(found(name).as_deref(), Ok("deployments.apps v1"), "{name}");
        }
    }

    #[test]
    fn the_core_group_wins_unless_the_group_is_named() {
        assert_eq!(found("svc").as_deref(), Ok("services v1"));
        assert_eq!(found("services").as_deref(), Ok("services v1"));
        assert_eq!(found("services.serving.knative.dev").as_deref(), Ok("services.serving.knative.dev v1"));
        assert_eq!(found("ksvc").as_deref(), Ok("services.serving.knative.dev v1"));
    }

    #[test]
    fn several_are_an_error_that_lists_them() {
        let error = found("widget").unwrap_err();
        assert_eq!(
            error,
            NameError::Ambiguous {
                name: "widget".into(),
                candidates: vec!["widgets.a.example".into(), "widgets.b.example".into()]
            }
        );
        assert_eq!(found("widgets.b.example").as_deref(), Ok("widgets.b.example v1"));
    }

    #[test]
    fn the_preferred_version_is_taken_unless_another_is_named() {
        assert_eq!(found("hpa").as_deref(), Ok("horizontalpodautoscalers.autoscaling v2"));
        assert_eq!(find(&all(), "hpa", Some("v1")).unwrap().reference.version, "v1");
        let error = find(&all(), "hpa", Some("v3")).unwrap_err().to_string();
        assert!(error.contains("v2, v1"), "{error}");
    }

    #[test]
    fn what_cannot_be_watched_cannot_be_federated() {
        let mut bindings = ty("", "v1", "Binding", "bindings", &[]);
        bindings.verbs = vec!["create".to_owned()];
        let error = find(&[bindings], "bindings", None).unwrap_err().to_string();
        assert!(error.contains("list") && !error.contains("create"), "{error}");
    }

    #[test]
    fn nothing_is_an_error() {
        assert_eq!(found("gadgets"), Err(NameError::Unknown("gadgets".into())));
    }
}
