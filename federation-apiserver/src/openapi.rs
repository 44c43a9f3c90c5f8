//! The OpenAPI documents of the served resources: `/openapi/v3` and below, and `/openapi/v2`.

mod paths;
mod schemas;
mod v2;
mod v2_protobuf;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::discovery::Described;

/// The documents of a set of resources. Each is made when it is first asked for, and kept.
#[derive(Debug)]
pub struct OpenApi {
    documents: BTreeMap<String, Document>,
    v2: OnceLock<Bytes>,
    v2_protobuf: OnceLock<Bytes>,
}

#[derive(Debug)]
struct Document {
    resources: Vec<Described>,
    hash: String,
    text: OnceLock<Bytes>,
}

/// A document and the name of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The document.
    pub text: Bytes,
    /// Changes when the content does: the `hash` in its address, and its ETag.
    pub hash: String,
}

impl OpenApi {
    /// The documents of these resources.
    pub fn new(resources: &[Described]) -> Self {
        let mut by_path: BTreeMap<String, Vec<Described>> = BTreeMap::new();
        for resource in resources {
            by_path.entry(path(resource)).or_default().push(resource.clone());
        }
        let documents = by_path.into_iter().map(|(path, resources)| {
            let hash = hash(&resources);
            (path, Document { resources, hash, text: OnceLock::new() })
        });
        Self { documents: documents.collect(), v2: OnceLock::new(), v2_protobuf: OnceLock::new() }
    }

    /// `/openapi/v3`: where the documents are. An address names the content, so that a client can keep it for ever.
    pub fn index(&self) -> Value {
        let paths = self.documents.iter().map(|(path, document)| {
            let url = format!("/openapi/v3/{path}?hash={}", document.hash);
            (path.clone(), json!({"serverRelativeURL": url}))
        });
        json!({"paths": paths.collect::<Map<_, _>>()})
    }

    /// `/openapi/v3/{path}`, such as `apis/apps/v1`. A request with another `hash` is to be sent to the right one.
    pub fn document(&self, path: &str) -> Option<Served> {
        let document = self.documents.get(path)?;
        let text = document.text.get_or_init(|| bytes(&v3(&document.resources)));
        Some(Served { text: text.clone(), hash: document.hash.clone() })
    }

    /// `/openapi/v2`, in JSON.
    pub fn v2(&self) -> Served {
        self.served(self.v2.get_or_init(|| bytes(&self.v2_document())))
    }

    /// `/openapi/v2`, in protobuf: the message `openapi.v2.Document` of gnostic.
    pub fn v2_protobuf(&self) -> Served {
        self.served(self.v2_protobuf.get_or_init(|| v2_protobuf::encode(&self.v2_document()).into()))
    }

    fn v2_document(&self) -> Value {
        v2::document(self.documents.values().map(|document| v3(&document.resources)))
    }

    fn served(&self, content: &Bytes) -> Served {
        let mut hasher = DefaultHasher::new();
        self.documents.values().for_each(|document| document.hash.hash(&mut hasher));
        Served { text: content.clone(), hash: format!("{:016X}", hasher.finish()) }
    }
}

fn bytes(document: &Value) -> Bytes {
    Bytes::from(document.to_string())
}

/// The path of the document that describes a resource.
fn path(resource: &Described) -> String {
    if resource.group.is_empty() {
        format!("api/{}", resource.version)
    } else {
        format!("apis/{}/{}", resource.group, resource.version)
    }
}

/// The name of what makes a document: this program's version, and what it is to describe.
fn hash(resources: &[Described]) -> String {
    let halves = [0_u8, 1].map(|half| {
        let mut hasher = DefaultHasher::new();
        half.hash(&mut hasher);
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        for resource in resources {
            (&resource.kind, &resource.plural, resource.namespaced, &resource.verbs).hash(&mut hasher);
            for subresource in &resource.subresources {
                (&subresource.name, &subresource.kind, &subresource.verbs).hash(&mut hasher);
            }
            if let Some(schema) = &resource.schema {
                schema.to_string().hash(&mut hasher);
            }
        }
        format!("{:016X}", hasher.finish())
    });
    halves.concat()
}

/// The document of the resources of one group and version.
fn v3(resources: &[Described]) -> Value {
    let paths: Map<_, _> = resources.iter().flat_map(paths::of_resource).collect();
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {
            "schemas": schemas::of_resources(resources),
            "securitySchemes": {"BearerToken": {
                "type": "apiKey",
                "name": "authorization",
                "in": "header",
                "description": "Bearer Token authentication",
            }},
        },
    })
}
