//! The options of a request: its query, and the body of a delete.
//!
//! Meaning and defaults are those of "Kubernetes API Concepts" and of `metav1.{List,Create,Update,Patch,Delete}Options`.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use crate::status::{ApiError, Reason};

/// What happens to fields that the schema does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped, silently.
    Ignore,
    /// They are dropped, with a warning. The default.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// How a list or watch reads its `resourceVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    /// As it was at that version.
    Exact,
    /// Not older than that version.
    NotOlderThan,
}

/// Options of get, list and watch.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Label selector, unparsed.
    pub label_selector: String,
    /// Field selector, unparsed.
    pub field_selector: String,
    /// Watch instead of list.
    pub watch: bool,
    /// The version, if one was given; 0 means "any".
    pub resource_version: Option<u64>,
    /// How to read it.
    pub version_match: Option<VersionMatch>,
    /// Most objects to answer with; 0 means all.
    pub limit: usize,
    /// Where an earlier answer ended.
    pub continue_token: String,
    /// How long a watch lasts.
    pub timeout: Option<Duration>,
    /// Bookmarks are welcome.
    pub allow_bookmarks: bool,
    /// A watch begins with what is there.
    pub send_initial_events: Option<bool>,
}

/// Options of create, update and patch.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// All is done but the write.
    pub dry_run: bool,
    /// The name that owns the fields written.
    pub field_manager: Option<String>,
    /// What happens to unknown fields.
    pub field_validation: FieldValidation,
    /// Server-side apply takes fields from their owners.
    pub force: Option<bool>,
}

/// Options of delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// All is done but the write.
    pub dry_run: bool,
    /// `Foreground`, `Background` or `Orphan`.
    pub propagation_policy: Option<String>,
    /// Seconds to end in good order.
    pub grace_period_seconds: Option<i64>,
    /// Only the object of this uid.
    pub uid: Option<String>,
    /// Only the object at this version.
    pub resource_version: Option<String>,
}

/// The pairs of a query, decoded.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn parse(query: Option<&'a str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        // As Go's conversion of query parameters: anything but these is true.
        self.get(name).map(|value| !matches!(value, "false" | "0"))
    }

    fn dry_run(&self) -> Result<bool, ApiError> {
        let all: Vec<&str> =
            self.0.iter().filter(|(key, _)| key == "dryRun").map(|(_, value)| value.as_ref()).collect();
        dry_run(&all)
    }
}

fn dry_run(all: &[&str]) -> Result<bool, ApiError> {
    match all.iter().find(|value| **value != "All") {
        Some(wrong) => Err(invalid_option(
            "dryRun",
            &format!("Unsupported value: \"{wrong}\": supported values: \"All\""),
        )),
        None => Ok(!all.is_empty()),
    }
}

fn invalid_option(field: &str, message: &str) -> ApiError {
    ApiError::new(Reason::Invalid, format!(" \"\" is invalid: {field}: {message}")).with_cause(
        "FieldValueNotSupported",
        Some(field),
        message,
    )
}

/// A version as clients write it; empty means none was given.
pub(crate) fn resource_version(text: &str) -> Result<Option<u64>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        ApiError::new(
            Reason::Invalid,
            format!(" \"\" is invalid: resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"),
        )
    })
}

/// Refuses a version of an object that is no number.
pub(crate) fn check_version(said: &str, group: &str, kind: &str, name: &str) -> Result<(), ApiError> {
    if said.parse::<u64>().is_ok() {
        return Ok(());
    }
    let error = crate::FieldError {
        cause: crate::Cause::Invalid,
        field: "metadata.resourceVersion".to_owned(),
        message: format!("Invalid value: \"{said}\": strconv.ParseUint: parsing \"{said}\": invalid syntax"),
    };
    Err(ApiError::invalid(group, kind, name, &[error]))
}

