//! The options of a request: its query, and the body of a delete.
//!
//! Meaning and defaults are those of "Kubernetes API Concepts" and of `metav1.{List,Create,Update,Patch,Delete}Options`.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::status::{ApiError, Reason};
use crate::{Cause, FieldError};

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

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        // As Go's conversion of query parameters: anything but these is true.
        self.get(name).map(|value| !matches!(value, "false" | "0"))
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_ref()).collect()
    }
}

/// What is wrong with the values of `dryRun`.
fn wrong_dry_run(all: &[&str]) -> Option<FieldError> {
    all.iter().any(|value| *value != "All").then(|| {
        let said = serde_json::to_string(all).unwrap_or_default();
        not_supported("dryRun", format!("Unsupported value: {said}: supported values: \"All\""))
    })
}

fn not_supported(field: &str, message: String) -> FieldError {
    FieldError { cause: Cause::NotSupported, field: field.to_owned(), message }
}

/// What is wrong with the name of a manager of fields: at most 128 bytes, all of them printable.
fn wrong_manager(name: &str) -> Option<FieldError> {
    let field = "fieldManager".to_owned();
    if name.len() > LONGEST_MANAGER {
        let message = format!("Too long: may not be more than {LONGEST_MANAGER} bytes");
        return Some(FieldError { cause: Cause::TooLong, field, message });
    }
    let (position, wrong) = name.chars().enumerate().find(|(_, one)| one.is_control())?;
    let message = format!(
        "Invalid value: {}: invalid character U+{:04X} (at position {position})",
        Value::from(name),
        u32::from(wrong)
    );
    Some(FieldError { cause: Cause::Invalid, field, message })
}

/// Longest name of a manager of fields, in bytes.
const LONGEST_MANAGER: usize = 128;

/// A version as clients write it; empty means none was given. What is wrong with it is told as kube-apiserver does,
/// which has it as a bad request for a list and as a failure of its own otherwise.
fn resource_version(text: &str, is_list: bool) -> Result<Option<u64>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let why = format!(
            "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        );
        if is_list {
            ApiError::bad_request(format!("invalid resource version: {why}"))
        } else {
            ApiError::unclassified(why)
        }
    })
}

/// Refuses a version of an object that is no number.
pub(crate) fn check_version(said: &str) -> Result<(), ApiError> {
    said.parse::<u64>()
        .map(drop)
        .map_err(|_| ApiError::unclassified(format!("strconv.ParseUint: parsing \"{said}\": invalid syntax")))
}

