//! How the providers of keys are: asked now and then, and told in `/readyz` and `/metrics`.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use credential_seal::Health;
use federation_apiserver::server::HealthCheck;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::sealing::Sealing;

/// Name of the check in `/readyz`.
pub const CHECK: &str = "key-providers";

/// How often providers are asked while all are well (kube-apiserver's, of KMS plugins).
const WELL: Duration = Duration::from_secs(60);
/// How often they are asked while one is not (kube-apiserver's).
const UNWELL: Duration = Duration::from_secs(10);

/// Asks the providers how they are, until told to stop. What is known in between comes from the calls that seal and open.
pub async fn watch(sealing: Arc<Sealing>, stop: CancellationToken) {
    let mut before = None;
    loop {
        let health = tokio::select! {
            health = sealing.check() => health,
            () = stop.cancelled() => return,
        };
        let trouble = trouble(&health);
        if before.as_ref() != Some(&trouble) {
            match &trouble {
                Some(trouble) => warn!("key providers: {trouble}"),
                None if before.is_some() => info!("key providers: all are well"),
                None => {}
            }
        }
        let pause = if trouble.is_some() { UNWELL } else { WELL };
        before = Some(trouble);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// The same as a check of the API server in this process, which is there before the keys.
pub fn health_check(keys: &Arc<OnceLock<Arc<Sealing>>>) -> HealthCheck {
    let keys = Arc::clone(keys);
    HealthCheck::new(CHECK, move || match keys.get() {
        Some(sealing) => trouble(&sealing.health()),
        None => Some("the keys are not read yet".to_owned()),
    })
}

/// Which providers are not well, and why, for people; none when all are.
pub fn trouble(health: &[Health]) -> Option<String> {
    let unwell = health.iter().filter(|provider| !provider.is_well());
    let words: Vec<_> = unwell
        .map(|provider| match &provider.trouble {
            Some(error) => format!("{}: {error}", provider.provider),
            None => format!("{}: not asked yet", provider.provider),
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Writes what is measured of providers.
pub(crate) fn measure(encoder: &mut DescriptorEncoder<'_>, health: &[Health]) -> fmt::Result {
    let help = "1 while a provider of keys answers";
    let mut up = encoder.encode_descriptor("fedd_key_provider_up", help, None, MetricType::Gauge)?;
    for of in health {
        let labels = [("provider", of.provider.as_str())];
        ConstGauge::new(i64::from(of.is_well())).encode(up.encode_family(&labels)?)?;
    }
    let help = "Seconds since a provider of keys last said that it is well; none if it never did";
    let mut age =
        encoder.encode_descriptor("fedd_key_provider_last_well_seconds", help, None, MetricType::Gauge)?;
    for (of, since) in health.iter().filter_map(|of| Some((of, of.well_since?))) {
        let labels = [("provider", of.provider.as_str())];
        ConstGauge::new(since.as_secs_f64()).encode(age.encode_family(&labels)?)?;
    }
    let help = "Data keys that a provider of keys was asked to wrap or unwrap, and those that were remembered instead";
    let mut calls = encoder.encode_descriptor("fedd_key_provider_keys", help, None, MetricType::Counter)?;
    for of in health {
        let counted =
            [("wrap", of.calls.wraps), ("unwrap", of.calls.unwraps), ("remembered", of.calls.cache_hits)];
        for (call, count) in counted {
            let labels = [("provider", of.provider.as_str()), ("call", call)];
            ConstCounter::new(count).encode(calls.encode_family(&labels)?)?;
        }
    }
    let help = "Calls of a provider of keys that failed, those for its health among them";
    let mut failures =
        encoder.encode_descriptor("fedd_key_provider_failures", help, None, MetricType::Counter)?;
    for of in health {
        let labels = [("provider", of.provider.as_str())];
        ConstCounter::new(of.calls.failures).encode(failures.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use credential_seal::ProviderError;
    use credential_seal::key_source::Calls;

    use super::*;

    #[test]
    fn providers_that_are_not_well_are_named_with_the_reason() {
        let provider = |name: &str, well_since: Option<Duration>, trouble: Option<ProviderError>| Health {
            provider: name.to_owned(),
            key_id: None,
            well_since,
            trouble,
            calls: Calls::default(),
        };
        let away = ProviderError::Away("no socket".to_owned());
        let well = provider("hsm", Some(Duration::from_secs(5)), None);
        assert_eq!(trouble(std::slice::from_ref(&well)), None);
        let words = trouble(&[
            provider("vault", Some(Duration::from_secs(70)), Some(away)),
            well,
            provider("new", None, None),
        ]);
        let words = words.unwrap();
        assert!(words.contains("vault: ") && words.contains("no socket"), "{words}");
        assert!(words.ends_with("new: not asked yet") && !words.contains("hsm"), "{words}");
    }
}