impl ListOptions {
    pub(crate) fn parse(query: &Query<'_>) -> Result<Self, ApiError> {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        let number = |name: &str| -> Result<Option<u64>, ApiError> {
            let Some(text) = query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
            text.parse().map(Some).map_err(|_| {
                ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            })
        };
        let options = Self {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            watch: query.flag("watch").unwrap_or(false),
            resource_version: resource_version(query.get("resourceVersion").unwrap_or_default())?,
            version_match: match query.get("resourceVersionMatch").unwrap_or_default() {
                "" => None,
                "Exact" => Some(VersionMatch::Exact),
                "NotOlderThan" => Some(VersionMatch::NotOlderThan),
                other => {
                    return Err(wrong_match(&format!(
                        "Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\", \"\""
                    )));
                }
            },
            limit: usize::try_from(number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX),
            continue_token: text("continue"),
            timeout: number("timeoutSeconds")?.filter(|seconds| *seconds > 0).map(Duration::from_secs),
            allow_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events: query.flag("sendInitialEvents"),
        };
        options.check()?;
        Ok(options)
    }

    /// What does not go together, as `ValidateListOptions` in apimachinery has it.
    fn check(&self) -> Result<(), ApiError> {
        let forbidden = |why: &str| Err(wrong_match(&format!("Forbidden: {why}")));
        if self.watch {
            if self.send_initial_events.is_some() && self.version_match != Some(VersionMatch::NotOlderThan) {
                return forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
            }
            if self.send_initial_events.is_none() && self.version_match.is_some() {
                return forbidden(
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                );
            }
            return Ok(());
        }
        if self.send_initial_events.is_some() {
            return Err(wrong_field(
                "sendInitialEvents",
                "Forbidden: sendInitialEvents is forbidden for list",
            ));
        }
        if self.version_match.is_none() {
            return Ok(());
        }
        if self.resource_version.is_none() {
            return forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !self.continue_token.is_empty() {
            return forbidden("resourceVersionMatch is forbidden when continue is provided");
        }
        if self.version_match == Some(VersionMatch::Exact) && self.resource_version == Some(0) {
            return forbidden("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"");
        }
        Ok(())
    }
}

fn wrong_match(message: &str) -> ApiError {
    wrong_field("resourceVersionMatch", message)
}

fn wrong_field(field: &str, message: &str) -> ApiError {
    let reason =
        if message.starts_with("Forbidden") { "FieldValueForbidden" } else { "FieldValueNotSupported" };
    ApiError::new(Reason::Invalid, format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: {message}"))
        .about_options("ListOptions")
        .with_cause(reason, Some(field), message)
}

impl WriteOptions {
    pub(crate) fn parse(query: &Query<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            dry_run: query.dry_run()?,
            field_manager: query.get("fieldManager").filter(|name| !name.is_empty()).map(str::to_owned),
            field_validation: match query.get("fieldValidation").unwrap_or_default() {
                "" | "Warn" => FieldValidation::Warn,
                "Ignore" => FieldValidation::Ignore,
                "Strict" => FieldValidation::Strict,
                other => {
                    return Err(invalid_option(
                        "fieldValidation",
                        &format!(
                            "Unsupported value: \"{other}\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
                        ),
                    ));
                }
            },
            force: query.flag("force"),
        })
    }
}

impl DeleteOptions {
    pub(crate) fn parse(query: &Query<'_>, body: Option<&Value>) -> Result<Self, ApiError> {
        let mut options = Self {
            dry_run: query.dry_run()?,
            propagation_policy: query.get("propagationPolicy").map(str::to_owned),
            grace_period_seconds: query.get("gracePeriodSeconds").and_then(|text| text.parse().ok()),
            ..Self::default()
        };
        if let Some(body) = body.filter(|body| body.as_object().is_some_and(|body| !body.is_empty())) {
            let text = |path: &str| body.pointer(path).and_then(Value::as_str).map(str::to_owned);
            options = Self {
                dry_run: dry_run(
                    &body
                        .get("dryRun")
                        .and_then(Value::as_array)
                        .map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>())
                        .unwrap_or_default(),
                )?,
                propagation_policy: text("/propagationPolicy"),
                grace_period_seconds: body.get("gracePeriodSeconds").and_then(Value::as_i64),
                uid: text("/preconditions/uid"),
                resource_version: text("/preconditions/resourceVersion"),
            };
            if options.propagation_policy.is_none()
                && body.get("orphanDependents") == Some(&Value::Bool(true))
            {
                options.propagation_policy = Some("Orphan".to_owned());
            }
        }
        match options.propagation_policy.as_deref() {
            None | Some("Foreground" | "Background" | "Orphan") => Ok(options),
            Some(other) => Err(ApiError::new(
                Reason::Invalid,
                format!(
                    "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"{other}\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                ),
            )
            .about_options("DeleteOptions")),
        }
    }
}
