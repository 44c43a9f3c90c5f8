//! What is written, and by whom.

use std::borrow::Cow;

use serde_json::Value;
use structural_schema::SchemaRef;

use crate::field_set::FieldSet;
use crate::typed::Type;

/// The forms (API versions) that an object may be seen in.
///
/// Managed fields are kept in the form in which they were written. Where an object has writers in several forms, it is
/// converted to each of them.
pub trait Forms {
    /// The schema of a form; `None` when it has none, and fields are deduced from the values: objects are granular,
    /// lists atomic.
    fn schema(&self, api_version: &str) -> Option<SchemaRef<'_>>;

    /// The object in another form. `Ok(None)`: the form is not served (any more); what was owned in it is forgotten.
    ///
    /// # Errors
    ///
    /// Why the conversion failed.
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<Value>, String>;
}

/// The forms of an object that has but one.
#[derive(Clone, Copy, Debug)]
pub struct OneForm<'a>(pub Option<SchemaRef<'a>>);

impl Forms for OneForm<'_> {
    fn schema(&self, _: &str) -> Option<SchemaRef<'_>> {
        self.0
    }

    fn convert(&self, _: &Value, _: &str) -> Result<Option<Value>, String> {
        Ok(None)
    }
}

/// What is written.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    /// The form of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// The kind, such as `Deployment`.
    pub kind: &'a str,
    /// The forms of the kind.
    pub forms: &'a dyn Forms,
    /// Fields that a request of this kind cannot set, with all below them, so that nobody comes to own them: `status`
    /// of a resource that has a status subresource; `metadata` and `spec` of the subresource.
    pub ignored: &'a FieldSet,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager: the request's `fieldManager`, or what its user agent has before the first slash.
    pub manager: &'a str,
    /// The subresource that is written through; empty for the object itself.
    pub subresource: &'a str,
    /// The time of the request, in RFC 3339, in UTC and whole seconds, as metadata's times are.
    pub time: &'a str,
}

impl Resource<'_> {
    pub(crate) fn ty(&self, api_version: &str) -> Type<'_> {
        Type::resource(self.forms.schema(api_version))
    }

    /// An object in a form that it may be in already.
    pub(crate) fn convert<'v>(
        &self,
        object: &'v Value,
        api_version: &str,
    ) -> Result<Option<Cow<'v, Value>>, String> {
        if !object.is_object() {
            return Err("failed to convert value to unstructured for type <nil>".to_owned());
        }
        if object["apiVersion"] == api_version {
            return Ok(Some(Cow::Borrowed(object)));
        }
        Ok(self.forms.convert(object, api_version)?.map(Cow::Owned))
    }
}

/// An object as kube-apiserver names it in messages: namespace, name and type.
pub(crate) fn object_text(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    format!(
        "{}/{}; {}",
        text(&metadata["namespace"]),
        text(&metadata["name"]),
        type_text(&text(&object["apiVersion"]), &text(&object["kind"])),
    )
}

/// A type as kube-apiserver names it in messages: `apps/v1, Kind=Deployment`.
pub(crate) fn type_text(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}
