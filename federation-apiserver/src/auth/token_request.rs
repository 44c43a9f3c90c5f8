//! The subresource `serviceaccounts/token`: from a TokenRequest to the claims of a token.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::FieldError;
use crate::auth::{
    BoundKind, BoundTo, Claims, NamedUid, Reference, Refusal, quote::quoted, service_account_name,
};

const GROUP: &str = "authentication.k8s.io";
const KIND: &str = "TokenRequest";
/// What a token without a wish gets.
const DEFAULT_SECONDS: i64 = 60 * 60;
/// What kubelets ask for; see [`TokenRequest::grant`].
const PROJECTED_SECONDS: i64 = 60 * 60 + 7;
/// What they get.
const EXTENDED_SECONDS: i64 = 365 * 24 * 60 * 60;

/// The service account that the request's path names.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

/// A request that is well formed.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    account: BoundTo,
    audiences: Vec<String>,
    seconds: i64,
    bound: Option<Reference>,
    bound_ref: Value,
    /// The answer's metadata.
    metadata: Value,
}

/// The object that a token shall be bound to, as the store has it.
#[derive(Clone, Debug, Default)]
pub struct BoundObject {
    /// Its uid.
    pub uid: String,
    /// A pod's `spec.serviceAccountName`.
    pub service_account: String,
    /// A pod's node. Its uid is empty if the node is not there.
    pub node: Option<NamedUid>,
}

/// A token to be signed, and the answer that carries it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What to sign.
    pub claims: Claims,
    /// What to say in a `Warning` header.
    pub warnings: Vec<String>,
    answer: Value,
}

impl TokenRequest {
    /// Reads a request for this account. `audiences` are the API server's own, the default.
    pub fn read(request: &Value, account: Account<'_>, audiences: &[String]) -> Result<Self, Refusal> {
        let Account { namespace, name, uid } = account;
        let said = |field: &str| request["metadata"][field].as_str().filter(|text| !text.is_empty());
        if said("namespace").is_some_and(|said| said != namespace) {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Refusal::BadRequest(message.to_owned()));
        }
        if let Some(said) = said("name").filter(|said| *said != name) {
            let detail = "must match the service account name if specified";
            let causes = vec![FieldError::invalid("metadata.name", &json!(said), detail)];
            return Err(Refusal::Invalid { group: GROUP, kind: KIND, name: name.to_owned(), causes });
        }
        if let Some(said) = said("uid").filter(|said| *said != uid) {
            return Err(conflict(
                GROUP,
                KIND,
                name,
                format!(
                    "the UID in the token request ({said}) does not match the UID of the service account ({uid})"
                ),
            ));
        }
        let spec = &request["spec"];
        let wanted: Vec<_> = spec["audiences"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
        check_seconds(seconds)?;
        let mut metadata = request["metadata"].clone();
        if !metadata.is_object() {
            metadata = json!({});
        }
        metadata["name"] = json!(name);
        metadata["namespace"] = json!(namespace);
        metadata["uid"] = json!(uid);
        Ok(Self {
            account: BoundTo {
                namespace: namespace.to_owned(),
                serviceaccount: NamedUid { name: name.to_owned(), uid: uid.to_owned() },
                ..BoundTo::default()
            },
            audiences: if wanted.is_empty() { audiences.to_vec() } else { wanted },
            seconds,
            bound: bound_reference(&spec["boundObjectRef"], namespace)?,
            bound_ref: spec["boundObjectRef"].clone(),
            metadata,
        })
    }

    /// The object that the token shall be bound to, to be looked up. The uid is empty if the request does not say it.
    pub fn bound_object(&self) -> Option<&Reference> {
        self.bound.as_ref()
    }

