//! Requests for resources, by their verbs.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use http::Response;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::{Value, json};

use super::sent::Sent;
use super::{ApiServer, Body, answer};
use crate::body::Parsed;
use crate::raw;
use crate::request::{Accept, ListOptions, Query, Representation, ResourcePath, Verb, WriteOptions};
use crate::resource::Resource;
use crate::rest::{At, Caller, Listed, PatchType, Representable, ScaleChange, Written};
use crate::status::{ApiError, Reason};
use crate::table::{IncludeObject, TableOptions};

/// How an answer is represented: what was agreed on, and what a table includes.
#[derive(Clone, Copy)]
struct Form {
    accept: Accept,
    include: IncludeObject,
    now: jiff::Timestamp,
}

impl ApiServer {
    /// Answers a request for a resource.
    pub(super) async fn resource(
        &self,
        parts: &Parts,
        path: &ResourcePath,
        query: &Query<'_>,
        body: Bytes,
        caller: &Caller,
    ) -> Result<Response<Body>, ApiError> {
        let served = self.rest.catalog().served();
        let Some(resource) = served.get(&path.group, &path.version, &path.resource) else {
            return self.review(parts, path, body, caller).await;
        };
        let subresource = path.subresource.as_deref();
        if subresource.is_some_and(|name| !resource.has_subresource(name)) {
            return Err(no_such_subresource(resource, path, caller));
        }
        let is_own_namespace = path.resource == "namespaces" && path.name.is_some();
        if !resource.namespaced && path.namespace.is_some() && !is_own_namespace {
            return Err(ApiError::no_such_path());
        }
        let watch = path.watch || query.flag("watch").unwrap_or(false);
        let verb = Verb::of(&parts.method, path, watch)
            .filter(|verb| is_routed(&parts.method, path, resource, *verb))
            .ok_or_else(ApiError::no_such_method)?;
        if let Some(name) = &path.name {
            check_name(name)?;
        }
        let form = self.form(parts, query, verb)?;
        let sent = Sent { parts, body: &body, yaml: self.settings.yaml };
        let list = ListOptions::parse(query, path.watch, verb == Verb::List);
        if let Some(warning) = &resource.deprecation_warning {
            caller.warn(warning.clone());
        }
        let at = At {
            resource,
            namespace: path.namespace.as_deref(),
            name: path.name.as_deref().unwrap_or_default(),
            subresource,
        };
        if let Some(name) = subresource.filter(|name| !matches!(*name, "status" | "finalize")) {
            return match name {
                "scale" => self.scale(at, verb, sent, query, caller, form).await,
                "token" => {
                    let request = sent.of(TOKEN_REQUEST)?.value;
                    self.token(at, &request, caller).await
                }
                _ => Err(ApiError::no_such_path()),
            };
        }
        match verb {
            Verb::Get => {
                let object = self.rest.get(at, &list?).await?;
                let bytes = one(resource, object, form)?;
                Ok(answer::compressible(200, bytes, &parts.headers))
            }
            Verb::List => {
                let listed = self.rest.list(at, &list?).await?;
                let bytes = many(resource, listed, form)?;
                Ok(answer::compressible(200, bytes, &parts.headers))
            }
            Verb::Watch => self.watch(resource, path, &list?, form).await,
            Verb::Create => {
                let options = WriteOptions::parse(query, "CreateOptions")?;
                let written = self.rest.create(at, sent.object(resource)?, &options, caller).await?;
                write_answer(resource, written, form)
            }
            Verb::Update => {
                let options = WriteOptions::parse(query, "UpdateOptions")?;
                let written = self.rest.update(at, sent.object(resource)?, &options, caller).await?;
                write_answer(resource, written, form)
            }
            Verb::Patch => {
                let options = WriteOptions::parse(query, "PatchOptions")?;
                let patch_type = patch_type(parts, resource)?;
                if options.force.is_some() && patch_type != PatchType::Apply {
                    return Err(ApiError::force_is_for_apply());
                }
                let patch =
                    if patch_type == PatchType::Apply { sent.applied()? } else { Parsed::json(&body)? };
                let written = self.rest.patch(at, patch_type, patch, &options, caller).await?;
                write_answer(resource, written, form)
            }
            Verb::Delete => {
                let options = sent.delete_options(query)?;
                let written = self.rest.delete(at, &options, caller).await?;
                write_answer(resource, written, form)
            }
            Verb::DeleteCollection => {
                let options = sent.delete_options(query)?;
                let items = self.rest.delete_collection(at, &list?, &options, caller).await?;
                let revision = self.rest.store().revision().await.map_err(crate::rest::store_error)?;
                let listed = Listed {
                    revision,
                    items: items.into_iter().map(Representable::Value).collect(),
                    continue_token: String::new(),
                    remaining: None,
                };
                Ok(answer::json(200, many(resource, listed, form)?))
            }
        }
    }

