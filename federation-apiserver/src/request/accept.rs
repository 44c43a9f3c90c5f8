//! What form of answer a client wants: the `Accept` header, as far as the API has forms.

/// How objects are represented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Representation {
    /// As they are.
    #[default]
    Whole,
    /// As a `Table`, for people.
    Table,
    /// An object's metadata only (`PartialObjectMetadata`).
    Metadata,
    /// The metadata of a list's objects (`PartialObjectMetadataList`).
    MetadataList,
}

/// The form that was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// How objects are represented.
    pub representation: Representation,
    /// Indented JSON was asked for.
    pub pretty: bool,
    /// YAML was asked for.
    pub yaml: bool,
}

/// The media type of OpenAPI 2 in protobuf.
pub const OPENAPI_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// One media type of the header, in the client's order of preference.
fn media_types(header: &str) -> impl Iterator<Item = (&str, Vec<(&str, &str)>)> {
    header.split(',').map(|one| {
        let mut parts = one.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        (name, parts.filter_map(|parameter| parameter.split_once('=')).collect())
    })
}

impl Accept {
    /// The first form in the header that is served, with YAML or without; `None` where there is none (406).
    pub fn negotiate(header: Option<&str>, with_yaml: bool) -> Option<Self> {
        let Some(header) = header.filter(|header| !header.trim().is_empty()) else {
            return Some(Self::default());
        };
        media_types(header).find_map(|(name, parameters)| {
            let yaml = with_yaml && name == "application/yaml";
            if !yaml && !matches!(name, "application/json" | "*/*") {
                return None;
            }
            let get =
                |wanted: &str| parameters.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value);
            let representation = match get("as") {
                None => Representation::Whole,
                // The version was v1beta1 for a while; clients that ask for it list v1 first.
                Some(_) if get("v") != Some("v1") || get("g") != Some("meta.k8s.io") => return None,
                Some("Table") => Representation::Table,
                Some("PartialObjectMetadata") => Representation::Metadata,
                Some("PartialObjectMetadataList") => Representation::MetadataList,
                Some(_) => return None,
            };
            Some(Self { representation, pretty: get("pretty") == Some("1"), yaml })
        })
    }

    /// Whether OpenAPI 2 is wanted in protobuf, rather than in JSON; `None` where it is wanted in neither (406). The
    /// protobuf's media type has two spellings
    /// (`k8s.io/kube-openapi/pkg/handler`).
    pub fn wants_openapi_protobuf(header: Option<&str>) -> Option<bool> {
        media_types(header.filter(|header| !header.trim().is_empty()).unwrap_or("*/*")).find_map(
            |(name, _)| match name {
                "application/json" | "application/*" | "*/*" => Some(false),
                "application/com.github.proto-openapi.spec.v2@v1.0+protobuf" | OPENAPI_PROTOBUF => Some(true),
                _ => None,
            },
        )
    }

    /// Whether aggregated discovery (`as=APIGroupDiscoveryList`) comes before the plain form.
    pub fn wants_aggregated_discovery(header: Option<&str>) -> bool {
        media_types(header.unwrap_or_default())
            .find_map(|(name, parameters)| {
                if !matches!(name, "application/json" | "*/*") {
                    return None;
                }
                let get =
                    |wanted: &str| parameters.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value);
                match (get("as"), get("v")) {
                    (None, _) => Some(false),
                    (Some("APIGroupDiscoveryList"), Some("v2")) => Some(true),
                    _ => None,
                }
            })
            .unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_served_wins() {
        let form = |header: &str| Accept::negotiate(Some(header), false).map(|accept| accept.representation);
        let kubectl_get = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(form(kubectl_get), Some(Representation::Table));
        assert_eq!(
            form("application/vnd.kubernetes.protobuf, application/json"),
            Some(Representation::Whole)
        );
        assert_eq!(form("application/vnd.kubernetes.protobuf"), None);
        assert_eq!(form("*/*"), Some(Representation::Whole));
        assert_eq!(form("application/yaml"), None);
        let yaml = |header| Accept::negotiate(Some(header), true).map(|accept| accept.yaml);
        assert_eq!(yaml("application/yaml, application/json"), Some(true));
        assert_eq!(yaml("application/json, application/yaml"), Some(false));
        assert_eq!(yaml("*/*"), Some(false));
        assert_eq!(
            form(
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
            ),
            Some(Representation::Metadata)
        );
    }

    #[test]
    fn openapi_is_served_in_two_forms() {
        let client_go = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
        assert_eq!(Accept::wants_openapi_protobuf(Some(client_go)), Some(true));
        assert_eq!(Accept::wants_openapi_protobuf(Some("application/json, */*")), Some(false));
        assert_eq!(Accept::wants_openapi_protobuf(None), Some(false));
        assert_eq!(Accept::wants_openapi_protobuf(Some("text/html")), None);
    }

    #[test]
    fn aggregated_discovery_is_served_to_those_who_prefer_it() {
        let kubectl = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
        assert!(Accept::wants_aggregated_discovery(Some(kubectl)));
        assert!(!Accept::wants_aggregated_discovery(Some("application/json")));
        assert!(!Accept::wants_aggregated_discovery(None));
    }
}