impl ListOptions {
    /// Reads the query of a get, list or watch; `watch`: the path says that it is one.
    pub(crate) fn parse(query: &Query<'_>, watch: bool, is_list: bool) -> Result<Self, ApiError> {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        let number = |name: &str| -> Result<Option<i64>, ApiError> {
            let Some(text) = query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
            text.parse().map(Some).map_err(|_| {
                ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            })
        };
        let options = Self {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            watch: watch || query.flag("watch").unwrap_or(false),
            resource_version: resource_version(query.get("resourceVersion").unwrap_or_default(), is_list)?,
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
            limit: usize::try_from(number("limit")?.unwrap_or(0)).unwrap_or(0),
            continue_token: text("continue"),
            timeout: number("timeoutSeconds")?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
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
            if !self.continue_token.is_empty() {
                return forbidden("resourceVersionMatch is forbidden when continue is provided");
            }
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
            return forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
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
    /// Reads a query, as options of a kind: `CreateOptions`, `UpdateOptions` or `PatchOptions`.
    pub(crate) fn parse(query: &Query<'_>, kind: &str) -> Result<Self, ApiError> {
        let dry_run = query.all("dryRun");
        let field_manager = query.get("fieldManager").filter(|name| !name.is_empty());
        let said = query.get("fieldValidation").unwrap_or_default();
        let field_validation = match said {
            "" | "Warn" => Some(FieldValidation::Warn),
            "Ignore" => Some(FieldValidation::Ignore),
            "Strict" => Some(FieldValidation::Strict),
            _ => None,
        };
        let mut errors = Vec::new();
        errors.extend(field_manager.and_then(wrong_manager));
        errors.extend(wrong_dry_run(&dry_run));
        if field_validation.is_none() {
            let supported = r#""", "Ignore", "Strict", "Warn""#;
            let message = format!("Unsupported value: {}: supported values: {supported}", Value::from(said));
            errors.push(not_supported("fieldValidation", message));
        }
        if !errors.is_empty() {
            return Err(ApiError::invalid(OPTIONS_GROUP, kind, "", &errors));
        }
        Ok(Self {
            dry_run: !dry_run.is_empty(),
            field_manager: field_manager.map(str::to_owned),
            field_validation: field_validation.unwrap_or_default(),
            force: query.flag("force"),
        })
    }
}

/// The group that options are of, in answers.
const OPTIONS_GROUP: &str = "meta.k8s.io";

impl DeleteOptions {
    /// Reads the body of a deletion, or where there is none its query.
    pub(crate) fn parse(query: &Query<'_>, body: Option<&Value>) -> Result<Self, ApiError> {
        let (mut options, dry_run, orphan) = match body {
            Some(body) => Self::of_body(body)?,
            None => Self::of_query(query)?,
        };
        let dry_run_values: Vec<&str> = dry_run.iter().map(String::as_str).collect();
        let mut errors = Vec::new();
        match options.propagation_policy.as_deref() {
            Some(policy) if orphan.is_some() => errors.push(FieldError {
                cause: Cause::Invalid,
                field: "propagationPolicy".to_owned(),
                message: format!(
                    "Invalid value: {}: orphanDependents and deletionPropagation cannot be both set",
                    Value::from(policy)
                ),
            }),
            None | Some("Foreground" | "Background" | "Orphan") => {}
            Some(other) => errors.push(not_supported(
                "propagationPolicy",
                format!(
                    r#"Unsupported value: {}: supported values: "Foreground", "Background", "Orphan", "nil""#,
                    Value::from(other)
                ),
            )),
        }
        errors.extend(wrong_dry_run(&dry_run_values));
        if !errors.is_empty() {
            return Err(ApiError::invalid(OPTIONS_GROUP, "DeleteOptions", "", &errors));
        }
        options.dry_run = !dry_run.is_empty();
        if options.propagation_policy.is_none() && orphan == Some(true) {
            options.propagation_policy = Some("Orphan".to_owned());
        }
        Ok(options)
    }

    /// With the values of `dryRun` and `orphanDependents`.
    fn of_query(query: &Query<'_>) -> Result<(Self, Vec<String>, Option<bool>), ApiError> {
        let grace = query.get("gracePeriodSeconds").filter(|text| !text.is_empty());
        let grace = grace.map(|text| {
            let wrong =
                |_| ApiError::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"));
            text.parse().map_err(wrong)
        });
        let options = Self {
            propagation_policy: query.get("propagationPolicy").map(str::to_owned),
            grace_period_seconds: grace.transpose()?,
            ..Self::default()
        };
        let dry_run = query.all("dryRun").into_iter().map(str::to_owned).collect();
        Ok((options, dry_run, query.flag("orphanDependents")))
    }

    fn of_body(body: &Value) -> Result<(Self, Vec<String>, Option<bool>), ApiError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let (kind, version) = (text("kind"), text("apiVersion"));
        if !kind.is_empty() && kind != "DeleteOptions" {
            return Err(ApiError::bad_request(format!(
                "no kind \"{kind}\" is registered for version \"{version}\" in scheme"
            )));
        }
        let read: Sent = serde_json::from_value(body.clone())
            .map_err(|error| ApiError::bad_request(format!("DeleteOptions cannot be read: {error}")))?;
        let preconditions = read.preconditions.unwrap_or_default();
        let options = Self {
            dry_run: false,
            propagation_policy: read.propagation_policy,
            grace_period_seconds: read.grace_period_seconds,
            uid: preconditions.uid,
            resource_version: preconditions.resource_version,
        };
        Ok((options, read.dry_run.unwrap_or_default(), read.orphan_dependents))
    }
}

/// `metav1.DeleteOptions` as it is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    dry_run: Option<Vec<String>>,
    propagation_policy: Option<String>,
    grace_period_seconds: Option<i64>,
    orphan_dependents: Option<bool>,
    preconditions: Option<Preconditions>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}
