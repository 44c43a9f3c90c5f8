//! A new object.

use revision_store::{Write, WriteError};
use serde_json::Value;

use super::decode::{check_place, read};
use super::{At, Caller, Rest, Written, names, write_error};
use crate::admission::{Attributes, Operation, Options};
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
            let why = "resourceVersion should not be set on objects to be created";
            return Err(ApiError::unclassified(why));
        }
        object::set(&mut new, "resourceVersion", None);
        for field in ["managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            object::set(&mut new, field, None);
        }
        resource.rules.default(&mut new);
        let manager = caller.manager(options.field_manager.as_deref());
        ownership::updated(&self.catalog.served(), &at, None, &mut new, &manager, (self.now)());
        self.create_prepared(at, new, options, caller).await
    }

    /// Creates an object whose managed fields are settled.
    pub(super) async fn create_prepared(
        &self,
        at: At<'_>,
        new: Value,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let mut attempts = 0;
        while let Some(made) = names::generated(&new) {
            match self.try_create(at, new.clone(), Some(&made), options, caller).await {
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
        self.try_create(at, new, None, options, caller).await
    }

    async fn try_create(
        &self,
        at: At<'_>,
        new: Value,
        made: Option<&str>,
        options: &WriteOptions,
        caller: &Caller,
    ) -> Result<Written, ApiError> {
        let resource = at.resource;
        let given = object::name(&new).to_owned();
        let mut write = Attributes {
            operation: Operation::Create,
            resource,
            subresource: at.subresource,
            namespace: at.namespace.or((resource.plural == "namespaces").then_some(given.as_str())),
            name: &given,
            object: new,
            old: None,
            user: &caller.user,
            dry_run: options.dry_run,
            options: Options::Write(options),
            warnings: Vec::new(),
        };
        self.admit(&mut write, caller).await?;
        // Whoever changes the object may give it a name, in place of one that is made.
        if let Some(made) = made.filter(|_| object::name(&write.object).is_empty()) {
            object::set(&mut write.object, "name", Some(made.into()));
        }
        let name = if given.is_empty() { object::name(&write.object).to_owned() } else { given.clone() };
        write.name = &name;
        begin(resource, &mut write.object, (self.now)());
        let errors = resource.rules.validate("", &write.object, None);
        if !errors.is_empty() {
            return Err(ApiError::invalid(&resource.group, &resource.kind, &name, &errors));
        }
        self.validate(&mut write, caller).await?;
        let warnings = resource.rules.warnings(&write.object, None);
        warnings.into_iter().for_each(|text| caller.warn(text));
        let mut new = write.object;
        let at = At { name: &name, ..at };
        if options.dry_run {
            let got = self.store.get(&at.key(), None).await.map_err(super::store_error)?;
            if let Some(entry) = got.entry {
                return Err(self.exists(WriteError::Exists { revision: entry.mod_revision }, &at).await);
            }
            return Ok(Written { code: 201, object: new });
        }
        let value = self.to_storage(resource, &mut new).await?;
        let create = Write::Create { key: at.key(), value, lease: resource.lease };
        let written = match self.store.write(create).await {
            Ok(written) => written,
            Err(error) => return Err(self.exists(error, &at).await),
        };
        object::set(&mut new, "resourceVersion", Some(written.revision.to_string().into()));
        if resource.custom && resource.api_version() != resource.storage_version {
            // What the stored version does not have is not there.
            new = self.current(&at).await?.object;
        }
        Ok(Written { code: 201, object: new })
    }
}

impl Rest {
    /// Why an object could not be created: of one that is there, whether it is on its way out.
    async fn exists(&self, error: WriteError, at: &At<'_>) -> ApiError {
        let exists = matches!(error, WriteError::Exists { .. });
        let error = write_error(error, at);
        match self.find(at).await {
            Ok(Some(current)) if exists && object::is_deleting(&current.object) => {
                error.preceded_by("object is being deleted: ")
            }
            _ => error,
        }
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