    fn form(&self, parts: &Parts, query: &Query<'_>, verb: Verb) -> Result<Form, ApiError> {
        let mut accept = self.accept(parts)?;
        if accept.yaml && verb == Verb::Watch {
            return Err(ApiError::not_acceptable());
        }
        accept.pretty |= query.get("pretty").is_some_and(|value| !matches!(value, "false" | "0"));
        let include = match query.get("includeObject") {
            None => IncludeObject::default(),
            Some(text) => IncludeObject::parse(text).ok_or_else(|| {
                ApiError::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: \"{text}\": must be 'Metadata', 'Object', 'None', or empty"
                ))
            })?,
        };
        Ok(Form { accept, include, now: (self.rest.now)() })
    }

    /// The form of answer that is agreed on.
    pub(super) fn accept(&self, parts: &Parts) -> Result<Accept, ApiError> {
        let header = parts.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let accept = Accept::negotiate(header, self.settings.yaml.is_some());
        accept.ok_or_else(ApiError::not_acceptable)
    }

    async fn watch(
        &self,
        resource: &Arc<Resource>,
        path: &ResourcePath,
        options: &ListOptions,
        form: Form,
    ) -> Result<Response<Body>, ApiError> {
        let Ok(permit) = Arc::clone(&self.watches).try_acquire_owned() else {
            return Ok(answer::too_many_requests());
        };
        let shown = Arc::clone(resource);
        let sent = self.metrics.watch_events(&resource.group, &resource.version, &resource.plural);
        let mut first = true;
        let represent = move |object: Representable| {
            sent.inc();
            let headers = std::mem::replace(&mut first, false);
            represent(&shown, object, form, headers)
        };
        let (namespace, name) = (path.namespace.as_deref(), path.name.as_deref());
        let watching = self
            .rest
            .watch(Arc::clone(resource), namespace, name, options, self.settings.watch, Box::new(represent))
            .await?;
        let watching = watching.take_until(self.stopping.clone().cancelled_owned()).boxed();
        let mut response = Response::new(Body::watch(watching, permit));
        let media_type = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
            .headers_mut()
            .insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache, private"));
        Ok(response)
    }

    #[allow(clippy::too_many_arguments, reason = "all of them are the request's")]
    async fn scale(
        &self,
        at: At<'_>,
        verb: Verb,
        sent: Sent<'_>,
        query: &Query<'_>,
        caller: &Caller,
        form: Form,
    ) -> Result<Response<Body>, ApiError> {
        let change = match verb {
            Verb::Get => {
                let scale = self.rest.scale(at).await?;
                return Ok(answer::value(200, &scale, form.accept.pretty));
            }
            Verb::Update => ScaleChange::Replace(sent.of(SCALE)?.value),
            Verb::Patch => {
                ScaleChange::Patch(patch_type(sent.parts, at.resource)?, Parsed::json(sent.body)?.value)
            }
            _ => return Err(ApiError::no_such_method()),
        };
        let kind = if verb == Verb::Patch { "PatchOptions" } else { "UpdateOptions" };
        let options = WriteOptions::parse(query, kind)?;
        let written = self.rest.set_scale(at, change, &options, caller).await?;
        Ok(answer::value(written.code, &written.object, form.accept.pretty))
    }
}