    /// Decides. `bound` is what the store has of [`Self::bound_object`]; `longest` the server's limit; `own` the
    /// server's audiences; `token_id` a new uuid.
    ///
    /// A pod's token for the API server that shall hold an hour and 7 seconds holds a year, with a mark from when on
    /// it should have been renewed: clients that read their token once go on to work, as with kube-apiserver.
    pub fn grant(
        &self,
        bound: Option<&BoundObject>,
        longest: Option<SignedDuration>,
        own: &[String],
        token_id: String,
        now: Timestamp,
    ) -> Result<Grant, Refusal> {
        let mut kubernetes = self.account.clone();
        if let Some(reference) = &self.bound {
            bind(&mut kubernetes, reference, bound)?;
        }
        let mut warnings = Vec::new();
        let mut seconds = self.seconds;
        if let Some(longest) = longest.map(|longest| longest.as_secs()).filter(|longest| *longest < seconds) {
            warnings
                .push(format!("requested expiration of {seconds} seconds shortened to {longest} seconds"));
            seconds = longest;
        }
        let extended = kubernetes.pod.is_some()
            && seconds == PROJECTED_SECONDS
            && self.audiences.iter().all(|audience| own.contains(audience));
        let start = now.as_second();
        kubernetes.warnafter = extended.then_some(start + seconds);
        let account = &kubernetes.serviceaccount.name;
        let claims = Claims {
            aud: self.audiences.clone(),
            exp: start + if extended { EXTENDED_SECONDS } else { seconds },
            iat: start,
            nbf: start,
            iss: String::new(),
            jti: token_id,
            sub: service_account_name(&kubernetes.namespace, account),
            kubernetes,
        };
        Ok(Grant { claims, warnings, answer: self.answer(seconds, start) })
    }

    fn answer(&self, seconds: i64, start: i64) -> Value {
        let time = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX).to_string();
        let mut metadata = self.metadata.clone();
        metadata["creationTimestamp"] = json!(time(start));
        json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": KIND,
            "metadata": metadata,
            "spec": {
                "audiences": self.audiences,
                "boundObjectRef": self.bound_ref,
                "expirationSeconds": seconds,
            },
            "status": { "expirationTimestamp": time(start + seconds) },
        })
    }
}

impl Grant {
    /// The answer with the signed token.
    pub fn answer(mut self, token: &str) -> Value {
        self.answer["status"]["token"] = json!(token);
        self.answer
    }
}

fn bound_reference(reference: &Value, namespace: &str) -> Result<Option<Reference>, Refusal> {
    if reference.is_null() {
        return Ok(None);
    }
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (kind, namespace) = match (group, kind) {
        ("", "Pod") => (BoundKind::Pod, namespace),
        ("", "Secret") => (BoundKind::Secret, namespace),
        ("", "Node") => (BoundKind::Node, ""),
        _ => {
            let message = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            return Err(Refusal::BadRequest(message));
        }
    };
    let (name, uid) = (text("name").to_owned(), text("uid").to_owned());
    Ok(Some(Reference { kind, namespace: namespace.to_owned(), name, uid }))
}

fn bind(token: &mut BoundTo, reference: &Reference, object: Option<&BoundObject>) -> Result<(), Refusal> {
    let Reference { kind, name, uid, .. } = reference;
    let Some(object) = object else {
        return Err(Refusal::NotFound { group: "", resource: kind.resource(), name: name.clone() });
    };
    let account = &token.serviceaccount.name;
    if *kind == BoundKind::Pod && object.service_account != *account {
        return Err(Refusal::BadRequest(format!(
            "cannot bind token for serviceaccount {} to pod running with different serviceaccount name.",
            quoted(account)
        )));
    }
    if !uid.is_empty() && *uid != object.uid {
        let message = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(conflict("", kind_name(*kind), name, message));
    }
    let bound = Some(NamedUid { name: name.clone(), uid: object.uid.clone() });
    match kind {
        BoundKind::Pod => {
            token.pod = bound;
            token.node.clone_from(&object.node);
        }
        BoundKind::Secret => token.secret = bound,
        BoundKind::Node => token.node = bound,
        BoundKind::ServiceAccount => {}
    }
    Ok(())
}

fn kind_name(kind: BoundKind) -> &'static str {
    match kind {
        BoundKind::ServiceAccount => "ServiceAccount",
        BoundKind::Secret => "Secret",
        BoundKind::Pod => "Pod",
        BoundKind::Node => "Node",
    }
}

fn check_seconds(seconds: i64) -> Result<(), Refusal> {
    let detail = if seconds < 10 * 60 {
        "may not specify a duration less than 10 minutes"
    } else if seconds > 1 << 32 {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let causes = vec![FieldError::invalid("spec.expirationSeconds", &json!(seconds), detail)];
    Err(Refusal::Invalid { group: GROUP, kind: KIND, name: String::new(), causes })
}

/// kube-apiserver names the kind where a resource would be expected.
fn conflict(group: &'static str, resource: &'static str, name: &str, message: String) -> Refusal {
    Refusal::Conflict { group, resource, name: name.to_owned(), message }
}
