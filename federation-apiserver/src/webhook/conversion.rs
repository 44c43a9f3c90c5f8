//! Conversion of custom resources by the webhook of their definition.

mod check;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::RootCertStore;
use serde_json::{Value, json};

use super::blocking::Blocking;
use super::endpoint::Endpoint;
use crate::conversion::Convert;
use crate::definition::Converters;
use crate::status::ApiError;

/// How long a conversion may take: the timeout of kube-apiserver's client.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer, in bytes. A list is converted in one call.
const LONGEST_ANSWER: usize = 256 << 20;

/// Converts by webhook the resources of definitions that say so, and that no converter of this process claims.
pub struct ConversionWebhooks {
    own: Arc<dyn Converters>,
    trusted: Arc<RootCertStore>,
    thread: Arc<Blocking>,
}

impl ConversionWebhooks {
    /// `own` are the converters of this process, `trusted` the authorities that count for a webhook without
    /// `caBundle`.
    ///
    /// # Errors
    /// A thread for calls that cannot wait asynchronously cannot be started.
    pub fn new(own: Arc<dyn Converters>, trusted: Arc<RootCertStore>) -> std::io::Result<Self> {
        Ok(Self { own, trusted, thread: Arc::new(Blocking::start()?) })
    }
}

impl Converters for ConversionWebhooks {
    fn of(&self, definition: &Value) -> Option<Arc<dyn Convert>> {
        if let Some(own) = self.own.of(definition) {
            return Some(own);
        }
        let conversion = &definition["spec"]["conversion"];
        if conversion["strategy"] != "Webhook" {
            return None;
        }
        let config = &conversion["webhook"]["clientConfig"];
        let endpoint = || Endpoint::new(config, &self.trusted);
        let versions = conversion["webhook"]["conversionReviewVersions"].as_array().into_iter().flatten();
        let known = versions.filter_map(Value::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        Some(Arc::new(ConversionWebhook {
            caller: Arc::new(Caller { endpoint: endpoint(), version: known.map(str::to_owned) }),
            blocking_caller: Arc::new(Caller { endpoint: endpoint(), version: known.map(str::to_owned) }),
            thread: Arc::clone(&self.thread),
        }))
    }
}

struct ConversionWebhook {
    caller: Arc<Caller>,
    /// A connection lives in the runtime that opened it: the thread's are its own.
    blocking_caller: Arc<Caller>,
    thread: Arc<Blocking>,
}

#[async_trait]
impl Convert for ConversionWebhook {
    async fn convert(&self, objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, ApiError> {
        // kube-apiserver answers with a bare error: code 500, and no reason.
        let told = |why: String| ApiError::from_status(&json!({"code": 500, "message": why}));
        self.caller.convert(objects, api_version).await.map_err(told)
    }

    fn convert_now(&self, object: &Value, api_version: &str) -> Result<Value, String> {
        let (caller, objects) = (Arc::clone(&self.blocking_caller), vec![object.clone()]);
        let version = api_version.to_owned();
        let converted = self.thread.wait(TIMEOUT, async move { caller.convert(objects, &version).await });
        let converted =
            converted.map_err(|_| format!("conversion to {api_version} took longer than {TIMEOUT:?}"))?;
        converted?.pop().ok_or_else(|| "a conversion gave nothing back".to_owned())
    }
}

struct Caller {
    endpoint: Result<Endpoint, String>,
    /// Of `ConversionReview`; `None` if none that the webhook has is known here.
    version: Option<String>,
}

impl Caller {
    /// Converts those objects that are in another version.
    async fn convert(&self, mut objects: Vec<Value>, api_version: &str) -> Result<Vec<Value>, String> {
        let places: Vec<usize> =
            (0..objects.len()).filter(|place| objects[*place]["apiVersion"] != api_version).collect();
        let Some(first) = places.first() else { return Ok(objects) };
        let said = |field: &str| objects[*first][field].as_str().unwrap_or_default();
        let of = format!("{}, Kind={}", said("apiVersion"), said("kind"));
        let version = self.version.as_deref().ok_or("no supported conversion review versions")?;
        let endpoint = self.endpoint.as_ref().map_err(Clone::clone)?;
        let uid = uuid::Uuid::new_v4().to_string();
        let sent: Vec<Value> = places.iter().map(|place| objects[*place].clone()).collect();
        let review = json!({
            "kind": "ConversionReview", "apiVersion": format!("apiextensions.k8s.io/{version}"),
            "request": {"uid": uid, "desiredAPIVersion": api_version, "objects": sent},
        });
        let failed = |why: String| format!("conversion webhook for {of} failed: {why}");
        let mut answer = endpoint
            .call(&review, TIMEOUT, LONGEST_ANSWER)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let converted = check::converted(&mut answer, version, &uid).map_err(failed)?;
        if converted.len() != places.len() {
            let (got, wanted) = (converted.len(), places.len());
            return Err(format!("conversion webhook for {of} returned {got} objects, expected {wanted}"));
        }
        let in_list = objects.len() > 1;
        for (index, (place, converted)) in places.iter().zip(converted).enumerate() {
            let original = &mut objects[*place];
            let checked = check::object(original, converted, api_version)
                .map_err(|wrong| wrong.told(&of, in_list.then_some(index)))?;
            *original = checked;
        }
        Ok(objects)
    }
}