/// The definitions of what is sent beside objects.
const TOKEN_REQUEST: &str = "io.k8s.api.authentication.v1.TokenRequest";
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// Of a custom resource, it is the object that has no such part.
fn no_such_subresource(resource: &Resource, path: &ResourcePath, caller: &Caller) -> ApiError {
    if !resource.custom {
        return ApiError::no_such_path();
    }
    if let Some(warning) = &resource.deprecation_warning {
        caller.warn(warning.clone());
    }
    ApiError::not_found(resource.group_resource(), path.name.as_deref().unwrap_or_default())
}

/// Whether a path has a method: collections are created in and deleted, objects are written, and parts of them are
/// what they are.
fn is_routed(method: &http::Method, path: &ResourcePath, resource: &Resource, verb: Verb) -> bool {
    let in_place = path.namespace.is_some() || !resource.namespaced;
    let is_namespace = path.group.is_empty() && path.resource == "namespaces";
    if *method == http::Method::HEAD {
        return false;
    }
    match (path.subresource.as_deref(), verb) {
        (None, Verb::Create) => path.name.is_none() && in_place,
        (None, Verb::DeleteCollection) => in_place && !is_namespace,
        (None, Verb::Update | Verb::Patch | Verb::Delete) => path.name.is_some(),
        (None, Verb::Get | Verb::List | Verb::Watch) => true,
        (Some("status" | "scale"), verb) => matches!(verb, Verb::Get | Verb::Update | Verb::Patch),
        (Some("finalize"), verb) => verb == Verb::Update,
        (Some(_), verb) => verb == Verb::Create,
    }
}

/// A name that cannot be a part of a path.
fn check_name(name: &str) -> Result<(), ApiError> {
    let why = match name {
        "." | ".." => format!("may not be '{name}'"),
        _ if name.contains('%') => "may not contain '%'".to_owned(),
        _ => return Ok(()),
    };
    Err(ApiError::bad_request(format!("Name parameter invalid: \"{name}\": {why}")))
}

fn patch_type(parts: &Parts, resource: &Resource) -> Result<PatchType, ApiError> {
    let said = super::sent::media_type(parts);
    PatchType::ALL
        .into_iter()
        .find(|one| one.media_type() == said && !(resource.custom && *one == PatchType::Strategic))
        .ok_or_else(|| {
            if !resource.custom {
                let error = ApiError::new(Reason::UnsupportedMediaType, "415: Unsupported Media Type");
                return error.without_details();
            }
            let accepted = PatchType::ALL.into_iter();
            let accepted = accepted.filter(|one| *one != PatchType::Strategic);
            let accepted: Vec<&str> = accepted.map(PatchType::media_type).collect();
            ApiError::unsupported_patch(&accepted)
        })
}

/// The answer to a write: the object in the form asked for, or a `Status` as it is.
fn write_answer(resource: &Resource, written: Written, form: Form) -> Result<Response<Body>, ApiError> {
    let Written { code, object } = written;
    if object["kind"] == "Status" && object["apiVersion"] == "v1" {
        return Ok(answer::value(code, &object, form.accept.pretty));
    }
    Ok(answer::json(code, one(resource, Representable::Value(object), form)?))
}

/// One object in the form asked for.
fn one(resource: &Resource, object: Representable, form: Form) -> Result<Bytes, ApiError> {
    represent(resource, object, form, true)
}

fn represent(
    resource: &Resource,
    object: Representable,
    form: Form,
    headers: bool,
) -> Result<Bytes, ApiError> {
    match (form.accept.representation, object) {
        (Representation::MetadataList, _) => Err(ApiError::new(
            Reason::NotAcceptable,
            format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list ({})",
                go_type(resource, &resource.kind)
            ),
        )),
        (Representation::Whole, Representable::Raw(bytes)) if !form.accept.pretty => Ok(bytes),
        (Representation::Whole, object) => Ok(answer::bytes(&object.into_value()?, form.accept.pretty)),
        (Representation::Metadata, object) => {
            Ok(answer::bytes(&metadata_of(&object.into_value()?), form.accept.pretty))
        }
        (Representation::Table, object) => {
            let object = object.into_value()?;
            let version = object["metadata"]["resourceVersion"].clone();
            let table = table(resource, [&object], json!({"resourceVersion": version}), form, headers);
            Ok(answer::bytes(&table, form.accept.pretty))
        }
    }
}

