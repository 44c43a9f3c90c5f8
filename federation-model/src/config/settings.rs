//! From a config to the settings that the control plane runs with.

use std::time::Duration;

use super::{
    ClusterHealthCheckConfig, DurationConfig, FeatureGateConfig, KubeFedConfigSpec, LeaderElectConfig,
    Settings, StatusControllerConfig, SyncControllerConfig, TenancyConfig,
};
use crate::{Feature, FeatureGates, Mode, Violation, format_duration, parse_duration};

impl KubeFedConfigSpec {
    /// The settings: what is said, and the defaults of [`Settings::default`] for the rest.
    ///
    /// # Errors
    /// Everything that cannot be meant, each with its field.
    pub fn settings(&self) -> Result<Settings, Vec<Violation>> {
        let defaults = Settings::default();
        let mut read = Reader::default();
        let duration = self.controller_duration.clone().unwrap_or_default();
        let leader = self.leader_elect.clone().unwrap_or_default();
        let health = self.cluster_health_check.clone().unwrap_or_default();
        let sync = self.sync_controller.clone().unwrap_or_default();
        let status = self.status_controller.clone().unwrap_or_default();
        let tenancy = self.tenancy.clone().unwrap_or_default();
        // Read for their errors only: fedd has no use for KubeFed's two waits.
        read.duration(
            "controllerDuration.availableDelay",
            duration.available_delay.as_deref(),
            Duration::from_secs(20),
        );
        read.duration(
            "controllerDuration.unavailableDelay",
            duration.unavailable_delay.as_deref(),
            Duration::from_secs(60),
        );
        let settings = Settings {
            scope: self.scope.unwrap_or(defaults.scope),
            cache_sync_timeout: read.duration(
                "controllerDuration.cacheSyncTimeout",
                duration.cache_sync_timeout.as_deref(),
                defaults.cache_sync_timeout,
            ),
            lease_duration: read.duration(
                "leaderElect.leaseDuration",
                leader.lease_duration.as_deref(),
                defaults.lease_duration,
            ),
            renew_deadline: read.duration(
                "leaderElect.renewDeadline",
                leader.renew_deadline.as_deref(),
                defaults.renew_deadline,
            ),
            retry_period: read.duration(
                "leaderElect.retryPeriod",
                leader.retry_period.as_deref(),
                defaults.retry_period,
            ),
            gates: FeatureGates::from_config(self.feature_gates.as_deref().unwrap_or_default()),
            health_period: read.duration(
                "clusterHealthCheck.period",
                health.period.as_deref(),
                defaults.health_period,
            ),
            health_timeout: read.duration(
                "clusterHealthCheck.timeout",
                health.timeout.as_deref(),
                defaults.health_timeout,
            ),
            failure_threshold: read.count(
                "clusterHealthCheck.failureThreshold",
                health.failure_threshold,
                defaults.failure_threshold,
            ),
            success_threshold: read.count(
                "clusterHealthCheck.successThreshold",
                health.success_threshold,
                defaults.success_threshold,
            ),
            lane_workers: read.count(
                "syncController.maxConcurrentReconciles",
                sync.max_concurrent_reconciles,
                16,
            ) as usize,
            adopt: sync.adopt_resources.unwrap_or(Mode::Enabled) == Mode::Enabled,
            status_workers: read.count(
                "statusController.maxConcurrentReconciles",
                status.max_concurrent_reconciles,
                8,
            ) as usize,
            tenant_label: tenancy.tenant_label.unwrap_or(defaults.tenant_label),
            workspace_group_label: tenancy.workspace_group_label.unwrap_or(defaults.workspace_group_label),
        };
        if settings.lease_duration <= settings.renew_deadline {
            read.refuse("leaderElect.leaseDuration", "must be longer than renewDeadline".to_owned());
        }
        if settings.renew_deadline.as_secs_f64() <= settings.retry_period.as_secs_f64() * 1.2 {
            read.refuse("leaderElect.renewDeadline", "must be longer than 1.2 times retryPeriod".to_owned());
        }
        if read.violations.is_empty() { Ok(settings) } else { Err(read.violations) }
    }

