//! The body of a request, as what it is sent for.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::Value;

use crate::body::{Parsed, Yaml};
use crate::request::{DeleteOptions, Query, ResourcePath};
use crate::resource::Resource;
use crate::status::ApiError;
use crate::{builtin, protobuf};

const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// What was sent.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) yaml: Option<Yaml>,
}

impl Sent<'_> {
    /// The object of a create or update.
    pub(super) fn object(&self, resource: &Resource) -> Result<Parsed, ApiError> {
        let Resource { group, version, plural, .. } = resource;
        match builtin::find(group, version, plural) {
            Some(builtin) => self.of(&builtin.definition()),
            None => self.text(),
        }
    }

    /// What is of a definition, as JSON.
    pub(super) fn of(&self, definition: &str) -> Result<Parsed, ApiError> {
        match media_type(self.parts) {
            protobuf::MEDIA_TYPE => Ok(protobuf::read(self.body, definition)?.into()),
            _ => self.text(),
        }
    }

    /// The object that is applied: YAML, of which JSON is a part.
    pub(super) fn applied(&self) -> Result<Parsed, ApiError> {
        match (Parsed::json(self.body), self.yaml) {
            (Ok(parsed), _) => Ok(parsed),
            (Err(error), None) => Err(error),
            (Err(_), Some(yaml)) => self.read_yaml(yaml),
        }
    }

    /// The options of a delete.
    pub(super) fn delete_options(&self, query: &Query<'_>) -> Result<DeleteOptions, ApiError> {
        let body = match media_type(self.parts) {
            _ if self.body.is_empty() => None,
            protobuf::MEDIA_TYPE => {
                // What is wrong is told as it is, and not as of an object.
                let read = protobuf::read(self.body, DELETE_OPTIONS);
                Some(read.map_err(|refused| ApiError::bad_request(refused.reason))?)
            }
            _ => Some(self.text()?.value),
        };
        DeleteOptions::parse(query, body.as_ref())
    }

    /// All of it, as far as it can be read: for the record.
    pub(super) fn recorded(&self, path: Option<&ResourcePath>) -> Option<Value> {
        let ResourcePath { group, version, resource, .. } = path?;
        let read = match media_type(self.parts) {
            _ if self.body.is_empty() => return None,
            protobuf::MEDIA_TYPE if self.parts.method == http::Method::DELETE => self.of(DELETE_OPTIONS),
            protobuf::MEDIA_TYPE => self.of(&builtin::find(group, version, resource)?.definition()),
            _ => self.applied(),
        };
        read.ok().map(|parsed| parsed.value)
    }

    /// What is read from text alone. kube-apiserver says that it reads custom resources from protobuf too, and then
    /// drops the connection.
    fn text(&self) -> Result<Parsed, ApiError> {
        match (media_type(self.parts), self.yaml) {
            ("" | "application/json", _) => Parsed::json(self.body),
            ("application/yaml", Some(yaml)) => self.read_yaml(yaml),
            (other, _) => Err(ApiError::unsupported_media_type(other)),
        }
    }

    fn read_yaml(&self, yaml: Yaml) -> Result<Parsed, ApiError> {
        (yaml.read)(self.body).map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))
    }
}

/// The media type of a request's body.
pub(super) fn media_type(parts: &Parts) -> &str {
    let header = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    header.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}
