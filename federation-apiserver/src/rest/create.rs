//! A new object.

use revision_store::{Write, WriteError};
use serde_json::Value;

use super::decode::{check_place, read};
use super::{At, Caller, Rest, Written, names, write_error};
use crate::admission::{Attributes, Operation};
use crate::body::Parsed;
use crate::object;
use crate::ownership;
use crate::request::WriteOptions;
use crate::resource::Resource;
use crate::status::ApiError;

impl Rest {
    /// Creates an object from what a client sent.
    pub async fn create(
        &self,
        at: At<'_>,
        body: Parsed,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let resource = at.resource;
        let mut new = read(resource, body, options.field_validation, caller)?;
        check_place(resource, at.namespace, Some(at.name).filter(|name| !name.is_empty()), &mut new)?;
        if !object::text(&new, "resourceVersion").is_empty() {
            return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
        }
        object::set(&mut new, "resourceVersion", None);
        object::set(&mut new, "managedFields", None);
        resource.rules.default(&mut new);
        let manager = caller.manager(options.field_manager.as_deref());
        ownership::updated(&self.catalog.served(), &at, None, &mut new, &manager, (self.now)());
        self.create_prepared(at, new, options.dry_run, caller).await
    }

    /// Creates an object whose managed fields are settled.
    pub(super) async fn create_prepared(
        &self,
        at: At<'_>,
        new: Value,
        dry_run: bool,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let mut attempts = 0;
        while let Some(made) = names::generated(&new) {
            let mut named = new.clone();
            object::set(&mut named, "name", Some(made.as_str().into()));
            match self.try_create(at, named, dry_run, caller).await {
                Err(error) if error.reason() == "AlreadyExists" => {
                    attempts += 1;
                    if attempts == names::ATTEMPTS {
                        let resource = at.resource.group_resource();
                        return Err(ApiError::generated_name_taken(resource, &made));
                    }
                }
                other => return other,
            }
        }
        self.try_create(at, new, dry_run, caller).await
    }

    async fn try_create(
        &self,
        at: At<'_>,
        new: Value,
        dry_run: bool,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let resource = at.resource;
        let name = object::name(&new).to_owned();
        let mut write = Attributes {
            operation: Operation::Create,
            resource,
            subresource: at.subresource,
            namespace: at.namespace.or((resource.plural == "namespaces").then_some(name.as_str())),
            name: &name,
            object: new,
            old: None,
            user: &caller.user,
            dry_run,
            warnings: Vec::new(),
        };
        self.admit(&mut write).await?;
        begin(resource, &mut write.object, (self.now)());
        let errors = resource.rules.validate(&write.object, None);
        if !errors.is_empty() {
            return Err(ApiError::invalid(&resource.group, &resource.kind, &name, &errors));
        }
        self.validate(&mut write).await?;
        write.warnings.extend(resource.rules.warnings(&write.object, None));
        write.warnings.iter().for_each(|text| caller.warn(text));
        let mut new = write.object;
        let at = At { name: &name, ..at };
        if dry_run {
            let got = self.store.get(&at.key(), None).await.map_err(super::store_error)?;
            if let Some(entry) = got.entry {
                return Err(write_error(WriteError::Exists { revision: entry.mod_revision }, &at));
            }
            return Ok(Written { code: 201, object: new });
        }
        let value = self.to_storage(resource, &mut new).await?;
        let create = Write::Create { key: at.key(), value, lease: resource.lease };
        let written = self.store.write(create).await.map_err(|error| write_error(error, &at))?;
        object::set(&mut new, "resourceVersion", Some(written.revision.to_string().into()));
        Ok(Written { code: 201, object: new })
    }
}

/// What the server gives every new object.
fn begin(resource: &Resource, object: &mut Value, now: jiff::Timestamp) {
    object::set(object, "uid", Some(uuid::Uuid::new_v4().to_string().into()));
    object::set(object, "creationTimestamp", Some(object::time(now).into()));
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
        object::set(object, field, None);
    }
    resource.rules.prepare_create(object);
}