    /// The config with every field said, as KubeFed's defaulting webhook makes it. What cannot be read stays for
    /// validation to refuse.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        let d = Settings::default();
        let text = |field: &mut Option<String>, value: Duration| {
            field.get_or_insert_with(|| format_duration(value));
        };
        let duration = self.controller_duration.get_or_insert_with(DurationConfig::default);
        text(&mut duration.available_delay, Duration::from_secs(20));
        text(&mut duration.unavailable_delay, Duration::from_secs(60));
        text(&mut duration.cache_sync_timeout, d.cache_sync_timeout);
        let leader = self.leader_elect.get_or_insert_with(LeaderElectConfig::default);
        text(&mut leader.lease_duration, d.lease_duration);
        text(&mut leader.renew_deadline, d.renew_deadline);
        text(&mut leader.retry_period, d.retry_period);
        leader.resource_lock.get_or_insert_with(|| "leases".to_owned());
        let health = self.cluster_health_check.get_or_insert_with(ClusterHealthCheckConfig::default);
        text(&mut health.period, d.health_period);
        text(&mut health.timeout, d.health_timeout);
        health.failure_threshold.get_or_insert(d.failure_threshold.into());
        health.success_threshold.get_or_insert(d.success_threshold.into());
        let sync = self.sync_controller.get_or_insert_with(SyncControllerConfig::default);
        sync.max_concurrent_reconciles.get_or_insert(i64::try_from(d.lane_workers).unwrap_or(1));
        sync.adopt_resources.get_or_insert(Mode::Enabled);
        let status = self.status_controller.get_or_insert_with(StatusControllerConfig::default);
        status.max_concurrent_reconciles.get_or_insert(i64::try_from(d.status_workers).unwrap_or(1));
        let tenancy = self.tenancy.get_or_insert_with(TenancyConfig::default);
        tenancy.tenant_label.get_or_insert(d.tenant_label);
        tenancy.workspace_group_label.get_or_insert(d.workspace_group_label);
        let gates = self.feature_gates.get_or_insert_with(Vec::new);
        for feature in Feature::ALL {
            if !gates.iter().any(|g| g.name == feature.name()) {
                let configuration = if feature.default_on() { Mode::Enabled } else { Mode::Disabled };
                gates.push(FeatureGateConfig { name: feature.name().to_owned(), configuration });
            }
        }
        gates.sort_by(|a, b| a.name.cmp(&b.name));
        self.scope.get_or_insert(d.scope);
        self
    }
}

/// Reads fields, and keeps what cannot be read.
#[derive(Default)]
struct Reader {
    violations: Vec<Violation>,
}

impl Reader {
    fn refuse(&mut self, field: &str, message: String) {
        self.violations.push(Violation::new(format!("spec.{field}"), message));
    }

    fn duration(&mut self, field: &str, text: Option<&str>, default: Duration) -> Duration {
        let Some(text) = text else { return default };
        match parse_duration(text) {
            Ok(duration) if !duration.is_zero() => return duration,
            Ok(_) => self.refuse(field, "must be more than 0".to_owned()),
            Err(error) => self.refuse(field, error.to_string()),
        }
        default
    }

    fn count(&mut self, field: &str, number: Option<i64>, default: u32) -> u32 {
        match number.map(u32::try_from) {
            None => default,
            Some(Ok(number)) if number > 0 => number,
            Some(_) => {
                self.refuse(field, "must be a whole number from 1".to_owned());
                default
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(json: serde_json::Value) -> KubeFedConfigSpec {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_config_of_kubefeds_or_none_is_enough() {
        assert_eq!(spec(json!({})).settings(), Ok(Settings::default()));
        assert_eq!(spec(json!({})).with_defaults().settings(), Ok(Settings::default()));
        let kubefed = spec(json!({"scope": "Cluster", "clusterHealthCheck": {"period": "5s"},
            "featureGates": [{"name": "PlacementMask", "configuration": "Disabled"}]}));
        let settings = kubefed.settings().unwrap();
        assert_eq!(settings.health_period, Duration::from_secs(5));
        assert!(!settings.gates.is_on(Feature::PlacementMask));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let errors = spec(json!({"clusterHealthCheck": {"period": "often", "failureThreshold": 0}, "leaderElect": {"leaseDuration": "5s"}}))
            .settings()
            .unwrap_err();
        let fields: Vec<_> = errors.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "spec.clusterHealthCheck.period",
                "spec.clusterHealthCheck.failureThreshold",
                "spec.leaderElect.leaseDuration"
            ]
        );
    }
}
