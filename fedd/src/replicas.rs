//! Whether a type has `spec.replicas`: only then does `retainReplicas` mean something (KubeFed: where it is an int32).

use federation_model::ApiResourceReference;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::Api;
use serde_json::Value;

/// Asks an API server whether a type's `spec.replicas` is an int32: its definition, else the OpenAPI v3 document of its
/// group and version.
///
/// # Errors
/// The API server does not answer, or does not describe the type.
pub async fn ask(client: &Client, ty: &ApiResourceReference) -> anyhow::Result<bool> {
    if !ty.group.is_empty() {
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        let name = format!("{}.{}", ty.plural_name, ty.group);
        // A definition says it at once; the document is made from it a moment later. Who may not read definitions has
        // the document.
        if let Ok(Some(definition)) = definitions.get_opt(&name).await {
            return Ok(in_definition(&serde_json::to_value(&definition)?, &ty.version));
        }
    }
    let path = if ty.group.is_empty() {
        format!("/openapi/v3/api/{}", ty.version)
    } else {
        format!("/openapi/v3/apis/{}", ty.api_version())
    };
    let request =
        http::Request::get(path).header(http::header::ACCEPT, "application/json").body(Vec::new())?;
    let document: Value = client.request(request).await?;
    in_document(&document, ty).ok_or_else(|| {
        anyhow::anyhow!("its OpenAPI document does not describe {} of {}", ty.kind, ty.api_version())
    })
}

/// What a CustomResourceDefinition says of one of its versions.
fn in_definition(definition: &Value, version: &str) -> bool {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let schema = versions
        .into_iter()
        .flatten()
        .find(|v| v["name"] == version)
        .map(|v| &v["schema"]["openAPIV3Schema"]);
    schema.is_some_and(|schema| is_int32(&schema["properties"]["spec"]["properties"]["replicas"]))
}

/// What an OpenAPI v3 document says of a type; `None` when it does not describe it.
fn in_document(document: &Value, ty: &ApiResourceReference) -> Option<bool> {
    let schemas = document.pointer("/components/schemas")?.as_object()?;
    let is_type = |schema: &&Value| {
        let names = schema["x-kubernetes-group-version-kind"].as_array();
        names.into_iter().flatten().any(|n| {
            n["kind"] == ty.kind.as_str()
                && n["version"] == ty.version.as_str()
                && n["group"].as_str().unwrap_or_default() == ty.group
        })
    };
    let schema = schemas.values().find(is_type)?;
    // A reference stands alone, or in an allOf where a description stands beside it.
    let resolve = |schema: &'_ Value| -> Option<Value> {
        let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
        match reference {
            None => Some(schema.clone()),
            Some(reference) => schemas.get(reference.strip_prefix("#/components/schemas/")?).cloned(),
        }
    };
    let spec = resolve(&schema["properties"]["spec"]);
    Some(spec.is_some_and(|spec| is_int32(&spec["properties"]["replicas"])))
}

fn is_int32(schema: &Value) -> bool {
    schema["type"] == "integer" && schema["format"] == "int32"
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_model::Scope;
    use serde_json::json;

    fn ty(group: &str, kind: &str) -> ApiResourceReference {
        ApiResourceReference {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural_name: String::new(),
            scope: Scope::Namespaced,
        }
    }

    #[test]
    fn the_document_is_followed_through_its_references() {
        let document = json!({"components": {"schemas": {
            "apps.v1.Deployment": {
                "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Deployment"}],
                "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/apps.v1.DeploymentSpec"}], "default": {}}}
            },
            "apps.v1.DeploymentSpec": {"properties": {"replicas": {"type": "integer", "format": "int32"}}},
            "core.v1.ConfigMap": {
                "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "ConfigMap"}],
                "properties": {"data": {}}
            },
            "apps.v1.DaemonSet": {
                "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "DaemonSet"}],
                "properties": {"spec": {"$ref": "#/components/schemas/gone"}}
            }
        }}});
        assert_eq!(in_document(&document, &ty("apps", "Deployment")), Some(true));
        assert_eq!(in_document(&document, &ty("", "ConfigMap")), Some(false));
        assert_eq!(in_document(&document, &ty("apps", "DaemonSet")), Some(false));
        assert_eq!(in_document(&document, &ty("apps", "Job")), None);
    }

    #[test]
    fn a_definition_says_it_per_version() {
        let version = |name: &str, replicas: Value| {
            json!({"name": name, "schema": {"openAPIV3Schema":
            {"properties": {"spec": {"properties": {"replicas": replicas}}}}}})
        };
        let definition = json!({"spec": {"versions": [
            version("v1", json!({"type": "integer", "format": "int32"})),
            version("v2", json!({"type": "integer", "format": "int64"})),
            version("v3", json!({"type": "string"})),
        ]}});
        assert!(in_definition(&definition, "v1"));
        assert!(
            !in_definition(&definition, "v2")
                && !in_definition(&definition, "v3")
                && !in_definition(&definition, "v4")
        );
    }
}