/// What kube-apiserver calls a kind where its own names show.
fn go_type(resource: &Resource, kind: &str) -> String {
    let package = resource.group.split('.').next().filter(|name| !name.is_empty()).unwrap_or("core");
    match (resource.custom, kind.ends_with("List")) {
        (true, true) => "*unstructured.UnstructuredList".to_owned(),
        (true, false) => "*unstructured.Unstructured".to_owned(),
        (false, _) => format!("*{package}.{kind}"),
    }
}

fn metadata_of(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn table<'a>(
    resource: &Resource,
    objects: impl IntoIterator<Item = &'a Value>,
    metadata: Value,
    form: Form,
    headers: bool,
) -> Value {
    let options = TableOptions { version: "v1", include: form.include, headers, now: form.now };
    resource.table.table(objects, metadata, options)
}

/// A list in the form asked for.
fn many(resource: &Resource, listed: Listed, form: Form) -> Result<Bytes, ApiError> {
    let mut metadata = json!({"resourceVersion": listed.revision.to_string()});
    if !listed.continue_token.is_empty() {
        metadata["continue"] = listed.continue_token.into();
    }
    if let Some(remaining) = listed.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    let values = |items: Vec<Representable>| -> Result<Vec<Value>, ApiError> {
        items.into_iter().map(Representable::into_value).collect()
    };
    let document = match form.accept.representation {
        Representation::Whole if !form.accept.pretty => return whole(resource, &metadata, listed.items),
        Representation::Whole => {
            let mut items = values(listed.items)?;
            if !resource.custom {
                items.iter_mut().for_each(take_type);
            }
            json!({
                "kind": resource.list_kind, "apiVersion": resource.api_version(), "metadata": metadata,
                "items": items,
            })
        }
        Representation::Table => table(resource, &values(listed.items)?, metadata, form, true),
        Representation::Metadata => {
            return Err(ApiError::new(
                Reason::NotAcceptable,
                format!(
                    "you requested PartialObjectMetadata, but the requested object is a list ({})",
                    go_type(resource, &resource.list_kind)
                ),
            ));
        }
        Representation::MetadataList => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "items": values(listed.items)?.iter().map(metadata_of).collect::<Vec<_>>(),
        }),
    };
    Ok(answer::bytes(&document, form.accept.pretty))
}

/// Of built-in kinds, the list says what its items are, and they do not.
fn take_type(item: &mut Value) {
    if let Some(item) = item.as_object_mut() {
        item.remove("kind");
        item.remove("apiVersion");
    }
}

/// A list whose objects are, where possible, copied as they are stored.
fn whole(resource: &Resource, metadata: &Value, items: Vec<Representable>) -> Result<Bytes, ApiError> {
    let length: usize = items
        .iter()
        .map(|item| match item {
            Representable::Raw(bytes) => bytes.len() + 1,
            Representable::Value(_) => 1024,
        })
        .sum();
    let mut out = BytesMut::with_capacity(length + 256);
    out.put(&b"{\"kind\":"[..]);
    out.put(answer::bytes(&resource.list_kind.as_str().into(), false));
    out.put(&b",\"apiVersion\":"[..]);
    out.put(answer::bytes(&resource.api_version().into(), false));
    out.put(&b",\"metadata\":"[..]);
    out.put(answer::bytes(metadata, false));
    out.put(&b",\"items\":["[..]);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.put_u8(b',');
        }
        let copied = match &item {
            Representable::Raw(bytes) if resource.custom => Some(bytes.clone()),
            Representable::Raw(bytes) => raw::without_type(bytes),
            Representable::Value(_) => None,
        };
        match copied {
            Some(bytes) => out.put(bytes),
            None => {
                let mut value = item.into_value()?;
                if !resource.custom {
                    take_type(&mut value);
                }
                let mut writer = (&mut out).writer();
                serde_json::to_writer(&mut writer, &value).map_err(ApiError::internal)?;
            }
        }
    }
    out.put(&b"]}"[..]);
    Ok(out.freeze())
}
